"""full_pass_status follows the states that Prefect has of the flow run: its state hooks write it.

`running` claims the user for the run; every later write is fenced by that claim, so a hook that comes late, or of a
run that has been replaced, changes nothing. A hook that fails is logged by Prefect and does not change the run; what
it could not write, and what no hook saw, is set right by flows.reconciliation. When the pass has ended, a delivery of
the user that has waited for it is started.
"""

from datetime import datetime, timedelta
from uuid import UUID

from prefect import Flow, State, get_client
from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.objects import FlowRun, StateType
from prefect.events import emit_event
from prefect.exceptions import ObjectNotFound

from flows.errors import reported
from flows.runs import deliveries, interruption, tag_slots
from flows.settings import PassSettings
from flows.store.client import Store, open_store

EXHAUSTED = "soulprint.full-pass.exhausted"

_CRASHED = "Crashed: the process of the flow run ended before its work did"
_CANCELLED = "Cancelled: cancelled by operator"


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


async def claim(store: Store, prefect: PrefectClient, flow_run: FlowRun) -> bool:
    """Makes the run the owner of its user, unless another run that is alive has it; returns whether it is."""
    user_id, run_id = UUID(str(flow_run.parameters["user_id"])), str(flow_run.id)
    owner = await store.passes.claim(user_id, run_id, flow_run.parameters)
    if owner != run_id and not await _is_alive(prefect, owner):
        owner = await store.passes.claim(user_id, run_id, flow_run.parameters, replaces=owner)
    return owner == run_id


async def write_end(store: Store, prefect: PrefectClient, flow_run: FlowRun, state: State) -> None:
    """Writes how the run has ended, if it owns its user."""
    user_id, run_id = UUID(str(flow_run.parameters["user_id"])), str(flow_run.id)
    match state.type:
        case StateType.COMPLETED:
            await store.passes.complete(user_id, run_id)
        case StateType.FAILED:
            error = reported(state.message)
            await _fail(store, user_id, run_id, error.text, retry=not error.permanent, not_before=error.retry_at)
        case StateType.CANCELLED | StateType.CANCELLING:
            await _fail(store, user_id, run_id, _CANCELLED, retry=False)
            await tag_slots.release(prefect, flow_run.id)
        case _:
            await write_crash(store, user_id, run_id)
            await tag_slots.release(prefect, flow_run.id)


async def write_crash(store: Store, user_id: UUID, run_id: str) -> None:
    await _fail(store, user_id, run_id, _CRASHED, retry=True)


async def _fail(
    store: Store, user_id: UUID, run_id: str, error: str, *, retry: bool, not_before: datetime | None = None
) -> None:
    settings = PassSettings()
    failure = await store.passes.fail(
        user_id,
        run_id,
        error,
        retry_after=timedelta(minutes=settings.full_pass_retry_minutes) if retry else None,
        max_attempts=settings.full_pass_max_attempts,
        not_before=not_before,
    )
    if failure.exhausted:
        emit_event(
            event=EXHAUSTED,
            resource={"prefect.resource.id": f"soulprint.user.{user_id}", "soulprint.user-id": str(user_id)},
            related=[{"prefect.resource.id": f"prefect.flow-run.{run_id}", "prefect.resource.role": "flow-run"}],
            payload={"attempts": failure.attempts, "error": failure.error},
        )


async def _is_alive(prefect: PrefectClient, run_id: str) -> bool:
    try:
        run = await prefect.read_flow_run(UUID(run_id))
    except (ObjectNotFound, ValueError):
        return False
    return run.state is not None and not run.state.is_final()
