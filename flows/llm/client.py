"""Calls to Claude: one client for the run, structured replies, errors that say what to do."""

import asyncio
import secrets
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from contextvars import ContextVar
from functools import cache
from typing import Any, TypeVar

import anthropic
from anthropic import transform_schema
from anthropic.types import Message
from pydantic import BaseModel, ValidationError

from flows import prices
from flows.errors import BudgetReached, CutOff, InvalidReply, ModelError, ModelRefusedAccess, PromptTooLong, Refused
from flows.llm import tokens
from flows.llm.retry import Patience, SharePause
from flows.llm.usage import Ledger
from flows.settings import ModelSettings

Answer = TypeVar("Answer")
Reply = TypeVar("Reply", bound=BaseModel)

#: Told of each call that will be repeated: step, reason, how often it has failed.
OnRetry = Callable[[str, str, int], None]

_THROTTLED = {429, 529}

_current: ContextVar["Claude"] = ContextVar("claude")


class Claude:
    """The Messages API as the steps use it."""

    def __init__(
        self,
        settings: ModelSettings,
        ledger: Ledger,
        patience: Patience,
        share_pause: SharePause | None = None,
        on_retry: OnRetry | None = None,
    ):
        self.ledger = ledger
        self.patience = patience
        self.on_retry = on_retry
        self._share_pause = share_pause
        self._seconds = settings.model_timeout_seconds
        self._throttled_seconds = settings.model_throttled_seconds
        self._tries = 1 + settings.model_max_retries
        self._budget = settings.full_pass_budget_usd
        self._promised = 0.0  # dollars that the calls under way will cost at least
        self.client = anthropic.AsyncAnthropic(
            api_key=settings.anthropic_api_key.get_secret_value(),
            base_url=str(settings.anthropic_base_url).rstrip("/"),
            timeout=settings.model_timeout_seconds,
            max_retries=0,  # the run's patience decides, not each call alone
        )

    async def ask(
        self, *, step: str, model: str, system: str, content: str, reply: type[Reply], max_tokens: int
    ) -> Reply:
        """One question, answered as `reply`; repeated while it fails in a way that passes.

        Raises BudgetReached before a call that the run may not pay, ModelRefusedAccess when trying again is of no
        use, PromptTooLong, InvalidReply when the answer is of another shape (CutOff, Refused), OutOfRetries when the
        run has failed too often, ModelError when this question has.
        """
        asked = request(model=model, system=system, content=content, reply=reply, max_tokens=max_tokens)
        least = prices.cost(model, input=tokens.estimate(system) + tokens.estimate(content), output=0) or 0.0
        message = await self.repeat(step, model, lambda: self.client.messages.create(**asked), least)
        self.ledger.record(step, model, message.usage)
        return parsed(message, reply, max_tokens)

    async def repeat(
        self, step: str, model: str, send: Callable[[], Awaitable[Answer]], dollars: float = 0, tries: int | None = None
    ) -> Answer:
        """Sends a request that costs at least `dollars`, again while it fails in a way that passes.

        Raises as `ask` does.
        """
        began, failures = time.monotonic(), 0
        while True:
            await self.patience.wait(model)
            self.require_budget(dollars)
            self._promised += dollars
            try:
                # The client's own limit is on each read: an answer that trickles would never end.
                async with asyncio.timeout(self._seconds):
                    answer = await send()
            except (anthropic.APIError, TimeoutError) as error:
                problem = _explained(error, model)
                if problem.permanent or isinstance(problem, PromptTooLong):
                    raise problem from None
                throttled = isinstance(error, anthropic.APIStatusError) and error.status_code in _THROTTLED
                failures += not throttled
                if failures >= (tries or self._tries) or (
                    throttled and time.monotonic() - began >= self._throttled_seconds
                ):
                    raise problem from None
                self.ledger.record_retry(step, model)
                if self.on_retry is not None:
                    self.on_retry(step, _reason(error), failures)
                if throttled:
                    await self.patience.throttled(model, _retry_after(error), self._share_pause)
                else:
                    await self.patience.failed(failures, _retry_after(error))
            else:
                self.patience.answered(model)
                return answer
            finally:
                self._promised -= dollars

    def require_budget(self, dollars: float, what: str = "the next call") -> None:
        """Raises BudgetReached unless the run may still spend so much on `what`."""
        if self._budget is None:
            return
        spent = self.ledger.total().cost_usd or 0.0
        if spent + self._promised + dollars > self._budget:
            raise BudgetReached(
                f"${spent:.4f} are spent and {what} would pass FULL_PASS_BUDGET_USD of ${self._budget:g}; what "
                "is paid for is kept: raise the budget and trigger again"
            )


def request(*, model: str, system: str, content: str, reply: type[BaseModel], max_tokens: int) -> dict[str, Any]:
    """The parameters of a call that is answered as `reply`."""
    return {
        "model": model,
        "max_tokens": max_tokens,
        "system": system,
        "messages": [{"role": "user", "content": content}],
        "output_config": {"format": {"type": "json_schema", "schema": _schema(reply)}},
    }


def parsed(message: Message, reply: type[Reply], max_tokens: int) -> Reply:
    """The answer as `reply`. Raises CutOff, Refused or InvalidReply, none of which quotes it."""
    if message.stop_reason == "max_tokens":
        raise CutOff(f"{message.model} had more to say than max_tokens of {max_tokens}")
    if message.stop_reason == "refusal":
        raise Refused(f"{message.model} refused to answer")
    if message.stop_reason != "end_turn":
        raise InvalidReply(f"{message.model} stopped with {message.stop_reason}")
    text = "".join(block.text for block in message.content if block.type == "text")
    try:
        return reply.model_validate_json(text)
    except ValidationError as error:
        # Not the error's own text: it quotes the reply.
        raise InvalidReply(
            f"{message.model} answered with something that is no {reply.__name__} ({error.error_count()} problems)"
        ) from None


def block(name: str, text: str) -> str:
    """`text` between tags that the text itself cannot close, because the tag ends in random digits."""
    tag = f"{name}-{secrets.token_hex(8)}"
    return f"<{tag}>\n{text}\n</{tag}>"


@asynccontextmanager
async def open_model(share_pause: SharePause | None = None, on_retry: OnRetry | None = None) -> AsyncIterator[Claude]:
    """Makes a client for the tasks that run inside, found by `current_model()`.

    A connection pool belongs to one event loop: a task that is submitted runs in a thread with a loop of its own and
    connects there again. Ledger and patience stay those of the run.
    """
    settings = ModelSettings()
    outer = _current.get(None)
    if outer is None:
        claude = Claude(settings, Ledger(), Patience(settings), share_pause, on_retry)
    else:
        claude = Claude(settings, outer.ledger, outer.patience, share_pause, on_retry or outer.on_retry)
    token = _current.set(claude)
    try:
        async with claude.client:
            yield claude
    finally:
        _current.reset(token)


def current_model() -> Claude:
    return _current.get()


@cache
def _schema(reply: type[BaseModel]) -> dict[str, Any]:
    return transform_schema(reply)


def _retry_after(error: BaseException) -> float:
    """Seconds that the answer asks to wait; 0 when it does not say."""
    if not isinstance(error, anthropic.APIStatusError):
        return 0.0
    try:
        seconds = float(error.response.headers.get("retry-after", 0))
    except ValueError:  # an HTTP date, which this API does not send
        return 0.0
    return seconds if seconds > 0 else 0.0


def _reason(error: BaseException) -> str:
    return str(error.status_code) if isinstance(error, anthropic.APIStatusError) else type(error).__name__


def _explained(error: BaseException, model: str) -> ModelError:
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
