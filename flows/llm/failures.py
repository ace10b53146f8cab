"""What a failure of the Messages API means, and what to do about it."""

import anthropic

from flows.errors import ModelError, ModelRefusedAccess, PromptTooLong, describe

_THROTTLED = {429, 529}


def explained(error: BaseException, model: str) -> ModelError:
    """The error as operators see it."""
    match error:
        case anthropic.AuthenticationError():
            return ModelRefusedAccess("the Messages API does not accept the key; set ANTHROPIC_API_KEY to a valid one")
        case anthropic.PermissionDeniedError():
            return ModelRefusedAccess(
                f"the key may not use {model}; allow it in the Claude console or set another model"
            )
        case anthropic.NotFoundError():
            return ModelRefusedAccess(f"there is no model {model}; set EXTRACTION_MODEL and MEMORY_MODEL")
        case anthropic.PaymentRequiredError():
            return ModelRefusedAccess("the account's credit is used up; add credit in the Claude console")
        case anthropic.BadRequestError() if "credit balance" in error.message:
            return ModelRefusedAccess("the account's credit is used up; add credit in the Claude console")
        case anthropic.BadRequestError() if "prompt is too long" in error.message:
            return PromptTooLong(f"the prompt is longer than {model} takes")
        case anthropic.ContentTooLargeError():
            return PromptTooLong(f"the request to {model} is larger than the Messages API takes")
        case anthropic.BadRequestError() | anthropic.UnprocessableEntityError():
            return ModelRefusedAccess(
                f"the Messages API rejects the request to {model} with {error.status_code} (request {error.request_id})"
            )
        case anthropic.APIStatusError():
            return ModelError(
                f"the Messages API answered {error.status_code} to every try (request {error.request_id}); "
                "it will be tried again"
            )
        case anthropic.APITimeoutError() | TimeoutError():
            return ModelError("the Messages API gave no answer in time, several times; it will be tried again")
        case _:
            return ModelError("the Messages API could not be reached; check ANTHROPIC_BASE_URL and the network")


def is_throttled(error: BaseException) -> bool:
    """Whether the API asks for less, which is no failure of the call."""
    return isinstance(error, anthropic.APIStatusError) and error.status_code in _THROTTLED


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
    return str(error.status_code) if isinstance(error, anthropic.APIStatusError) else type(error).__name__


@describe.register
def _(error: anthropic.APIStatusError) -> str:
    return f"{type(error).__name__}: the Messages API answered {error.status_code} (request {error.request_id})"


@describe.register
def _(error: anthropic.APIConnectionError) -> str:
    return f"{type(error).__name__}: no answer"
