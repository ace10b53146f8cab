"""The flow runs of the deployment `full-pass`: which there are, and how another one is started for a user."""

import hashlib
import json
import re
from collections.abc import AsyncIterator, Iterable, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from itertools import zip_longest
from typing import Annotated, Any, Literal
from uuid import UUID, uuid5

from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.filters import (
    FlowFilter,
    FlowFilterName,
    FlowRunFilter,
    FlowRunFilterDeploymentId,
    FlowRunFilterEndTime,
    FlowRunFilterId,
    FlowRunFilterState,
    FlowRunFilterStateType,
    FlowRunFilterTags,
)
from prefect.client.schemas.objects import FlowRun, StateType
from prefect.client.schemas.sorting import FlowRunSort
from prefect.settings import get_current_settings
from prefect.states import Scheduled
from prefect.utilities.urls import url_for
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from flows import __version__
from flows.errors import ExportError, ReportedError
from flows.portions import by_count
from flows.records import Import
from flows.store.exports import MOST_FILES, object_name

#: `imports/<user_id>/<file>`; one that ends with "/" is a folder.
StoragePath = Annotated[str, Field(min_length=1, max_length=1_024)]

_PAGE = 200  # what the Prefect API returns at most

#: States of their own: of a completed run whose sections stay as they were, and of one that was not to begin.
WITHOUT_SECTIONS = "Completed without sections"
NOT_RUN = "Not run"

Trigger = Literal["webhook", "retry", "manual"]
_TRIGGER_TAG = "trigger:"
#: Of a run that has ended: what it has cost, in dollars; without it, that is not known.
COST_LABEL = "soulprint.cost-usd"
_NAME = re.compile(r"full-pass · [0-9a-f]{8} · attempt (\d+)")
_FAILURE_TAGS = ("error:", "failed:")


class PassRequest(BaseModel):
    """The parameters of a run: a delivery; or, of a run that is started by hand or is older than deliveries, paths."""

    model_config = ConfigDict(extra="ignore")

    user_id: UUID
    delivery_id: UUID | None = None
    storage_path: StoragePath | Annotated[list[StoragePath], Field(min_length=1, max_length=MOST_FILES)] | None = None
    conversation_count: int | None = Field(default=None, ge=0, le=10_000_000)
    file_type: Literal["zip", "json"] | None = None
    replace: bool = False
    versions: list[str | None] | None = None  # of the objects that the paths name; of a delivery

    @property
    def paths(self) -> list[str]:
        """Those of the files of the export, or of the folders that they are in."""
        return [self.storage_path] if isinstance(self.storage_path, str) else self.storage_path or []

    def upload(self) -> Import:
        """By what the upload is known again."""
        objects = json.dumps(sorted(zip_longest(self.paths, self.versions or [])))
        return Import(uuid5(self.user_id, objects), self.delivery_id)

    def parameters(self) -> dict[str, Any]:
        """For Prefect, where no name of a file is to stand."""
        return self.model_dump(mode="json", exclude_defaults=True)


def stored_request(parameters: Mapping[str, Any] | None, user_id: UUID, bucket: str) -> PassRequest | None:
    """What the row of a user says is to be done again; None if that is no pass of this user over an own export.

    A row is data: what stands in it may be older than the rules for it, or have been written by somebody else.
    """
    try:
        request = PassRequest.model_validate(parameters)
        for path in [] if request.delivery_id else request.paths or [""]:
            object_name(path, user_id, bucket)
    except (ValidationError, ExportError):
        return None
    return request if request.user_id == user_id else None


async def start_retry(
    prefect: PrefectClient, deployment_id: UUID, request: PassRequest, failed_run_id: str, attempt: int = 2
) -> FlowRun:
    """The next attempt after a run that has failed; whoever asks for it at the same time gets the same run."""
    return await start(prefect, deployment_id, request, f"retry of {failed_run_id}", "retry", attempt)


async def start(
    prefect: PrefectClient,
    deployment_id: UUID,
    request: PassRequest,
    key: str,
    trigger: Trigger = "webhook",
    attempt: int = 1,
) -> FlowRun:
    """The run of this user and key that has not ended, or else a new one.

    A run of that key which has ended without ever having had the user was lost before it began. Raises ObjectNotFound
    when there is no such deployment, httpx.HTTPError when the Prefect API cannot be reached.
    """
    tried = key
    name, tags = name_of(request.user_id, attempt), [tag_of(request.user_id), f"{_TRIGGER_TAG}{trigger}"]
    while True:
        run = await _started(prefect, deployment_id, request, tried, name, tags)
        if run.state is None or not run.state.is_final():
            return run
        tried = f"{key} after {run.id}"


async def _started(
    prefect: PrefectClient, deployment_id: UUID, request: PassRequest, key: str, name: str, tags: list[str]
) -> FlowRun:
    return await prefect.create_flow_run_from_deployment(
        deployment_id,
        state=Scheduled(scheduled_time=await server_time(prefect)),
        parameters=request.parameters(),
        name=name,
        tags=tags,
        # The user is part of every key, so a key that two users happen to send does not meet.
        idempotency_key=hashlib.sha256(f"{request.user_id} {key}".encode()).hexdigest(),
    )


async def start_regeneration(prefect: PrefectClient, user_id: UUID, at: datetime, after_run: str) -> None:
    """Schedules `regenerate-sections` for a user whose pass has completed without them; once for each run."""
    deployment = await prefect.read_deployment_by_name("regenerate-sections/regenerate-sections")
    await prefect.create_flow_run_from_deployment(
        deployment.id,
        state=Scheduled(scheduled_time=at),
        parameters={"user_id": str(user_id)},
        name=run_name("regenerate-sections", user_id),
        tags=[tag_of(user_id), f"{_TRIGGER_TAG}retry"],
        idempotency_key=f"sections after {after_run}",
    )


