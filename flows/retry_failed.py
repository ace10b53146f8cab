"""The scheduled flow that sets rows right and starts the next attempt of users whose full pass has failed.

It also deletes what models answered about chunks that have been gone for long, and what killed runs have left on the
disk of the machine that it runs on. Its parts are no tasks: none is retried by itself, and the records of three task
runs would be most of what a tick writes into Prefect's database, nearly always for nothing.
"""

import asyncio
from datetime import timedelta
from typing import Any
from uuid import UUID

from prefect import State, flow, get_client, get_run_logger
from prefect.artifacts import acreate_markdown_artifact
from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.filters import FlowFilter, FlowFilterName
from prefect.client.schemas.objects import FlowRun, StateType
from prefect.runtime import flow_run
from prefect.states import Cancelled, Completed

from flows import events, spool
from flows.errors import SpoolError
from flows.records import DueUser
from flows.runs import deliveries, flow_runs, reconciliation
from flows.settings import PassSettings, StoreSettings
from flows.steps import run_id
from flows.store.client import current_store, open_store

#: Until a run has begun or this is over, no other tick takes the user.
_LEASE = timedelta(minutes=10)


async def _is_overtaking(prefect: PrefectClient) -> bool:
    """Whether another run of this flow began before this one and has not ended."""
    running = await prefect.read_flow_runs(
        flow_filter=FlowFilter(name=FlowFilterName(any_=["retry-failed"])),
        flow_run_filter=flow_runs.in_state(StateType.RUNNING),
    )
    began = {str(run.id): (run.state.timestamp, str(run.id)) for run in running if run.state is not None}
    mine = began.get(run_id())
    return mine is not None and min(began.values()) < mine


async def reconcile(deployment_id: UUID) -> list[str]:
    """Rows that do not say what has become of their runs are set right; returns a row of the report for each."""
    async with get_client() as prefect:
        stale = await reconciliation.reconcile(current_store(), prefect, deployment_id)
    return [_cells(row.user_id, row.why, "set right", row.run) for row in stale]


async def start_due(deployment_id: UUID, most_starts: int) -> list[str]:
    """Starts a run for failed users whose next attempt is due, oldest first, as long as few runs wait for a worker.

    Returns a row of the report for each.
    """
    async with get_client() as prefect:
        active = [run async for run in flow_runs.active(prefect, deployment_id)]
    busy = {flow_runs.user_of(run) for run in active}
    waiting = sum(run.state is not None and (run.state.is_scheduled() or run.state.is_pending()) for run in active)
    started: list[str] = []
    bucket = StoreSettings().storage_bucket
    if waiting < most_starts:
        for user in await current_store().passes.take_due(most_starts - waiting, _LEASE):
            if user.user_id in busy:
                continue
            request = flow_runs.stored_request(user.parameters, user.user_id, bucket)
            if request is None:
                get_run_logger().error(
                    "user %s: the parameters of the failed run are not those of a pass over an export of this user; "
                    "deliver the export again",
                    user.user_id,
                )
                continue
            async with get_client() as prefect:
                run = await flow_runs.start_retry(prefect, deployment_id, request, user.run_id, user.attempts + 1)
            started.append(await _taken(user, run))
            get_run_logger().info("attempt %d of user %s: flow run %s", user.attempts + 1, user.user_id, run.id)
    return started


async def _taken(user: DueUser, run: FlowRun) -> str:
    """Whom a tick took, why, and what it has started."""
    async with get_client() as prefect:
        failed = (await flow_runs.by_id(prefect, [user.run_id])).get(user.run_id)
    why = (failed.state.message if failed and failed.state else None) or "its run is not known any more"
    return _cells(user.user_id, why, "next attempt", run)


def _cells(user_id: UUID | None, why: str, done: str, run: FlowRun | None) -> str:
    link = f"{done}: {flow_runs.link(run.id, run.name)}" if run else done
    return f"| {user_id} | {why.replace('|', '/').replace(chr(10), ' ')} | {link} |"


async def report(told: list[str]) -> None:
    """Writes the artifact `retry-failed`: whom the tick took and why; nothing when there was nobody."""
    if told:
        table = ["| user | because | what was done |", "|---|---|---|", *told]
        await acreate_markdown_artifact(key="retry-failed", markdown="\n".join(table))


async def start_waiting(deployment_id: UUID, most_starts: int) -> list[str]:
    """Starts deliveries that wait for no pass any more, as far as no hook has; returns a row of the report for each."""
    async with get_client() as prefect:
        runs = await deliveries.start_due(current_store(), prefect, deployment_id, limit=most_starts)
    return [_cells(flow_runs.user_of(run), "a delivery waited", "started", run) for run in runs]


async def remove_abandoned() -> None:
    """The text of killed runs leaves this machine; where it cannot, the tick goes on and says so."""
    try:
        if removed := await asyncio.to_thread(spool.remove_abandoned, PassSettings().spool_dir):
            get_run_logger().info("removed the folders of %d killed runs", removed)
    except (SpoolError, OSError) as error:
        get_run_logger().error("%s", error if isinstance(error, SpoolError) else f"SPOOL_DIR: {error.strerror}")


def _name() -> str:
    """When it was due, and whether it starts anything."""
    rows_only = "" if flow_run.parameters.get("most_starts", 1) else " · rows only"
    return f"retry-failed · {flow_run.scheduled_start_time:%H:%M} UTC{rows_only}"


@flow(name="retry-failed", flow_run_name=_name)
async def retry_failed(deployment: str = "full-pass/full-pass", most_starts: int = 20) -> State[Any]:
    """Sets rows right whose run ended without writing them, then starts the attempts that are due.

    most_starts: how many runs may wait for a worker after this tick; 0: only set rows right.
    Returns `{corrected, started}`. A tick that finds an earlier one at work ends Cancelled.
    """
    async with get_client() as prefect:
        # Not a limit of the deployment: a tick that a worker took and lost would hold its only slot for ever.
        if await _is_overtaking(prefect):
            await asyncio.to_thread(events.deliver)
            return Cancelled(name=flow_runs.NOT_RUN, message="not run: an earlier tick is at work")
        deployment_id = (await prefect.read_deployment_by_name(deployment)).id
    await remove_abandoned()
    async with open_store():
        corrected = await reconcile(deployment_id)
        waiting = await start_waiting(deployment_id, most_starts) if most_starts else []
        started = await start_due(deployment_id, most_starts) if most_starts else []
        if most_starts:  # the slower of its schedules
            await current_store().answers.forget(timedelta(days=PassSettings().answer_retention_days))
        await report([*corrected, *waiting, *started])
    await asyncio.to_thread(events.deliver)
    figures = {"corrected": len(corrected), "started": len(waiting) + len(started)}
    done = ", ".join(f"{count} {what}" for what, count in figures.items() if count)
    return Completed(message=done or "nothing to do", data=figures)
