"""The slots of the tag `extraction` as the Prefect server has them: how many, who extracts, and which nobody has."""

from uuid import UUID

from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.filters import (
    FlowRunFilter,
    FlowRunFilterId,
    TaskRunFilter,
    TaskRunFilterId,
    TaskRunFilterState,
    TaskRunFilterStateType,
    TaskRunFilterTags,
)
from prefect.client.schemas.objects import StateType, TaskRun
from prefect.exceptions import ObjectNotFound

from flows.runs.flow_runs import in_state
from flows.settings import fact_extraction_concurrency

#: Of the task runs that call a model; the server limits how many of them run at a time.
SLOT_TAG = "extraction"
#: Of the task runs within which a flow run extracts, so that runs find each other and share the slots.
EXTRACTING_TAG = "extracting"

_MOST_RUNS = 200

_RUNNING_FLOWS = in_state(StateType.RUNNING)
_RUNNING_TASKS = TaskRunFilterState(type=TaskRunFilterStateType(any_=[StateType.RUNNING]))


async def limit(prefect: PrefectClient) -> int:
    """How many slots there are; where the deployment has not been applied nothing else holds, so the setting does."""
    try:
        return (await prefect.read_concurrency_limit_by_tag(SLOT_TAG)).concurrency_limit
    except ObjectNotFound:
        return fact_extraction_concurrency()


async def extracting_runs(prefect: PrefectClient) -> set[str]:
    """The ids of the flow runs that are extracting now."""
    return {str(run.flow_run_id) for run in await _running(prefect, EXTRACTING_TAG)}


async def lost_slots(prefect: PrefectClient) -> int:
    """How many slots nobody has, though the server counts them as taken.

    It counts slots apart from the leases on them, and leases that it keeps in memory are gone when it is killed: then
    nobody is left to give those slots back, and nobody would extract again.
    """
    try:
        taken = (await prefect.read_global_concurrency_limit_by_name(f"tag:{SLOT_TAG}")).active_slots
        holders = (await prefect.read_concurrency_limit_by_tag(SLOT_TAG)).active_slots
    except ObjectNotFound:
        return 0
    running = await _running(prefect, SLOT_TAG)
    # Who has lost the lease may still be calling.
    return max(taken - max(len(holders), len(running)), 0)


async def give_back(prefect: PrefectClient, slots: int) -> None:
    await prefect.release_concurrency_slots(
        [f"tag:{SLOT_TAG}"], slots, occupancy_seconds=1.0
    )  # more than 0 is asked for


async def release(prefect: PrefectClient, flow_run_id: UUID) -> None:
    """Frees the slots of a flow run whose process has died; the server itself would keep them for another minute."""
    try:
        holders = (await prefect.read_concurrency_limit_by_tag(SLOT_TAG)).active_slots
    except ObjectNotFound:
        return
    runs = await prefect.read_task_runs(
        flow_run_filter=FlowRunFilter(id=FlowRunFilterId(any_=[flow_run_id])),
        task_run_filter=TaskRunFilter(id=TaskRunFilterId(any_=list(holders))),
    )
    for run in runs:
        await prefect.decrement_v1_concurrency_slots([SLOT_TAG], run.id, occupancy_seconds=0)


async def _running(prefect: PrefectClient, tag: str) -> list[TaskRun]:
    return await prefect.read_task_runs(
        flow_run_filter=_RUNNING_FLOWS,
        task_run_filter=TaskRunFilter(tags=TaskRunFilterTags(all_=[tag]), state=_RUNNING_TASKS),
        limit=_MOST_RUNS,
    )
