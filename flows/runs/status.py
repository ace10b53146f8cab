"""full_pass_status follows the states that Prefect has of the flow run: its state hooks write it.

`running` claims the user for the run; every later write is fenced by that claim, so a hook that comes late, or of a
run that has been replaced, changes nothing. A hook that fails is logged by Prefect and does not change the run; what
it could not write, and what no hook saw, is set right by flows.reconciliation. When the pass has ended, a delivery of
the user that has waited for it is started.
"""

import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from prefect import Flow, State, get_client
from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.objects import FlowRun, StateType
from prefect.exceptions import ObjectNotFound
from prefect.logging.loggers import flow_run_logger
from prefect.states import Cancelled, Crashed, Failed

from flows import events
from flows.errors import ReportedError, reported
from flows.records import FailedPass, Ownership
from flows.runs import deliveries, flow_runs, interruption, run_report, tag_slots
from flows.settings import PassSettings
from flows.store.client import Store, open_store

_CRASHED = "Crashed: the process of the flow run ended before its work did"
_CANCELLED = "Cancelled: cancelled by operator"
_NOT_RESUMED = "Suspended: by an operator, and not resumed in time"
_DELETED = "RunDeleted: the flow run was deleted before it {}; deliver the export again, or POST /retry-full-pass"
_ALREADY = {StateType.FAILED, StateType.CRASHED, StateType.CANCELLED, StateType.CANCELLING}
#: What the server says of a run whose time to be resumed is over.
_EXPIRED = re.compile(r"The flow was \w+ and never resumed\.")
#: What Prefect and the automations say of a run that has died; anything else may quote something.
_WHY = re.compile(r"Process exited with status code: -?\d+|no heartbeat.*|a worker took this run.*")


async def running(flow: Flow[..., object], flow_run: FlowRun, state: State) -> None:
    """processing, with this run as the owner; another run that is alive keeps the user."""
    async with open_store() as store, get_client() as prefect:
        await claim(store, prefect, flow_run)


async def completed(flow: Flow[..., object], flow_run: FlowRun, state: State) -> None:
    await _write_end(flow_run, state)


async def failed(flow: Flow[..., object], flow_run: FlowRun, state: State) -> None:
    """failed, with `step=…: Type: message`."""
    await _write_end(flow_run, state)


async def crashed(flow: Flow[..., object], flow_run: FlowRun, state: State) -> None:
    """failed: the process of the run has died. The row knows which step it was at.

    When it was told to go, the row stays as it is: the next worker goes on with the same run.
    """
    if interruption.was_told_to_go(flow_run.id, state):
        async with get_client() as prefect:
            if await interruption.put_back(prefect, flow_run.id):
                return
    await _write_end(flow_run, state)


async def cancelled(flow: Flow[..., object], flow_run: FlowRun, state: State) -> None:
    """failed, and not tried again by itself: somebody wanted it to stop."""
    await _write_end(flow_run, state)


async def _write_end(flow_run: FlowRun, state: State) -> None:
    async with open_store() as store, get_client() as prefect:
        await write_end(store, prefect, flow_run, state)
        if flow_run.deployment_id is not None:
            user_id = UUID(str(flow_run.parameters["user_id"]))
            await deliveries.start_due(store, prefect, flow_run.deployment_id, user_id)


async def claim(store: Store, prefect: PrefectClient, flow_run: FlowRun) -> Ownership:
    """Makes the run the owner of its user, unless another run that is alive has it, or a newer one has had it."""
    user_id, run_id = UUID(str(flow_run.parameters["user_id"])), str(flow_run.id)
    if (newer := await _newer_owner(store, prefect, user_id, flow_run)) is not None:
        return newer
    row = await store.passes.claim(user_id, run_id, flow_run.parameters)
    if row.owner != run_id and not await _is_alive(prefect, row.owner or ""):
        row = await store.passes.claim(user_id, run_id, flow_run.parameters, replaces=row.owner or "")
    return row


async def _newer_owner(store: Store, prefect: PrefectClient, user_id: UUID, flow_run: FlowRun) -> Ownership | None:
    """Who has had the user last, if that run was made later and has read something else.

    Whoever retries an old run would bring an older export over a newer one.
    """
    columns = "user_id,full_pass_status,full_pass_run_id,full_pass_parameters"
    row = (await store.passes.rows([user_id], columns)).get(user_id)
    if row is None or row.full_pass_run_id in (None, "", str(flow_run.id)):
        return None
    owner = await _known(prefect, row.full_pass_run_id or "")
    if owner is None or owner.created is None or flow_run.created is None or owner.created <= flow_run.created:
        return None
    if _asks(row.full_pass_parameters) == _asks(flow_run.parameters):
        return None
    return Ownership(found=True, owner=row.full_pass_run_id, status=row.full_pass_status)


def _asks(parameters: Mapping[str, Any] | None) -> tuple[object, object]:
    known = parameters or {}
    return known.get("delivery_id"), known.get("storage_path")


