"""A user's last passes, as Prefect has them."""

import asyncio
from uuid import UUID

import httpx
from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.objects import FlowRun
from prefect.exceptions import PrefectHTTPStatusError

from deployments.receiver.bodies import PassRun
from flows.errors import reported
from flows.runs import flow_runs

_SECONDS = 2.0
_MOST = 10
_OURS = ("complete: ", "cancelled at ", "crashed at ", "not run: ")  # begins what flows.runs says of ends


async def of_user(prefect: PrefectClient, user_id: UUID) -> list[PassRun] | None:
    """The newest first; None: Prefect does not tell in time, which is no reason to tell nothing."""
    try:
        async with asyncio.timeout(_SECONDS):
            return [_shown(run) for run in await flow_runs.latest(prefect, user_id, _MOST)]
    except (TimeoutError, PrefectHTTPStatusError, httpx.HTTPError):
        return None


def _shown(run: FlowRun) -> PassRun:
    state = run.state
    return PassRun(
        flow_run_id=run.id,
        attempt=flow_runs.attempt_of(run),
        state=state.name if state and state.name else "Pending",
        message=_said(run),
        began_at=run.start_time,
        ended_at=run.end_time,
        cost_usd=flow_runs.cost_of(run),
    )


def _said(run: FlowRun) -> str | None:
    """How it ended. Of a message that is not ours only the type of the error: it may quote what was sent."""
    if run.state is None or not run.state.is_final():
        return None
    message = run.state.message or ""
    if run.state.is_failed():
        return reported(message).text
    return message if message.startswith(_OURS) else None
