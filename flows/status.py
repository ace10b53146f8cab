"""State hooks of the flow run: they keep full_pass_status true to the state that Prefect has.

`running` claims the user for the run; every later write is fenced by that claim, so a hook that comes late, or of a
run that has been replaced, changes nothing. A hook that fails is logged by Prefect and does not change the run.
"""

from datetime import timedelta
from uuid import UUID

from prefect import Flow, State, get_client
from prefect.client.schemas.objects import FlowRun
from prefect.exceptions import ObjectNotFound
from prefect.states import aget_state_exception

from flows import store, turns
from flows.errors import StepFailed, describe
from flows.settings import PassSettings


async def running(flow: Flow[..., object], flow_run: FlowRun, state: State) -> None:
    """processing, with this run as the owner; another run that is alive keeps the user."""
    user_id, run_id = _user(flow_run), str(flow_run.id)
    async with store.connected() as users:
        owner = await users.claim(user_id, run_id, flow_run.parameters)
        if owner != run_id and not await _is_alive(owner):
            await users.claim(user_id, run_id, flow_run.parameters, replaces=owner)


async def completed(flow: Flow[..., object], flow_run: FlowRun, state: State) -> None:
    async with store.connected() as users:
        await users.complete(_user(flow_run), str(flow_run.id))


async def failed(flow: Flow[..., object], flow_run: FlowRun, state: State) -> None:
    """failed, with `step=…: Type: message`."""
    error = await aget_state_exception(state)
    if isinstance(error, StepFailed):
        await _fail(flow_run, str(error), retry=not error.permanent)
    else:
        await _fail(flow_run, describe(error), retry=not getattr(error, "permanent", False))


async def crashed(flow: Flow[..., object], flow_run: FlowRun, state: State) -> None:
    """failed: the process of the run was stopped or died. The row knows which step it was at."""
    await _fail(flow_run, "Crashed: the process of the flow run ended before its work did", retry=True)
    await turns.release(flow_run.id)


async def cancelled(flow: Flow[..., object], flow_run: FlowRun, state: State) -> None:
    """failed, and not retried by itself: somebody wanted it to stop."""
    await _fail(flow_run, "Cancelled: cancelled by operator", retry=False)


async def _fail(flow_run: FlowRun, error: str, *, retry: bool) -> None:
    settings = PassSettings()
    async with store.connected() as users:
        await users.fail(
            _user(flow_run),
            str(flow_run.id),
            error,
            retry_after=timedelta(minutes=settings.full_pass_retry_minutes) if retry else None,
            max_attempts=settings.full_pass_max_attempts,
        )


async def _is_alive(run_id: str) -> bool:
    async with get_client() as prefect:
        try:
            run = await prefect.read_flow_run(UUID(run_id))
        except (ObjectNotFound, ValueError):
            return False
    return run.state is not None and not run.state.is_final()


def _user(flow_run: FlowRun) -> UUID:
    return UUID(str(flow_run.parameters["user_id"]))
