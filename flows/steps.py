"""What happens at the boundaries of a step: a log line, the user's progress, the figures, the error."""

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from uuid import UUID

from prefect import get_run_logger
from prefect.client.schemas.objects import FlowRun
from prefect.context import FlowRunContext
from prefect.runtime import flow_run

from flows import events
from flows.errors import FullPassError, StepFailed, StoreError, describe, let_go, where
from flows.records import Step
from flows.store.client import current_store

#: Step → progress_percent at its start. Extraction is nearly all of the time, so it gets the widest range.
STARTS_AT_PERCENT = {
    Step.DOWNLOAD_CONVERSATIONS: 1,
    Step.CHUNK_CONVERSATIONS: 3,
    Step.SAVE_CHUNKS: 6,
    Step.EXTRACT_FACTS: 10,
    Step.CONSOLIDATE_FACTS: 80,
    Step.HIERARCHICAL_REDUCE: 82,
    Step.GENERATE_MEMORY: 85,
    Step.SAVE_MEMORY: 91,
    Step.V2_REGENERATION: 92,
}

Figure = int | float | str  # a number, or a name; never text


@dataclass
class StepFigures:
    """What a step has to tell, whether it completes or fails: for its closing line and the report."""

    values: dict[str, Figure] = field(default_factory=dict)
    left_out: dict[str, int] = field(default_factory=dict)  # why, in words of ours → how much of the export
    warnings: list[str] = field(default_factory=list)  # for the report; what is no figure and ends nothing
    status: str = ""  # running, completed, failed, interrupted; "": not begun
    began: float | None = None  # by the monotonic clock
    seconds: float = 0.0  # when it has ended

    def add(self, figures: Mapping[str, Figure]) -> None:
        self.values |= figures

    def so_far(self) -> float:
        """Seconds since it began, or how many it took."""
        return time.monotonic() - self.began if self.status == "running" and self.began else self.seconds


async def _nothing() -> None:
    pass


@dataclass
class RunRecord:
    """What a run has done so far. `changed` and `progressed` are awaited when there is more to show of it.

    `required`: when the run may have been deleted; it raises RunDeleted.
    """

    steps: dict[Step, StepFigures] = field(default_factory=dict)  # those that have begun, in that order
    asked: int = 0  # questions of a long step that are answered
    to_ask: int = 0
    changed: Callable[[], Awaitable[None]] = _nothing
    progressed: Callable[[], Awaitable[None]] = _nothing
    required: Callable[[], Awaitable[None]] = _nothing

    def figure(self, step: Step, name: str) -> Figure:
        """0 when the step has not told it."""
        return self.steps[step].values.get(name, 0) if step in self.steps else 0


_record: ContextVar[RunRecord] = ContextVar("record")


@contextmanager
def recording(record: RunRecord) -> Iterator[None]:
    """Makes `record` that of the steps inside."""
    token = _record.set(record)
    try:
        yield
    finally:
        _record.reset(token)


@asynccontextmanager
async def step(name: Step, user_id: UUID) -> AsyncIterator[StepFigures]:
    """Surrounds the work of a step of a pass, whose row says where it is.

    Raises StepFailed for any exception of the body, and at the start when the run has lost the user (NotOwner).
    """
    async with logged(name, user_id) as figures:
        await current_store().passes.progress(user_id, run_id(), name, STARTS_AT_PERCENT[name])
        yield figures


@asynccontextmanager
async def logged(name: Step, user_id: UUID) -> AsyncIterator[StepFigures]:
    """Surrounds the work of a step, without a word in the row. Raises StepFailed for any exception of the body."""
    record = _record.get(None) or RunRecord()
    figures = record.steps[name] = StepFigures(status="running", began=time.monotonic())
    log(user_id, name, "started")
    try:
        await record.changed()
        yield figures
    except Exception as error:
        failure = StepFailed(name, error)
        _end(user_id, name, figures, "failed", {"error": type(error).__name__, **figures.values})
        told = describe(error) if isinstance(error, FullPassError) else f"{describe(error)}\n{where(error)}"
        get_run_logger().error("%s", told)
        let_go(error)
        # `from None`: the cause's own message may quote the user's text, and Prefect logs the whole chain.
        raise failure from None
    except BaseException as error:
        _end(user_id, name, figures, "interrupted", {"error": type(error).__name__})
        raise
    _end(user_id, name, figures, "completed", figures.values)


def _end(user_id: UUID, step: Step, figures: StepFigures, status: str, told: Mapping[str, Figure]) -> None:
    figures.seconds, figures.status = figures.so_far(), status
    log(user_id, step, status, {"seconds": f"{figures.seconds:.1f}", **told})
    if status != "interrupted":
        seconds = round(figures.seconds, 1)
        events.emit("step", user_id, run_id(), {"step": step, "status": status, "seconds": seconds, **told})


def log(
    user_id: UUID, step: Step, status: str, figures: Mapping[str, Figure] | None = None, level: int = logging.INFO
) -> None:
    """One `[FullPass] user_id=… step=… status=… key=value…` line."""
    pairs = "".join(f" {key}={value}" for key, value in (figures or {}).items())
    get_run_logger().log(level, f"[FullPass] user_id={user_id} step={step} status={status}{pairs}")


def run_id() -> str:
    """The id of the Prefect flow run that is being executed."""
    return str(flow_run.get_id())


def current_run() -> FlowRun:
    """The Prefect flow run that is being executed, as it was when it began."""
    context = FlowRunContext.get()
    assert context is not None
    assert context.flow_run is not None
    return context.flow_run


async def require_run() -> None:
    """Raises RunDeleted when somebody has deleted the flow run that is being executed."""
    if record := _record.get(None):
        await record.required()


class Progress:
    """The progress of a long step within its range of percent, told at most every `every` seconds."""

    def __init__(self, step: Step, user_id: UUID, total: int, every: float = 2.0):
        self._step, self._user_id, self._total, self._every = step, user_id, total, every
        self._done = self._tenths = 0
        self._reported_at = time.monotonic()
        self._reporting = asyncio.Lock()
        starts = [*STARTS_AT_PERCENT.values(), 100]
        self._from = STARTS_AT_PERCENT[step]
        self._to = starts[starts.index(self._from) + 1]

    async def advance(self, by: int) -> None:
        """Raises NotOwner when the run has lost the user: what it would still do is paid for in vain."""
        self._done += by
        record = _record.get(None) or RunRecord()
        record.asked, record.to_ask = self._done, self._total
        if self._reporting.locked() or time.monotonic() - self._reported_at < self._every:
            return
        async with self._reporting:
            self._reported_at = time.monotonic()
            self._log()
            await record.progressed()
            percent = self._from + (self._to - self._from) * self._done // max(self._total, 1)
            # Progress is for the eye: a database that does not answer now is told at the next step's boundary.
            with contextlib.suppress(StoreError):
                await current_store().passes.progress(self._user_id, run_id(), self._step, percent)

    def _log(self) -> None:
        """Ten lines at INFO, whatever the size of the export."""
        tenths = 10 * self._done // max(self._total, 1)
        level = logging.INFO if tenths > self._tenths else logging.DEBUG
        self._tenths = tenths
        log(self._user_id, self._step, "progress", {"done": self._done, "total": self._total}, level)
