"""What a failure of the Messages API means, and what to do about it.

The error's own type, code and message decide, and the HTTP status only where there is none of them: content filters,
spend limits and used-up credit all come as 400, and within a stream every error comes with the status 200.

Source: Anthropic's documentation, "Errors" and "Rate limits" (platform.claude.com/docs/en/api), 2026-11; the codes are
those of the SDK (anthropic.types.shared). The messages of the 400s are as public issue threads quote them, because
these have no code.
"""

import re
from datetime import UTC, datetime, timedelta

import anthropic

from flows.errors import (
    ModelError,
    ModelRefusedAccess,
    PromptTooLong,
    Refused,
    RequestRejected,
    SpendLimitReached,
    describe,
)
from flows.providers import PROVIDERS, Name

_TYPES = {
    400: "invalid_request_error",
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    422: "invalid_request_error",
    429: "rate_limit_error",
    529: "overloaded_error",
}
_KNOWN = {*_TYPES.values(), "api_error", "timeout_error"}
_THROTTLED = {"rate_limit_error", "overloaded_error"}
_MONTHLY_CAPS = {"enforced_spend_limit_reached", "contract_spend_limit_reached"}
_TOO_LONG = ("prompt is too long", "context limit", "context window", "maximum context length")
_NO_DATE = timedelta(hours=6)  # until a limit is looked at again of which nothing says how long it holds
_CREDIT = "the account's credit is used up; add credit in the Claude console, and trigger again or wait"

_VOCABULARY = """
    a an and are array at be block body cannot content field fields for format greater have in inputs input invalid is
    less maximum message messages minimum missing model must not number object of one only or output parameter permitted
    prompt request required schema should string supported system temperature text than that the thinking this to
    tokens tool tools type unknown unsupported valid value when which with your
"""
#: Words of the API's messages that may be repeated although a person uses them, too.
_ITS_WORDS = frozenset(_VOCABULARY.split())
_MOST_WORDS = 40


def explained(error: BaseException, model: str, prompt: str = "", provider: Name = "anthropic") -> ModelError:
    """The error as operators see it; nothing of `prompt` is repeated."""
    if not isinstance(error, anthropic.APIStatusError):
        return _without_answer(error)
    if not isinstance(error.body, dict | list) and error.status_code < 500 and error.status_code not in (413, 429):
        return ModelError(
            f"something before the Messages API answered {error.status_code}, with a page that is none of its errors; "
            "check ANTHROPIC_BASE_URL, proxies and firewalls"
        )
    match _type(error):
        case "authentication_error":
            return ModelRefusedAccess(f"the Messages API does not accept the key; {PROVIDERS[provider].credentials}")
        case "permission_error" if error.error_code == "organization_on_hold":
            return ModelRefusedAccess("Anthropic has put the account on hold; the Claude console says why")
        case "permission_error":
            return ModelRefusedAccess(f"the key may not use {model}; {PROVIDERS[provider].permission}")
        case "not_found_error":
            return ModelRefusedAccess(f"there is no model {model}; set EXTRACTION_MODEL and MEMORY_MODEL")
        case "billing_error":
            return SpendLimitReached(_CREDIT, _now() + _NO_DATE)
        case "request_too_large":
            return PromptTooLong(f"the request to {model} is larger than the Messages API takes")
        case "invalid_request_error":
            return _invalid(error, model, prompt)
        case "rate_limit_error" if error.error_code in _MONTHLY_CAPS:
            return SpendLimitReached(
                "the account has reached what its tier may spend in a month; ask for more in the Claude console",
                _next_month(),
            )
        case kind:
            return ModelError(
                f"the Messages API answered {error.status_code} ({kind or 'unknown'}) to every try "
                f"(request {error.request_id}); it will be tried again"
            )


def is_throttled(error: BaseException) -> bool:
    """Whether the API asks for less, which is no failure of the call."""
    return (
        isinstance(error, anthropic.APIStatusError)
        and _type(error) in _THROTTLED
        and error.error_code not in _MONTHLY_CAPS
    )


