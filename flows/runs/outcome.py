"""How a pass ends: its state in Prefect says it in one line, and row, report and events follow at once.

The state hooks (flows.runs.status) write the row once more, which changes nothing unless it could not be written here.
"""

import asyncio
import contextlib
import functools
import time
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, ParamSpec
from uuid import UUID

import httpx
from prefect import State, get_client, get_run_logger
from prefect.exceptions import ObjectNotFound, Pause, PrefectHTTPStatusError
from prefect.states import Cancelled, Completed, Failed

from flows import events, steps
from flows.errors import (
    FullPassError,
    NotOwner,
    ReportedError,
    StepFailed,
    StoreError,
    describe,
    failed_message,
    reported,
    where,
)
from flows.llm.usage import dollars
from flows.records import FailedPass, Step
from flows.runs import certificates, flow_runs, lease, quiet, status
from flows.runs.flow_runs import NOT_RUN, WITHOUT_SECTIONS, duration
from flows.runs.run_report import RunReport
from flows.settings import PassSettings
from flows.steps import RunRecord, current_run, run_id
from flows.store.client import open_store

P = ParamSpec("P")

_FIRST_STEP = f"step={Step.DOWNLOAD_CONVERSATIONS}: "
_OF_SECTIONS = f"step={Step.V2_REGENERATION}: "
_LAST_SECONDS = 5  # for the report of a run that was told to go


def as_state(body: Callable[P, Awaitable[dict[str, Any]]]) -> Callable[P, Awaitable[State[Any]]]:
    """Makes what the flow returns or raises the state that its run ends in. Its parameter `user_id` is the user."""
    lease.outlive()
    certificates.share()

    @functools.wraps(body)
    async def run(*args: P.args, **kwargs: P.kwargs) -> State[Any]:
        user_id = UUID(str(kwargs["user_id"] if "user_id" in kwargs else args[0]))
        quiet.hush()
        began, record = time.monotonic(), RunRecord()
        report = RunReport(user_id, current_run(), record)
        record.changed, record.progressed, record.required = report.update, report.progress, report.require_run
        with steps.recording(record):
            try:
                state = await _completed(user_id, record, await body(*args, **kwargs), began)
            except Exception as error:
                state = await _failed(user_id, error)
            except BaseException as signal:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(_LAST_SECONDS):
                        await report.end("Suspended" if isinstance(signal, Pause) else "Interrupted")
                raise
        await report.end(state.name or "", state.message or "")
        if report.is_deleted:
            events.emit_deleted(run_id())
        await asyncio.to_thread(events.deliver)
        return state

    return run


async def _completed(user_id: UUID, record: RunRecord, figures: Mapping[str, Any], began: float) -> State[Any]:
    # What cannot be written now, the hook tries once more.
    with contextlib.suppress(StoreError):
        async with open_store() as store:
            await store.passes.complete(user_id, run_id())
    counts = {
        "conversations": record.figure(Step.CHUNK_CONVERSATIONS, "conversations"),
        "chunks": record.figure(Step.EXTRACT_FACTS, "chunks"),
        "facts": record.figure(Step.CONSOLIDATE_FACTS, "current"),
    }
    seconds = time.monotonic() - began
    told = [f"{count:,} {name}" for name, count in counts.items()]
    message = f"complete: {', '.join([*told, dollars(figures['cost_usd'], 2), duration(seconds)])}"
    name = None
    if record.steps[Step.V2_REGENERATION].status == "failed":
        name = WITHOUT_SECTIONS
        message += f"; without sections: {await _regenerate_later(user_id)}"
        record.steps[Step.V2_REGENERATION].warnings.append(f"Sections {figures['sections']}")
    spent = {"calls": figures["calls"], "cost_usd": figures["cost_usd"], "seconds": round(seconds)}
    events.emit("completed", user_id, run_id(), {"state": name or "Completed", **counts, **spent})
    return Completed(name=name, message=message, data=dict(figures))


async def _regenerate_later(user_id: UUID) -> str:
    """Schedules the flow that writes the sections, when what failed may have passed; returns what will be."""
    at = datetime.now(UTC) + timedelta(minutes=PassSettings().full_pass_retry_minutes)
    try:
        async with get_client() as prefect:
            await flow_runs.start_regeneration(prefect, user_id, at, run_id())
    except (ObjectNotFound, PrefectHTTPStatusError, httpx.HTTPError):
        return "run regenerate-sections/regenerate-sections for this user"
    return f"regenerate-sections writes them at {flow_runs.clock(at)}"


async def _failed(user_id: UUID, error: Exception) -> State[Any]:
    """The failed state; or, of a run that was not to begin at all, a cancelled one."""
    text = _told(error)
    if _is_not_to_begin(text):
        return Cancelled(name=NOT_RUN, message=f"not run: {text.removeprefix(_FIRST_STEP)}")
    state: State[Any] = Failed(message=failed_message(text))
    await _tag(reported(state.message))
    failure = await _write_failure(user_id, state)
    if failure is not None and failure.failed:
        return Failed(message=failed_message(text, status.outlook(failure)))
    return state


def _told(error: Exception) -> str:
    """What a state may say of it; the log says where the unexpected happened, as steps do of what fails in them."""
    if not isinstance(error, StepFailed | FullPassError):
        get_run_logger().error("%s\n%s", describe(error), where(error))
    return str(error) if isinstance(error, StepFailed) else describe(error)


def _is_not_to_begin(text: str) -> bool:
    """Another run has the user, or has read a newer export: nothing is wrong, and nothing was done."""
    return text.removeprefix(_FIRST_STEP).startswith(f"{NotOwner.__name__}: ")


async def failed_regeneration(error: Exception) -> State[Any]:
    """The state of a run of `regenerate-sections`; a cancelled one where a pass has the user and writes them."""
    text = _told(error)
    if reported(failed_message(text)).type == NotOwner.__name__:
        return Cancelled(name=NOT_RUN, message=f"not run: {text.removeprefix(_OF_SECTIONS)}")
    state: State[Any] = Failed(message=failed_message(text, "the sections stay as they were, Retry writes them"))
    await _tag(reported(failed_message(text)))
    return state


async def _tag(error: ReportedError) -> None:
    """A server that does not answer has the message, once it does."""
    with contextlib.suppress(ObjectNotFound, PrefectHTTPStatusError, httpx.HTTPError, TimeoutError):
        async with asyncio.timeout(_LAST_SECONDS), get_client() as prefect:
            await flow_runs.tag_failure(prefect, current_run(), error)


async def _write_failure(user_id: UUID, state: State[Any]) -> FailedPass | None:
    """None: it could not be written. The hook tries once more, then `retry-failed`."""
    with contextlib.suppress(FullPassError, TimeoutError):
        async with asyncio.timeout(_LAST_SECONDS), open_store(patience=0) as store:
            return await status.write_failure(store, user_id, run_id(), reported(state.message))
    return None
