"""The nine steps by name, and what happens at the boundaries of each: a log line, the user's progress, the error."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

from prefect import get_run_logger
from prefect.client.schemas.objects import FlowRun
from prefect.context import FlowRunContext
from prefect.runtime import flow_run

from flows.errors import FullPassError, StepFailed, StoreError, describe, where
from flows.store.client import current_store

#: Step → progress_percent at its start. Extraction is nearly all of the time, so it gets the widest range.
STEPS = {
    "download_conversations": 1,
    "chunk_conversations": 3,
    "save_chunks": 6,
    "extract_facts": 10,
    "consolidate_facts": 80,
    "hierarchical_reduce": 82,
    "generate_memory": 85,
    "save_memory": 91,
    "v2_regeneration": 92,
}

Metrics = dict[str, Any]


@asynccontextmanager
async def step(name: str, user_id: UUID) -> AsyncIterator[Metrics]:
    """Surrounds the work of a step; what the body puts into the metrics stands in the closing line.

    Raises StepFailed for any exception of the body, and at the start when the run has lost the user (NotOwner).
    """
    started = time.monotonic()
    metrics: Metrics = {}
    log(user_id, name, "started")
    try:
        await current_store().progress(user_id, run_id(), name, STEPS[name])
        yield metrics
    except Exception as error:
        failure = StepFailed(name, error)
        log(user_id, name, "failed", seconds=_since(started), error=type(error).__name__, **metrics)
        if not isinstance(error, FullPassError):
            get_run_logger().error("%s\n%s", describe(error), where(error))
        # `from None`: the cause's own message may quote the user's text, and Prefect logs the whole chain.
        raise failure from None
    except BaseException as error:
        log(user_id, name, "interrupted", seconds=_since(started), error=type(error).__name__)
        raise
    log(user_id, name, "completed", seconds=_since(started), **metrics)


def log(user_id: UUID, step: str, status: str, **metrics: Any) -> None:
    """One `[FullPass] user_id=… step=… status=… key=value…` line; values are numbers and names, never text."""
    pairs = "".join(f" {key}={value}" for key, value in metrics.items())
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

    def __init__(self, name: str, user_id: UUID, total: int, every: float = 2.0):
        self._name, self._user_id, self._total, self._every = name, user_id, total, every
        self._done = 0
        self._told_at = time.monotonic()
        self._telling = asyncio.Lock()
        starts = sorted([*STEPS.values(), 100])
        self._from = STEPS[name]
        self._to = starts[starts.index(self._from) + 1]

    async def advance(self, by: int) -> None:
        """Raises NotOwner when the run has lost the user: what it would still do is paid for in vain."""
        self._done += by
        if self._telling.locked() or time.monotonic() - self._told_at < self._every:
            return
        async with self._telling:
            self._told_at = time.monotonic()
            log(self._user_id, self._name, "progress", done=self._done, total=self._total)
            percent = self._from + (self._to - self._from) * self._done // max(self._total, 1)
            # Progress is for the eye: a database that does not answer now is told at the next step's boundary.
            with contextlib.suppress(StoreError):
                await current_store().progress(self._user_id, run_id(), self._name, percent)


def _since(started: float) -> str:
    return f"{time.monotonic() - started:.1f}"
