"""The account's rate limits, kept before they hurt: a call waits here until there is room for it.

First come, first served, for each model. What a call will use is estimated from what those before it have used.
Without the headers that tell the limits, as from a local server, nothing waits but for the pauses of `retry`, which
bears with what is turned away all the same.
"""

import asyncio
import threading
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

import anthropic
from anthropic.types import Usage

from flows.errors import PromptTooLong
from flows.llm.retry import RetryPolicy
from flows.llm.token_buckets import Begun, Needs, TokenBuckets
from flows.records import Step

#: Told of calls that have waited long: step, figures for the log.
OnLimited = Callable[[Step, Mapping[str, int | str]], None]

_NEWS = 0.1  # weight of the last call in the mean
_LOOK_SECONDS = 5.0  # a share may have changed
_LONG_SECONDS = 10.0  # a wait that is worth a line in the log,
_TOLD_SECONDS = 60.0  # once in so many


@dataclass
class Call:
    """A call that is to be made. `expected`: of the step's first; those after it go by what was used."""

    step: Step
    model: str
    expected: Needs
    #: To be told of the headers of its answer, as soon as they are there.
    headers: Callable[[Mapping[str, str]], None] = lambda headers: None
    #: To be set when it is answered.
    usage: Usage | None = None


@dataclass(eq=False)
class _Waiting:
    loop: asyncio.AbstractEventLoop = field(default_factory=asyncio.get_running_loop)
    news: asyncio.Event = field(default_factory=asyncio.Event)

    async def wait(self, seconds: float | None) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self.news.wait()

    def wake(self) -> None:
        with suppress(RuntimeError):  # its loop has ended
            self.loop.call_soon_threadsafe(self.news.set)


@dataclass
class _Model:
    buckets: TokenBuckets = field(default_factory=TokenBuckets)
    queue: deque[_Waiting] = field(default_factory=deque)
    waits_for: str = ""  # the limit that calls wait for

    def wake(self) -> None:
        if self.queue:
            self.queue[0].wake()


@dataclass
class _Mean:
    """What the calls of a step use: input for each token that was expected, and output."""

    input: float
    output: float

    def add(self, input: float, output: float) -> None:
        self.input += _NEWS * (input - self.input)
        self.output += _NEWS * (output - self.output)


class RateLimiter:
    """Shared by all calls of a run, also from several threads."""

    def __init__(self, retry: RetryPolicy, on_limited: OnLimited | None = None):
        #: Of what the account has left, the part that is this run's.
        self.share = 1.0
        self._retry = retry
        self.on_limited = on_limited
        self._models: dict[str, _Model] = {}
        self._means: dict[tuple[Step, str], _Mean] = {}
        self._told = float("-inf")
        self._lock = threading.Lock()

    @asynccontextmanager
    async def turn(self, name: str, call: Call | None) -> AsyncIterator[None]:
        """Surrounds a call of the model `name`, which begins when no pause holds it back and there is room for it.

        call: None when the limits of it are others, as those of batches. Raises PromptTooLong when a call is turned
        away that needs more than a minute's input.
        """
        if call is None:
            await self._retry.wait(name)
            yield
            return
        with self._lock:
            model = self._models.setdefault(name, _Model())
        begun = None
        while begun is None:
            await self._retry.wait(name)
            begun = await self._begun(model, call)
        call.headers = lambda headers: self._seen(model, begun, headers)
        try:
            yield
        except anthropic.APIStatusError as error:
            call.headers(error.response.headers)
            if error.status_code == 429:
                self._turned_away(model, begun)
            raise
        finally:
            self._end(model, begun, call)

    async def _begun(self, model: _Model, call: Call) -> Begun | None:
        """Waits until it is this call's turn and there is room for it. None: meanwhile a pause has begun."""
        since, waiting = time.monotonic(), _Waiting()
        with self._lock:
            model.queue.append(waiting)
        try:
            while True:
                with self._lock:
                    waiting.news.clear()
                    seconds = self._seconds(model, call) if model.queue[0] is waiting else None
                    if seconds == 0:
                        paused = self._retry.is_paused(call.model)
                        return None if paused else model.buckets.begin(self._needs(call), time.monotonic())
                await waiting.wait(seconds)
        finally:
            with self._lock:
                model.queue.remove(waiting)
                model.wake()
            self._tell(model, call, time.monotonic() - since)

    def _seconds(self, model: _Model, call: Call) -> float:
        seconds, limit = model.buckets.wait(self._needs(call), self.share, time.monotonic())
        if seconds <= 0:
            return 0
        model.waits_for = limit
        return min(max(seconds, 0.001), _LOOK_SECONDS)

    def _needs(self, call: Call) -> Needs:
        mean = self._means.get((call.step, call.model))
        return call.expected if mean is None else Needs(call.expected.input * mean.input, mean.output)

    def _seen(self, model: _Model, begun: Begun, headers: Mapping[str, str]) -> None:
        with self._lock:
            model.buckets.seen(begun, headers)
            model.wake()

    def _turned_away(self, model: _Model, begun: Begun) -> None:
        with self._lock:
            model.buckets.turned_away(begun)
            limit = model.buckets.limit("input-tokens")
        if limit is not None and begun.needs.input > limit:
            raise PromptTooLong(
                f"the prompt has about {begun.needs.input:,.0f} tokens, and the account may send {limit:,.0f} in a "
                "minute; ask for higher limits in the Claude console"
            ) from None

    def _end(self, model: _Model, begun: Begun, call: Call) -> None:
        usage, call.usage = call.usage, None
        with self._lock:
            model.buckets.end(begun, usage.output_tokens if usage else 0)
            if usage:
                # What is read from the cache does not count.
                sent = usage.input_tokens + (usage.cache_creation_input_tokens or 0)
                ratio = sent / max(call.expected.input, 1)
                mean = self._means.setdefault((call.step, call.model), _Mean(1.0, call.expected.output))
                mean.add(ratio, usage.output_tokens)
            model.wake()

    def _tell(self, model: _Model, call: Call, waited: float) -> None:
        now, limit = time.monotonic(), model.buckets.limit(model.waits_for)
        if not self.on_limited or not limit or waited < _LONG_SECONDS or now - self._told < _TOLD_SECONDS:
            return
        self._told = now
        limit_name = f"{model.waits_for}_per_minute"
        self.on_limited(call.step, {limit_name: int(limit), "waited": f"{waited:.1f}", "waiting": len(model.queue)})