def retry_after(error: BaseException) -> float:
    """Seconds that the answer asks to wait; 0 when it does not say."""
    if not isinstance(error, anthropic.APIStatusError):
        return 0.0
    try:
        seconds = float(error.response.headers.get("retry-after", 0))
    except ValueError:  # an HTTP date, which this API does not send
        return 0.0
    return seconds if seconds > 0 else 0.0


def reason(error: BaseException) -> str:
    """For the log: a status, or the type of the error."""
    if not isinstance(error, anthropic.APIStatusError):
        return type(error).__name__
    return str(error.status_code) if error.status_code >= 400 else str(_type(error))


def _type(error: anthropic.APIStatusError) -> str | None:
    # A cloud's own errors have other types, or none, and those of local servers any.
    return error.type if error.type in _KNOWN else _TYPES.get(error.status_code)


def _message(error: anthropic.APIStatusError) -> str:
    """Its own words. Google's own errors to a request for a stream are a list of one, AWS's have no `error`."""
    body = error.body[0] if isinstance(error.body, list) and error.body else error.body
    match body:
        case {"error": {"message": str(message)}} | {"message": str(message)}:
            return message
    return ""


def _without_answer(error: BaseException) -> ModelError:
    if isinstance(error, anthropic.APITimeoutError | TimeoutError):
        return ModelError("the Messages API gave no answer in time, several times; it will be tried again")
    return ModelError("the Messages API could not be reached; check ANTHROPIC_BASE_URL and the network")


def _invalid(error: anthropic.APIStatusError, model: str, prompt: str) -> ModelError:
    """What a 400 is: above all, not always a mistake in the request."""
    message = _message(error)
    said = message.casefold()
    if "content filter" in said:
        return Refused(f"the content filter of the Messages API stopped {model}")
    if "usage limits" in said:
        return SpendLimitReached(
            "the account has reached the spend limit that was set for it; raise it in the Claude console, and trigger "
            "again or wait",
            _date(message) or _now() + _NO_DATE,
        )
    if "credit balance" in said:
        return SpendLimitReached(_CREDIT, _now() + _NO_DATE)
    if any(words in said for words in _TOO_LONG):
        return PromptTooLong(f"the prompt is longer than {model} takes")
    return RequestRejected(
        f"the Messages API rejects the request to {model} with {error.status_code} (request {error.request_id}): "
        f"{_own_words(message, prompt) or 'it does not say why'}"
    )


def _own_words(message: str, prompt: str) -> str:
    """What the API says, without what it quotes: any word that the prompt holds, too, and is none of the API's own."""
    theirs = {_bare(word) for word in prompt.split()} - _ITS_WORDS
    words = message.split()[:_MOST_WORDS]
    return " ".join("…" if _bare(word) in theirs else word for word in words)


def _bare(word: str) -> str:
    return word.casefold().strip("\"'`´‘’“”.,:;!?()[]{}<>")


def _date(message: str) -> datetime | None:
    """Of "You will regain access on 2026-04-01 at 00:00 UTC."."""
    found = re.search(r"(\d{4}-\d\d-\d\d)(?: at (\d\d:\d\d))?", message)
    try:
        return found and datetime.fromisoformat(f"{found[1]}T{found[2] or '00:00'}+00:00")
    except ValueError:
        return None


def _next_month() -> datetime:
    """When a monthly cap ends: at 00:00 UTC on the first."""
    first = _now().replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    return (first + timedelta(days=32)).replace(day=1)


def _now() -> datetime:
    return datetime.now(UTC)


@describe.register
def _(error: anthropic.APIStatusError) -> str:
    return f"{type(error).__name__}: the Messages API answered {error.status_code} (request {error.request_id})"


@describe.register
def _(error: anthropic.APIConnectionError) -> str:
    return f"{type(error).__name__}: no answer"
