"""Calls to Claude: one client for the run, structured replies, errors that say what to do."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager, suppress
from contextvars import ContextVar
from functools import partial
from typing import Any, TypeVar

import anthropic
from anthropic.types import Message, Usage
from anthropic.types.messages import MessageBatchIndividualResponse
from prefect.context import FlowRunContext
from prefect.exceptions import Pause

from flows import models
from flows.errors import BudgetReached, CutOff, ModelError, OutOfRetries, PromptTooLong, Refused, RequestRejected
from flows.llm import failures, streaming, tokens
from flows.llm.connection import Sdk, connect, is_first_party, name_of, share_of_price
from flows.llm.messages import Reply, fits, parsed, prompt_of, request
from flows.llm.rate_limits import Call, OnLimited, RateLimiter
from flows.llm.reply_forms import ReplyForms
from flows.llm.retry import RetryPolicy, SharePause
from flows.llm.token_buckets import Needs
from flows.llm.usage import RunUsage
from flows.models import Thinking
from flows.providers import Form
from flows.records import Step
from flows.settings import ModelSettings

Answer = TypeVar("Answer")

#: Told of each call that will be repeated: step, reason, how often it has failed.
OnRetry = Callable[[Step, str, int], None]

#: Steps whose calls all begin with one system prompt. Writing it to the cache costs more, so a single call does not.
_REPEATING = (Step.EXTRACT_FACTS, Step.CONSOLIDATE_FACTS)
_MORE_ROOM = 4  # times the room of a reply that was cut off
_SLOWEST_TOKENS_A_SECOND = 20

_current: ContextVar["Claude"] = ContextVar("model")


class Claude:
    """The Messages API as the steps use it. Usage and retries are those of the run, the connections of one thread."""

    def __init__(
        self,
        settings: ModelSettings,
        usage: RunUsage,
        retry: RetryPolicy,
        share_pause: SharePause | None = None,
        on_retry: OnRetry | None = None,
        sdk: Sdk | None = None,
        forms: ReplyForms | None = None,
        rate_limiter: RateLimiter | None = None,
    ):
        self.usage = usage
        self.retry = retry
        self.rate_limiter = rate_limiter or RateLimiter(retry)
        self.on_retry = on_retry
        self._share_pause = share_pause
        self._settings = settings
        self._tries = 1 + settings.model_max_retries
        self._budget = settings.full_pass_budget_usd
        self._share_of_price = share_of_price(settings)
        self._promised = 0.0  # dollars that the calls under way will cost at least
        self._sdk = sdk or connect(settings)
        self.forms = forms or ReplyForms("schema" if is_first_party(settings) else None)

    async def ask(
        self, *, step: Step, model: str, system: str, content: str, reply_type: type[Reply], reply_tokens: int
    ) -> Reply:
        """One question, answered as `reply_type`; repeated while it fails in a way that passes.

        reply_tokens: estimated tokens that the reply is expected to need at most; a reply that is cut off is asked for
        once more, with four times the room.

        Raises BudgetReached before a call that the run may not pay, ModelRefusedAccess and SpendLimitReached when the
        account may not call, OutOfRetries when the run has failed too often, PromptTooLong, InvalidReply when the
        answer is of another shape (CutOff, Refused), ModelError when this question has failed too often.
        """

        thinking = self._settings.thinking(step)
        name = name_of(self._settings, model)
        question = partial(
            request,
            model=name,
            system=system,
            content=content,
            reply_type=reply_type,
            thinking=thinking,
            repeated=step in _REPEATING,
        )

        async def asked(reply_tokens: int) -> Reply:
            room = models.max_tokens(model, thinking, reply_tokens)
            message = await self._shaped(step, model, partial(question, max_tokens=room), reply_type)
            return parsed(message, reply_type, room)

        try:
            return await asked(reply_tokens)
        except CutOff:
            return await asked(_MORE_ROOM * reply_tokens)

    async def _shaped(
        self, step: Step, model: str, question: Callable[..., dict[str, Any]], reply_type: type[Reply]
    ) -> Message:
        async def answered(form: Form) -> Message:
            return await self._answer(step, model, question(form=form))

        try:
            return await self.forms.answered(model, answered, lambda message: fits(message, reply_type))
        except RequestRejected:  # and no other form helps
            self.retry.spend()
            raise

    async def _answer(self, step: Step, model: str, parameters: dict[str, Any]) -> Message:
        prompt, cached = prompt_of(parameters)
        thinking, prompt_tokens = self._settings.thinking(step), tokens.estimate(prompt)
        # As if it had to be written to the cache: whether it can be read from there is known only by the answer.
        cost = models.estimated_cost(model, calls=1, prompt_tokens=prompt_tokens, cached=cached, thinking=thinking)
        least = (cost or 0.0) * self._share_of_price
        call = Call(step, model, _expected(model, prompt_tokens, thinking))

        async def send() -> Message:
            begun: list[Usage] = []
            try:
                message = await streaming.answer(self._sdk, parameters, call.headers, begun.append)
            except BaseException:
                for usage in begun:  # what breaks off is paid for, too
                    self.usage.record(step, model, usage, self._share_of_price, calls=0)
                raise
            call.usage = message.usage
            return message

        # A model that writes as slowly as this is none that a run could wait for.
        seconds = self._settings.model_timeout_seconds + parameters["max_tokens"] / _SLOWEST_TOKENS_A_SECOND
        message = await self._repeat(step, model, send, least, seconds, prompt=prompt, call=call)
        self.usage.record(step, model, message.usage, self._share_of_price)
        return message

    async def create_batch(self, step: Step, model: str, requests: Mapping[str, Mapping[str, Any]]) -> str:
        """Hands in a message batch, custom_id → parameters of a call; returns its id. Raises as `ask` does.

        Tried once: a request whose answer was lost may have arrived, and would be paid for again.
        """
        entries: list[Any] = [{"custom_id": name, "params": asked} for name, asked in requests.items()]
        batch = await self._repeat(step, model, lambda: self._sdk.messages.batches.create(requests=entries), tries=1)
        return batch.id

    async def batch_has_ended(self, step: Step, model: str, batch_id: str) -> bool | None:
        """None: it has no results for us, and never will. Raises as `ask` does.

        So it is when the API knows of no such batch, as after another key was set, and 29 days after it was made.
        """

        async def retrieve() -> bool | None:
            try:
                batch = await self._sdk.messages.batches.retrieve(batch_id)
            except anthropic.NotFoundError:
                return None
            if batch.archived_at is not None:
                return None
            return batch.processing_status == "ended"

        return await self._repeat(step, model, retrieve)

    async def batch_results(
        self, step: Step, model: str, batch_id: str
    ) -> AsyncIterator[MessageBatchIndividualResponse]:
        """The results of a batch that has ended, in any order. Raises as `ask` does."""
        lines = await self._repeat(step, model, lambda: self._sdk.messages.batches.results(batch_id))
        async for line in lines:
            yield line

    async def delete_batch(self, batch_id: str) -> None:
        """What was asked and answered would stay at the API for 29 days. No reason to end a run, should it fail."""
        with suppress(anthropic.APIError):
            await self._sdk.messages.batches.delete(batch_id)

    async def _repeat(
        self,
        step: Step,
        model: str,
        send: Callable[[], Awaitable[Answer]],
        dollars: float = 0,
        seconds: float | None = None,
        *,
        prompt: str = "",
        tries: int | None = None,
        call: Call | None = None,
    ) -> Answer:
        """Sends a request that costs about `dollars`, again while it fails in a way that passes."""
        failed, turned_away_at = 0, None
        while True:
            try:
                async with self.rate_limiter.turn(model, call):
                    answer = await self._send(send, dollars, seconds)
            except (anthropic.APIError, TimeoutError) as error:
                throttled = failures.is_throttled(error)
                failed += not throttled
                problem = failures.explained(error, model, prompt, self._settings.model_provider)
                if _is_final(problem) or failed >= (tries or self._tries):
                    raise problem from None
                if throttled:
                    turned_away_at = turned_away_at or time.monotonic()
                    if time.monotonic() - turned_away_at >= self._settings.model_throttled_seconds:
                        raise _throttled_for_too_long(error) from None
                await self._before_repeating(step, model, error, failed)
            else:
                self.retry.answered(model)
                return answer

    async def _send(self, send: Callable[[], Awaitable[Answer]], dollars: float, seconds: float | None) -> Answer:
        """One try, if the budget allows it and nobody has suspended the run."""
        _stop_when_suspended()
        self.require_budget(dollars)
        self._promised += dollars
        try:
            async with asyncio.timeout(seconds or self._settings.model_timeout_seconds):
                return await send()
        finally:
            self._promised -= dollars

    async def _before_repeating(self, step: Step, model: str, error: BaseException, failed: int) -> None:
        self.usage.record_retry(step, model)
        if self.on_retry is not None:
            self.on_retry(step, failures.reason(error), failed)
        if failures.is_throttled(error):
            await self.retry.throttled(model, failures.retry_after(error), self._share_pause)
        else:
            await self.retry.failed(failed, failures.retry_after(error))

    def require_budget(self, dollars: float, what: str = "the next call") -> None:
        """Raises BudgetReached unless the run may still spend so much on `what`."""
        if self._budget is None:
            return
        spent = self.usage.total().cost_usd or 0.0
        if spent + self._promised + dollars > self._budget:
            raise BudgetReached(
                f"${spent:.4f} are spent and {what} would pass FULL_PASS_BUDGET_USD of ${self._budget:g}; what "
                "is paid for is kept: raise the budget and trigger again"
            )

    async def close(self) -> None:
        await self._sdk.close()


def _stop_when_suspended() -> None:
    """Raises Pause, which ends the process of a suspended run; Prefect itself would do so at the next task run only."""
    context = FlowRunContext.get()
    if context is not None and (state := context.flow_run_suspension_request.get_state()) is not None:
        raise Pause(state=state)


def _is_final(problem: ModelError) -> bool:
    """Whether the same request would be answered in the same way."""
    return problem.ends_run or isinstance(problem, PromptTooLong | Refused | RequestRejected)


def _throttled_for_too_long(error: BaseException) -> OutOfRetries:
    return OutOfRetries(
        f"the Messages API turns calls away ({failures.reason(error)}) for longer than MODEL_THROTTLED_SECONDS; "
        "the next run goes on where this one has stopped"
    )


def _expected(model: str, prompt_tokens: int, thinking: Thinking) -> Needs:
    """What a call will use, before one like it has been answered."""
    prompt = models.model_tokens(model, prompt_tokens)
    return Needs(prompt, prompt * models.EXPECTED_REPLY + models.expected_thinking(model, thinking))


@asynccontextmanager
async def open_model(
    share_pause: SharePause | None = None, on_retry: OnRetry | None = None, on_limited: OnLimited | None = None
) -> AsyncIterator[Claude]:
    """Makes a client for the tasks that run inside, found by `current_model()`.

    A connection pool belongs to one event loop: a task that is submitted runs in a thread with a loop of its own and
    connects there again. Usage, retries and rate limits stay those of the run.
    """
    settings = ModelSettings()
    outer = _current.get(None)
    if outer is None:
        retry = RetryPolicy(settings)
        limiter = RateLimiter(retry, on_limited)
        model = Claude(settings, RunUsage(), retry, share_pause, on_retry, rate_limiter=limiter)
    else:
        limiter = outer.rate_limiter
        model = Claude(
            settings,
            outer.usage,
            outer.retry,
            share_pause,
            on_retry or outer.on_retry,
            forms=outer.forms,
            rate_limiter=limiter,
        )
    with use_model(model):
        try:
            yield model
        finally:
            await model.close()


@contextmanager
def use_model(model: Claude) -> Iterator[Claude]:
    """Makes `model` the one that `current_model()` gives inside."""
    token = _current.set(model)
    try:
        yield model
    finally:
        _current.reset(token)


def current_model() -> Claude:
    return _current.get()
