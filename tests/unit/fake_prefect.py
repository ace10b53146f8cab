"""A Prefect API in memory, as far as the flows ask it: flow runs, task runs, and the slots of the tag `extraction`."""

import asyncio
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from types import SimpleNamespace
from typing import Any
from uuid import UUID, uuid4

import httpx
from prefect.client.schemas.objects import Artifact, FlowRun, State, StateType, TaskRun
from prefect.client.schemas.sorting import FlowRunSort
from prefect.events.filters import AutomationFilter
from prefect.exceptions import ObjectNotFound

from flows.runs.tag_slots import EXTRACTING_TAG, SLOT_TAG

DEPLOYMENT = UUID("22222222-0000-4000-8000-000000000001")
_BEGAN = datetime(2026, 11, 1, tzinfo=UTC)


class Limit:
    def __init__(self, concurrency_limit: int, active_slots: Any):
        self.concurrency_limit, self.active_slots = concurrency_limit, active_slots


class FakePrefect:
    """Like PrefectClient. `taken`: slots that the server counts as taken; `holders`: task runs that have one;
    `being_made`, `most_being_made`: flow runs that are made at once."""

    def __init__(self, limit: int | None = 3):
        self.limit = limit
        self.deployment: UUID | None = DEPLOYMENT
        self.deployment_made: datetime | None = None
        self.reports: list[Artifact] = []
        self.automations: set[str] = set()
        self.taken = 0
        self.being_made = self.most_being_made = 0
        self.holders: list[UUID] = []
        self.flow_runs: list[FlowRun] = []
        self.task_runs: list[TaskRun] = []
        self.earlier_states: dict[UUID, list[State[Any]]] = {}

    # What a test puts in

    def run(self, state: StateType, user_id: object = None, message: str | None = None, **fields: Any) -> FlowRun:
        """A flow run of the deployment; each is made a minute after the one before."""
        made = _BEGAN + timedelta(minutes=len(self.flow_runs))
        run = FlowRun(
            id=uuid4(),
            flow_id=uuid4(),
            deployment_id=DEPLOYMENT,
            created=made,
            end_time=datetime.now(UTC),
            parameters={"user_id": str(user_id)} if user_id else {},
            state=State(type=state, message=message),
            **fields,
        )
        self.flow_runs.append(run)
        return run

    def extracting(self, run: FlowRun, tag: str = EXTRACTING_TAG) -> UUID:
        """A running task of the run; returns its id."""
        task = TaskRun(
            id=uuid4(),
            task_key="t",
            dynamic_key="0",
            flow_run_id=run.id,
            tags=[tag],
            state=State(type=StateType.RUNNING),
        )
        self.task_runs.append(task)
        return task.id

    def holding(self, run: FlowRun) -> None:
        self.holders.append(self.extracting(run, SLOT_TAG))
        self.taken += 1

    # What the flows ask

    async def create_artifact(self, artifact: Any) -> Artifact:
        self.reports.insert(0, Artifact(id=uuid4(), **artifact.model_dump()))
        return self.reports[0]

    async def hello(self) -> httpx.Response:
        return httpx.Response(200, headers={"date": format_datetime(_BEGAN)})

    async def read_deployment_by_name(self, name: str) -> Any:
        if self.deployment is None:
            raise ObjectNotFound(Exception("no such deployment"))
        return SimpleNamespace(id=self.deployment)

    async def read_deployment(self, deployment_id: UUID) -> Any:
        if deployment_id != self.deployment:
            raise ObjectNotFound(Exception("no such deployment"))
        return SimpleNamespace(id=deployment_id, created=self.deployment_made)

    async def create_flow_run_from_deployment(
        self,
        deployment_id: UUID,
        *,
        state: State[Any],
        parameters: dict[str, Any],
        name: str,
        tags: list[str],
        idempotency_key: str,
    ) -> FlowRun:
        if deployment_id != self.deployment:
            raise ObjectNotFound(Exception("no such deployment"))
        for run in self.flow_runs:
            if run.idempotency_key == idempotency_key:
                return run
        run = self.run(StateType.SCHEDULED, idempotency_key=idempotency_key, name=name)
        run.parameters, run.tags = parameters, tags
        self.being_made += 1
        self.most_being_made = max(self.most_being_made, self.being_made)
        for _ in range(20):  # others have their turn, as while the server works
            await asyncio.sleep(0)
        self.being_made -= 1
        return run

    async def set_flow_run_state(self, flow_run_id: UUID, state: State[Any], force: bool = False) -> None:
        (await self.read_flow_run(flow_run_id)).state = state

    async def read_flow_run(self, flow_run_id: UUID) -> FlowRun:
        for run in self.flow_runs:
            if run.id == flow_run_id:
                return run
        raise ObjectNotFound(Exception("no such run"))

    async def read_flow_runs(
        self, *, flow_run_filter: Any, sort: Any = None, limit: int = 200, offset: int = 0, **_: object
    ) -> list[FlowRun]:
        assert limit <= 200
        found = [run for run in self.flow_runs if _flow_run_matches(run, flow_run_filter)]
        if sort == FlowRunSort.START_TIME_DESC:
            found.reverse()
        return found[offset : offset + limit]

    async def update_flow_run(self, flow_run_id: UUID, name: str | None = None, tags: list[str] | None = None) -> None:
        run = await self.read_flow_run(flow_run_id)
        run.name, run.tags = name or run.name, run.tags if tags is None else tags

    async def read_artifacts(self, **_: object) -> list[Artifact]:
        return self.reports

    async def update_artifact(self, artifact_id: UUID, update: Any) -> None:
        (report,) = (report for report in self.reports if report.id == artifact_id)
        report.data, report.description = update.data, update.description or report.description

    async def read_flow_run_states(self, flow_run_id: UUID) -> list[State[Any]]:
        return self.earlier_states.get(flow_run_id, [])

    async def read_task_runs(self, *, flow_run_filter: Any, task_run_filter: Any, limit: int = 200) -> list[TaskRun]:
        runs = {run.id for run in self.flow_runs if _flow_run_matches(run, flow_run_filter)}
        return [task for task in self.task_runs if task.flow_run_id in runs and _task_matches(task, task_run_filter)]

    async def read_concurrency_limit_by_tag(self, tag: str) -> Limit:
        assert tag == SLOT_TAG
        if self.limit is None:
            raise ObjectNotFound(Exception("no such limit"))
        return Limit(self.limit, list(self.holders))

    async def read_automations(self, automations: AutomationFilter) -> list[SimpleNamespace]:
        assert automations.name is not None
        assert automations.name.any_ is not None
        return [SimpleNamespace(name=name) for name in automations.name.any_ if name in self.automations]

    async def read_global_concurrency_limit_by_name(self, name: str) -> Limit:
        assert name == f"tag:{SLOT_TAG}"
        return Limit(self.limit or 0, self.taken)

    async def release_concurrency_slots(self, names: list[str], slots: int, occupancy_seconds: float) -> None:
        assert occupancy_seconds > 0
        self.taken -= slots

    async def decrement_v1_concurrency_slots(
        self, names: list[str], task_run_id: UUID, occupancy_seconds: float
    ) -> None:
        self.holders.remove(task_run_id)
        self.taken -= 1


def _flow_run_matches(run: FlowRun, asked: Any) -> bool:
    assert run.state is not None
    return (
        (not asked.id or run.id in asked.id.any_)
        and (not asked.deployment_id or run.deployment_id in asked.deployment_id.any_)
        and (not asked.state or run.state.type in asked.state.type.any_)
        and (not asked.tags or set(asked.tags.all_) <= set(run.tags))
        and (not asked.end_time or (run.end_time is not None and run.end_time > asked.end_time.after_))
    )


def _task_matches(task: TaskRun, asked: Any) -> bool:
    assert task.state is not None
    return (
        (not asked.id or task.id in asked.id.any_)
        and (not asked.tags or set(asked.tags.all_) <= set(task.tags))
        and (not asked.state or task.state.type in asked.state.type.any_)
    )
