"""Calls to Claude: one client for the run, structured replies, errors that say what to do."""

import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from contextvars import ContextVar
from typing import TypeVar

import anthropic
from anthropic import transform_schema
from pydantic import BaseModel, ValidationError

from flows.errors import InvalidReply, ModelError, ModelRefusedAccess
from flows.ledger import Ledger
from flows.settings import ModelSettings

Reply = TypeVar("Reply", bound=BaseModel)

_current: ContextVar["Claude"] = ContextVar("claude")


class Claude:
    """The Messages API as the steps use it."""

    def __init__(self, settings: ModelSettings, ledger: Ledger):
        self.ledger = ledger
        self._client = anthropic.AsyncAnthropic(
            api_key=settings.anthropic_api_key.get_secret_value(),
            base_url=str(settings.anthropic_base_url).rstrip("/"),
            timeout=settings.model_timeout_seconds,
            max_retries=settings.model_max_retries,
        )

    async def ask(
        self, *, step: str, model: str, system: str, content: str, reply: type[Reply], max_tokens: int
    ) -> Reply:
        """One call, answered as `reply`.

        Raises ModelRefusedAccess when trying again is of no use, InvalidReply when the answer is cut off, refused or
        of another shape, ModelError when there was none after the client's own retries.
        """
        try:
            message = await self._client.messages.create(
                model=model,
                max_tokens=max_tokens,
                system=system,
                messages=[{"role": "user", "content": content}],
                output_config={"format": {"type": "json_schema", "schema": transform_schema(reply)}},
            )
        except anthropic.APIError as error:
            raise _explained(error, model) from None
        self.ledger.record(step, model, message.usage)
        if message.stop_reason != "end_turn":
            raise InvalidReply(f"{model} stopped with {message.stop_reason} (max_tokens {max_tokens})")
        text = "".join(block.text for block in message.content if block.type == "text")
        try:
            return reply.model_validate_json(text)
        except ValidationError as error:
            # Not the error's own text: it quotes the reply.
            raise InvalidReply(
                f"{model} answered with something that is no {reply.__name__} ({error.error_count()} problems)"
            ) from None


def block(name: str, text: str) -> str:
    """`text` between tags that the text itself cannot close, because the tag ends in random digits."""
    tag = f"{name}-{secrets.token_hex(8)}"
    return f"<{tag}>\n{text}\n</{tag}>"


@asynccontextmanager
async def connected() -> AsyncIterator[Claude]:
    """Makes a client for the tasks that run inside, found by `current()`.

    A connection pool belongs to one event loop: a task that is submitted runs in a thread with a loop of its own and
    connects there again. The ledger stays that of the run.
    """
    outer = _current.get(None)
    claude = Claude(ModelSettings(), outer.ledger if outer else Ledger())
    token = _current.set(claude)
    try:
        async with claude._client:
            yield claude
    finally:
        _current.reset(token)


def current() -> Claude:
    return _current.get()


def _explained(error: anthropic.APIError, model: str) -> ModelError:
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
        case anthropic.BadRequestError() | anthropic.ContentTooLargeError() | anthropic.UnprocessableEntityError():
            return ModelRefusedAccess(
                f"the Messages API rejects the request to {model} with {error.status_code} (request {error.request_id})"
            )
        case anthropic.APIStatusError():
            return ModelError(
                f"the Messages API answered {error.status_code} to every try (request {error.request_id}); "
                "it will be tried again"
            )
        case anthropic.APITimeoutError():
            return ModelError("the Messages API gave no answer in time, several times; it will be tried again")
        case _:
            return ModelError("the Messages API could not be reached; check ANTHROPIC_BASE_URL and the network")
