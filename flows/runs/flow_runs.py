"""The flow runs of the deployment `full-pass`: which there are, and how another one is started for a user."""

import hashlib
from collections.abc import AsyncIterator, Mapping
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Any, Literal
from uuid import UUID

from prefect import get_client
from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.filters import (
    FlowRunFilter,
    FlowRunFilterDeploymentId,
    FlowRunFilterEndTime,
    FlowRunFilterState,
    FlowRunFilterStateType,
    FlowRunFilterTags,
)
from prefect.client.schemas.objects import FlowRun, StateType
from prefect.client.schemas.sorting import FlowRunSort
from prefect.deployments import arun_deployment
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from flows.errors import ExportError
from flows.store.exports import object_name

_PAGE = 200  # what the Prefect API returns at most


class PassRequest(BaseModel):
    """The parameters of a run, as a delivery to the webhook names them."""

    model_config = ConfigDict(extra="ignore")

    user_id: UUID
    storage_path: str = Field(min_length=1, max_length=1_024)
    conversation_count: int | None = Field(default=None, ge=0, le=10_000_000)
    file_type: Literal["zip", "json"] | None = None
    replace: bool = False

    def digest(self) -> str:
        """What is asked for, as a tag of the runs that do it."""
        return f"delivery-{hashlib.sha256(self.model_dump_json().encode()).hexdigest()[:16]}"


def stored_request(parameters: Mapping[str, Any] | None, user_id: UUID, bucket: str) -> PassRequest | None:
    """What the row of a user says is to be done again; None if that is no pass of this user over an own export.

    A row is data: what stands in it may be older than the rules for it, or have been written by somebody else.
    """
    try:
        request = PassRequest.model_validate(parameters)
        object_name(request.storage_path, user_id, bucket)
    except (ValidationError, ExportError):
        return None
    return request if request.user_id == user_id else None


async def start(deployment: str, request: PassRequest, key: str) -> FlowRun:
    """The run that was started for the user with this key, or else a new one.

    Raises ObjectNotFound when there is no such deployment, httpx.HTTPError when the Prefect API cannot be reached.
    """
    return await arun_deployment(
        deployment,
        scheduled_time=await _server_time(),
        parameters=request.model_dump(mode="json"),
        tags=[request.digest()],
        # The user is part of every key, so a key that two users happen to send does not meet.
        idempotency_key=hashlib.sha256(f"{request.user_id} {key}".encode()).hexdigest(),
        timeout=0,
        as_subflow=False,
    )


async def _server_time() -> datetime | None:
    """Now by the server's clock. By this machine's, were it ahead, the run would wait; None: it is not said."""
    async with get_client() as prefect:
        said = (await prefect.hello()).headers.get("date")
    return parsedate_to_datetime(said) if said else None


async def start_unless_active(deployment: str, request: PassRequest) -> FlowRun:
    """The run that the same request made last, if it has not ended; else a new one.

    The new run's key names the one before it, so that two requests at the same moment make the same run.
    """
    async with get_client() as prefect:
        made = await prefect.read_flow_runs(
            flow_run_filter=FlowRunFilter(tags=FlowRunFilterTags(all_=[request.digest()])),
            sort=FlowRunSort.EXPECTED_START_TIME_DESC,
            limit=1,
        )
    last = made[0] if made else None
    if last and last.state and not last.state.is_final():
        return last
    return await start(deployment, request, f"{request.digest()} after {last.id if last else 'none'}")


async def start_retry(deployment: str, request: PassRequest, failed_run_id: str) -> FlowRun:
    """The next attempt after a run that has failed; whoever asks for it at the same time gets the same run."""
    key = f"retry of {failed_run_id}"
    # A run of that key which has ended without ever having had the user was lost before it began.
    while (run := await start(deployment, request, key)).state is not None and run.state.is_final():
        key = f"retry of {failed_run_id} after {run.id}"
    return run


async def active(prefect: PrefectClient, deployment_id: UUID) -> AsyncIterator[FlowRun]:
    """The runs that have not ended."""
    alive = [StateType.SCHEDULED, StateType.PENDING, StateType.RUNNING, StateType.PAUSED, StateType.CANCELLING]
    async for run in _pages(prefect, _of(deployment_id, alive), FlowRunSort.EXPECTED_START_TIME_ASC):
        yield run


async def ended_badly(prefect: PrefectClient, deployment_id: UUID, since: datetime) -> AsyncIterator[FlowRun]:
    """The runs that have failed, crashed or been cancelled since then, the last one first."""
    asked = _of(deployment_id, [StateType.FAILED, StateType.CRASHED, StateType.CANCELLED])
    asked.end_time = FlowRunFilterEndTime(after_=since)
    async for run in _pages(prefect, asked, FlowRunSort.END_TIME_DESC):
        yield run


def user_of(run: FlowRun) -> UUID | None:
    """The user that a run is for; None when its parameters do not say, as those of a run that was refused for it."""
    try:
        return UUID(str(run.parameters["user_id"]))
    except (KeyError, ValueError):
        return None


def in_state(*states: StateType) -> FlowRunFilter:
    """Matches the runs of any flow that are in one of these states."""
    return FlowRunFilter(state=FlowRunFilterState(type=FlowRunFilterStateType(any_=list(states))))


def _of(deployment_id: UUID, states: list[StateType]) -> FlowRunFilter:
    asked = in_state(*states)
    asked.deployment_id = FlowRunFilterDeploymentId(any_=[deployment_id])
    return asked


async def _pages(prefect: PrefectClient, asked: FlowRunFilter, sort: FlowRunSort) -> AsyncIterator[FlowRun]:
    offset = 0
    while True:
        page = await prefect.read_flow_runs(flow_run_filter=asked, sort=sort, limit=_PAGE, offset=offset)
        for run in page:
            yield run
        if len(page) < _PAGE:
            return
        offset += _PAGE