async def introduce(prefect: PrefectClient, run: FlowRun, user_id: UUID, name: str, model: str) -> str:
    """Names a run that has begun, and tags it with what it works with; returns by what it was triggered."""
    triggers = [tag.removeprefix(_TRIGGER_TAG) for tag in run.tags if tag.startswith(_TRIGGER_TAG)]
    trigger = triggers[0] if triggers else "manual"
    more = {tag_of(user_id), f"{_TRIGGER_TAG}{trigger}", f"model:{model}", f"version:{__version__}"}
    # A run that is retried says no longer why it had failed.
    run.tags = sorted({*(tag for tag in run.tags if not tag.startswith(_FAILURE_TAGS)), *more})
    run.name = name
    await prefect.update_flow_run(run.id, name=run.name, tags=run.tags)
    return trigger


async def tag_failure(prefect: PrefectClient, run: FlowRun, error: ReportedError) -> None:
    """Says why a run has failed where its page shows it first, and lists show it too: a message is on neither."""
    why = {f"error:{error.type}", *([f"failed:{error.step}"] if error.step else [])}
    run.tags = sorted({*run.tags, *why})
    await prefect.update_flow_run(run.id, tags=run.tags)


async def server_time(prefect: PrefectClient) -> datetime | None:
    """Now by the server's clock. By this machine's, were it ahead, the run would wait; None: it is not said."""
    said = (await prefect.hello()).headers.get("date")
    return parsedate_to_datetime(said) if said else None


async def active(prefect: PrefectClient, deployment_id: UUID) -> AsyncIterator[FlowRun]:
    """The runs that have not ended."""
    alive = [StateType.SCHEDULED, StateType.PENDING, StateType.RUNNING, StateType.PAUSED, StateType.CANCELLING]
    async for run in pages(prefect, _of(deployment_id, alive), FlowRunSort.EXPECTED_START_TIME_ASC):
        yield run


async def ended_badly(prefect: PrefectClient, deployment_id: UUID, since: datetime) -> AsyncIterator[FlowRun]:
    """The runs that have failed, crashed or been cancelled since then, the last one first."""
    asked = _of(deployment_id, [StateType.FAILED, StateType.CRASHED, StateType.CANCELLED])
    asked.end_time = FlowRunFilterEndTime(after_=since)
    async for run in pages(prefect, asked, FlowRunSort.END_TIME_DESC):
        yield run


async def latest(prefect: PrefectClient, user_id: UUID, limit: int) -> list[FlowRun]:
    """The user's last passes, the newest first, however they were started."""
    return await prefect.read_flow_runs(
        flow_filter=FlowFilter(name=FlowFilterName(any_=["full-pass"])),
        flow_run_filter=FlowRunFilter(tags=FlowRunFilterTags(all_=[tag_of(user_id)])),
        sort=FlowRunSort.START_TIME_DESC,
        limit=limit,
    )


async def by_id(prefect: PrefectClient, run_ids: Iterable[str]) -> dict[str, FlowRun]:
    """Those that Prefect knows; what is no id of a run is none."""
    found: dict[str, FlowRun] = {}
    for some in by_count({run_id for run_id in run_ids if is_uuid(run_id)}, _PAGE):
        asked = FlowRunFilter(id=FlowRunFilterId(any_=[UUID(run_id) for run_id in some]))
        found |= {str(run.id): run for run in await prefect.read_flow_runs(flow_run_filter=asked, limit=_PAGE)}
    return found


def name_of(user_id: UUID, attempt: int | None) -> str:
    """attempt None: of a run that is none, because another one has the user."""
    return f"{run_name('full-pass', user_id)} · {f'attempt {attempt}' if attempt else 'not run'}"


def link(run_id: UUID, text: str) -> str:
    """Markdown that leads to the run's page from another of the same UI.

    Without a host, since what a worker calls its server is often no name for a browser; on Prefect Cloud with it, since
    pages are below their workspace there.
    """
    settings = get_current_settings()
    is_cloud = (settings.api.url or "").startswith(settings.cloud.api_url)
    page = url_for("flow-run", obj_id=run_id) if is_cloud else f"/runs/flow-run/{run_id}"
    return f"[{text}]({page})"


def run_name(flow: str, user_id: object) -> str:
    return f"{flow} · {str(user_id)[:8]}"


def attempt_of(run: FlowRun) -> int | None:
    """By its name; None: of a run that never began, or was made before names said so."""
    named = _NAME.fullmatch(run.name)
    return int(named[1]) if named else None


def cost_of(run: FlowRun) -> float | None:
    """Dollars; None: it is not known, as of a run that was killed."""
    cost = run.labels.get(COST_LABEL)
    return float(cost) if isinstance(cost, int | float) else None


def clock(at: datetime) -> str:
    """`14:20 UTC`; with the date, when that is another than today's."""
    at = at.astimezone(UTC)
    return f"{at:%H:%M} UTC" if at.date() == datetime.now(UTC).date() else f"{at:%Y-%m-%d %H:%M} UTC"


def duration(seconds: float) -> str:
    if seconds < 60:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def tag_of(user_id: UUID) -> str:
    """By which all runs of a user are found, also those that never began."""
    return f"user:{user_id}"


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


def is_uuid(text: str) -> bool:
    try:
        UUID(text)
    except ValueError:
        return False
    return True


async def pages(prefect: PrefectClient, asked: FlowRunFilter, sort: FlowRunSort) -> AsyncIterator[FlowRun]:
    offset = 0
    while True:
        page = await prefect.read_flow_runs(flow_run_filter=asked, sort=sort, limit=_PAGE, offset=offset)
        for run in page:
            yield run
        if len(page) < _PAGE:
            return
        offset += _PAGE