async def write_end(store: Store, prefect: PrefectClient, flow_run: FlowRun, state: State) -> None:
    """Writes how the run has ended, if it owns its user."""
    user_id, run_id = UUID(str(flow_run.parameters["user_id"])), str(flow_run.id)
    match state.type:
        case StateType.COMPLETED:
            await store.passes.complete(user_id, run_id)
        case StateType.FAILED if _EXPIRED.fullmatch(state.message or ""):
            failure = await _fail(store, user_id, run_id, _NOT_RESUMED, retry=False)
            told = f"failed at {_step(failure)}: {_NOT_RESUMED}; {outlook(failure)}, Retry goes on where it stopped"
            await _clean_up(prefect, flow_run, failure, Failed(message=told))
        case StateType.FAILED:
            await write_failure(store, user_id, run_id, reported(state.message))
        case StateType.CANCELLED | StateType.CANCELLING:
            failure = await _fail(store, user_id, run_id, _CANCELLED, retry=False)
            told = f"cancelled at {_step(failure)} by an operator; {outlook(failure)}, Retry goes on where it stopped"
            await _clean_up(prefect, flow_run, failure, Cancelled(message=told))
        case _:
            failure = await write_crash(store, user_id, run_id)
            told = f"crashed at {_step(failure)}: {_why(state)}; {outlook(failure)}"
            await _clean_up(prefect, flow_run, failure, Crashed(message=told))


async def write_failure(store: Store, user_id: UUID, run_id: str, error: ReportedError) -> FailedPass:
    return await _fail(store, user_id, run_id, error.text, retry=not error.permanent, not_before=error.retry_at)


async def write_crash(store: Store, user_id: UUID, run_id: str) -> FailedPass:
    return await _fail(store, user_id, run_id, _CRASHED, retry=True)


async def write_deleted(store: Store, user_id: UUID, run_id: str, delivery_id: UUID) -> None:
    """Of a run that was deleted before it began: failed, unless another one has the user."""
    known = (await store.passes.rows([user_id], "user_id,full_pass_run_id")).get(user_id)
    if known is not None and known.full_pass_run_id == run_id:  # it had begun, and its end is written
        return
    row = await store.passes.claim(user_id, run_id, {"user_id": str(user_id), "delivery_id": str(delivery_id)})
    if row.owner == run_id:
        await _fail(store, user_id, run_id, _DELETED.format("began"), retry=False)


async def write_deleted_owner(store: Store, prefect: PrefectClient, user_id: UUID, run_id: str) -> None:
    """Of a run that was deleted while it had the user, as one that is suspended."""
    error = _DELETED.format("ended")
    failure = await _fail(store, user_id, run_id, error, retry=False)
    if failure.failed:
        await run_report.mark(prefect, UUID(run_id), f"failed at {_step(failure)}: {error}; {outlook(failure)}", "")


def outlook(failure: FailedPass) -> str:
    """What will come of a failed pass."""
    if failure.next_retry_at is not None:
        return f"next attempt {flow_runs.clock(datetime.fromisoformat(failure.next_retry_at))}"
    return "that was the last attempt, Retry begins another" if failure.exhausted else "not tried again by itself"


def _step(failure: FailedPass) -> str:
    """At which step the row was; it says so in its error."""
    return failure.error.removeprefix("step=").partition(":")[0]


def _why(state: State) -> str:
    found = _WHY.match(state.message or "")
    return found[0] if found else "its process ended before its work did"


async def _clean_up(prefect: PrefectClient, flow_run: FlowRun, failure: FailedPass, ended: State) -> None:
    """After a run whose process could not do it: its slots, and what its state, its report and its log say."""
    await tag_slots.release(prefect, flow_run.id)
    run = await _known(prefect, str(flow_run.id))
    # Somebody may have pressed Retry meanwhile.
    if failure.failed and run is not None and run.state is not None and run.state.type in _ALREADY:
        await prefect.set_flow_run_state(run.id, ended, force=True)
        to_do = run_report.remedy(ended.name or "", UUID(str(run.parameters["user_id"])))
        await run_report.mark(prefect, run.id, ended.message or "", to_do)
        flow_run_logger(run).error("%s", ended.message)


async def _fail(
    store: Store, user_id: UUID, run_id: str, error: str, *, retry: bool, not_before: datetime | None = None
) -> FailedPass:
    settings = PassSettings()
    failure = await store.passes.fail(
        user_id,
        run_id,
        error,
        retry_after=timedelta(minutes=settings.full_pass_retry_minutes) if retry else None,
        max_attempts=settings.full_pass_max_attempts,
        not_before=not_before,
    )
    if failure.failed:
        told = {"attempts": failure.attempts, "error": failure.error}
        events.emit("failed", user_id, run_id, {**told, "next_retry_at": failure.next_retry_at})
        if failure.exhausted:
            events.emit("exhausted", user_id, run_id, told)
    return failure


async def _is_alive(prefect: PrefectClient, run_id: str) -> bool:
    run = await _known(prefect, run_id)
    return run is not None and run.state is not None and not run.state.is_final()


async def _known(prefect: PrefectClient, run_id: str) -> FlowRun | None:
    try:
        return await prefect.read_flow_run(UUID(run_id))
    except (ObjectNotFound, ValueError):
        return None
