"""The ways in which a full pass fails.

    FullPassError
    ├── SettingsError       a setting is missing or malformed
    ├── ExportError         the export cannot be read
    ├── UserNotFound        no row of user_profiles to write to
    ├── NotOwner            another flow run has the user
    ├── RunDeleted          somebody has deleted the flow run while it worked
    ├── NoMemory            the user has no MEMORY yet
    ├── MemoryChanged       MEMORY was changed while something was made of it
    ├── StoreError          Supabase refused or could not be reached
    ├── SpoolError          there is no room on local disk for the run's data
    └── ModelError          the model call gave nothing that can be used
        ├── ModelRefusedAccess   key, permission, model name
        ├── SpendLimitReached    the account may not spend more, for now
        ├── BudgetReached        the run may not spend more
        ├── OutOfRetries         so much has failed that the run gives up for now
        ├── IncompleteExtraction too many chunks have no facts
        ├── RequestRejected      a request that the API takes for wrong
        ├── PromptTooLong        more than the model takes
        └── InvalidReply         the reply is not what was asked for
            ├── CutOff           it was longer than it might be
            └── Refused          the model would not answer
    StepFailed              any of the above, or any other exception, with the step it happened in

A message of this tree is shown to operators, stored in `full_pass_error` and in the Prefect server: it says what
happened and what to do, and never holds text of the user, keys, or what a library put into its own message.
"""

import errno
import re
import traceback
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import singledispatch
from typing import NamedTuple

import pydantic

from flows.records import Step

MAX_ERROR_LENGTH = 500  # characters of user_profiles.full_pass_error

_RETRY_AT = "%Y-%m-%d %H:%M UTC"
_NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


class FullPassError(Exception):
    """Base of the errors whose message may be shown."""

    #: True when the same run would fail again until somebody changes something.
    permanent = False
    #: When trying again can be of use, if that is known.
    retry_at: datetime | None = None


class SettingsError(FullPassError):
    """A setting is missing or malformed; the message lists every problem and where to set each."""

    permanent = True


class ExportError(FullPassError):
    """The export cannot be read: missing, empty, not an export, or nothing usable in it."""

    permanent = True


class UserNotFound(FullPassError):
    """user_profiles has no row for the user."""

    permanent = True


class NotOwner(FullPassError):
    """Another flow run has the user; this one must not write."""

    permanent = True


class RunDeleted(FullPassError):
    """Somebody has deleted the flow run while it worked."""

    permanent = True


class NoMemory(FullPassError):
    """The user has no MEMORY that sections could be written from."""

    permanent = True


class MemoryChanged(FullPassError):
    """MEMORY was changed while sections were written from it."""


class StoreError(FullPassError):
    """Supabase refused a request or could not be reached."""


class SpoolError(FullPassError):
    """The run's folder cannot be made."""


class ModelError(FullPassError):
    """A model call gave nothing that can be used."""

    #: True when it concerns all calls of the run, not just this one.
    ends_run = False


class ModelRefusedAccess(ModelError):
    """The Messages API turned the request down for a reason that a retry does not change."""

    permanent = ends_run = True


class SpendLimitReached(ModelError):
    """The account may not spend more, whatever is asked, before `retry_at`."""

    ends_run = True

    def __init__(self, message: str, retry_at: datetime):
        self.retry_at = retry_at
        super().__init__(f"{message} (not before {retry_at:{_RETRY_AT}})")


class BudgetReached(ModelError):
    """The run has spent FULL_PASS_BUDGET_USD, or would."""

    permanent = ends_run = True


class OutOfRetries(ModelError):
    """The run's retries are used up: the Messages API fails more than a run bears with."""

    ends_run = True


class IncompleteExtraction(ModelError):
    """More chunks than allowed have no facts because their calls failed."""


class RequestRejected(ModelError):
    """The Messages API takes the request for wrong; its own words say why."""


class PromptTooLong(ModelError):
    """The prompt is longer than the model takes."""

    permanent = True


class InvalidReply(ModelError):
    """The model's reply does not validate."""


class CutOff(InvalidReply):
    """The reply was longer than `max_tokens`."""


class Refused(InvalidReply):
    """The model would not answer."""


class StepFailed(Exception):
    """A step of the full pass failed. `str()` is what full_pass_error holds: `step=NAME: Type: message`."""

    def __init__(self, step: Step, cause: BaseException):
        self.step = step
        self.permanent = isinstance(cause, FullPassError) and cause.permanent
        super().__init__(f"step={step}: {describe(cause)}"[:MAX_ERROR_LENGTH])

    def __reduce__(self) -> tuple[object, ...]:
        # Prefect pickles exceptions; the cause stays behind, its message may hold what must not travel.
        return _restore, (self.step, self.permanent, str(self))


