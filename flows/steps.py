"""What happens at the boundaries of a step: a log line, the user's progress, the figures, the error."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from uuid import UUID

from prefect import get_run_logger
from prefect.client.schemas.objects import FlowRun
from prefect.context import FlowRunContext
from prefect.runtime import flow_run

from flows.errors import FullPassError, StepFailed, StoreError, describe, where
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


class StepFigures:
    """What a step has to tell, whether it completes or fails: it stands in the step's closing line."""

    def __init__(self) -> None:
        self.values: dict[str, Figure] = {}

    def add(self, figures: Mapping[str, Figure]) -> None:
        self.values |= figures


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
    started = time.monotonic()
    figures = StepFigures()
    log(user_id, name, "started")
    try:
        yield figures
    except Exception as error:
        failure = StepFailed(name, error)
        log(user_id, name, "failed", {"seconds": _since(started), "error": type(error).__name__, **figures.values})
        if not isinstance(error, FullPassError):
            get_run_logger().error("%s\n%s", describe(error), where(error))
        # `from None`: the cause's own message may quote the user's text, and Prefect logs the whole chain.
        raise failure from None
    except BaseException as error:
        log(user_id, name, "interrupted", {"seconds": _since(started), "error": type(error).__name__})
        raise
    log(user_id, name, "completed", {"seconds": _since(started), **figures.values})


def log(user_id: UUID, step: Step, status: str, figures: Mapping[str, Figure] | None = None) -> None:
    """One `[FullPass] user_id=… step=… status=… key=value…` line."""
    pairs = "".join(f" {key}={value}" for key, value in (figures or {}).items())
    get_run_logger().info(f"[FullPass] user_id={user_id} step={step} status={status}{pairs}")


def run_id() -> str:
    """The id of the Prefect flow run that is being executed."""
    return str(flow_run.get_id())


def current_run() -> FlowRun:
    """The Prefect flow run that is being executed, as it was when it began."""
    context = FlowRunContext.get()
    assert context is not None
    assert context.flow_run is not None
    return context.flow_run


class Progress:
    """The progress of a long step within its range of percent, told at most every `every` seconds."""

    def __init__(self, step: Step, user_id: UUID, total: int, every: float = 2.0):
        self._step, self._user_id, self._total, self._every = step, user_id, total, every
        self._done = 0
        self._reported_at = time.monotonic()
        self._reporting = asyncio.Lock()
        starts = [*STARTS_AT_PERCENT.values(), 100]
        self._from = STARTS_AT_PERCENT[step]
        self._to = starts[starts.index(self._from) + 1]

    async def advance(self, by: int) -> None:
        """Raises NotOwner when the run has lost the user: what it would still do is paid for in vain."""
        self._done += by
        if self._reporting.locked() or time.monotonic() - self._reported_at < self._every:
            return
        async with self._reporting:
            self._reported_at = time.monotonic()
            log(self._user_id, self._step, "progress", {"done": self._done, "total": self._total})
            percent = self._from + (self._to - self._from) * self._done // max(self._total, 1)
            # Progress is for the eye: a database that does not answer now is told at the next step's boundary.
            with contextlib.suppress(StoreError):
                await current_store().passes.progress(self._user_id, run_id(), self._step, percent)


def _since(started: float) -> str:
    return f"{time.monotonic() - started:.1f}"