def _restore(step: Step, permanent: bool, message: str) -> StepFailed:
    error = StepFailed.__new__(StepFailed)
    Exception.__init__(error, message)
    error.step, error.permanent = step, permanent
    return error


@singledispatch
def describe(error: BaseException) -> str:
    """`Type: message` of any exception, without anything of the user's text.

    Only our own messages are repeated; of a library's exception just what is known to be free of data is kept,
    because pydantic quotes the input, Postgres the failing row and a JSON parser the text around the mistake. Who uses
    a library registers what may be said of its exceptions, with `describe.register`.
    """
    return f"{type(error).__name__}: unexpected; the flow run's log shows where"


@describe.register
def _(error: FullPassError) -> str:
    return f"{type(error).__name__}: {error}"


@describe.register
def _(error: pydantic.ValidationError) -> str:
    return f"{type(error).__name__}: {error.error_count()} fields of {error.title} do not validate"


@describe.register
def _(error: OSError) -> str:
    name = type(error).__name__
    if error.errno in _NO_ROOM:
        return f"{name}: {error.strerror}; make room below SPOOL_DIR, or set it to a larger disk"
    if error.strerror:
        return f"{name}: {error.strerror}"
    return f"{name}: unexpected; the flow run's log shows where"


#: What `failed_message` and flows.runs.outcome write.
_FAILED = re.compile(
    r"(?:failed(?: at (?P<step>\w+))?|not run): (?P<type>\w+): (?P<text>.*?)"
    r"(?:; (?:next attempt [^;]*|that was the last attempt[^;]*|not tried again by itself[^;]*))?",
    re.DOTALL,
)


def failed_message(text: str, outlook: str = "") -> str:
    """The message of a failed state. `text`: of StepFailed, or `Type: message`; `outlook`: what will come of it."""
    step = re.match(r"step=(\w+): ", text)
    said = f"failed at {step[1]}: {text[step.end() :]}" if step else f"failed: {text}"
    return f"{said}; {outlook}" if outlook else said


class ReportedError(NamedTuple):
    """What the message of a failed state says of the error."""

    text: str  # for full_pass_error
    type: str
    permanent: bool
    retry_at: datetime | None = None

    @property
    def step(self) -> str | None:
        """In which it happened; None: before the first one."""
        named = re.match(r"step=(\w+): ", self.text)
        return named[1] if named else None


def reported(message: str | None) -> ReportedError:
    """Reads the error back out of a state's message, which holds no more of it than `describe` lets through.

    Our own errors are repeated as they are; of any other exception only the type.
    """
    own = {error.__name__: error for error in _with_subclasses(FullPassError)}
    if step := re.search(r"StepFailed: (step=\w+: (\w+): .*)", message or "", re.DOTALL):
        return ReportedError(step[1], step[2], step[2] in own and own[step[2]].permanent, _retry_at(step[1]))
    if found := _FAILED.fullmatch(message or ""):
        step_, type_, text = found["step"], found["type"], found["text"]
        error = f"{type_}: {text}"
        permanent = type_ in own and own[type_].permanent
        return ReportedError(f"step={step_}: {error}" if step_ else error, type_, permanent, _retry_at(text))
    raised = re.search(r"exception: (\w+): (.*)", message or "", re.DOTALL)
    if raised and raised[1] in own:
        return ReportedError(f"{raised[1]}: {raised[2]}", raised[1], own[raised[1]].permanent)
    name = raised[1] if raised else "Failed"
    return ReportedError(f"{name}: unexpected; the flow run's log shows where", name, False)


def _retry_at(text: str) -> datetime | None:
    found = re.search(r"\(not before (\d{4}-\d\d-\d\d \d\d:\d\d UTC)\)", text)
    return datetime.strptime(found[1], _RETRY_AT).replace(tzinfo=UTC) if found else None


def _with_subclasses(kind: type[FullPassError]) -> Iterator[type[FullPassError]]:
    yield kind
    for narrower in kind.__subclasses__():
        yield from _with_subclasses(narrower)


def let_go(error: BaseException) -> None:
    """Empties the frames of an exception that has been handled, and of those that it came from.

    Who keeps an exception, as Prefect does of a failed task until the process ends, keeps what its frames hold: a file
    that was being read stays open, and its room on the disk is not free although it has been removed.
    """
    before: BaseException | None = error
    while before is not None:
        traceback.clear_frames(before.__traceback__)
        before = before.__context__


def where(error: BaseException) -> str:
    """The stack of an exception as `module.py:line function` lines, innermost last, without any message or value."""
    frames = traceback.extract_tb(error.__traceback__)
    return "\n".join(
        f"  {re.sub(r'^.*/(?=[^/]+/[^/]+$)', '', frame.filename)}:{frame.lineno} {frame.name}" for frame in frames
    )
