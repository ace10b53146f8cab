"""Switches of the Messages API stand-in for tests and benchmarks, and its count of what was asked.

PUT    /_control   {"latency_seconds": 0.0, "thinking_tokens": 600, "archived_batches": [], "schemas"?, "tools"?,
                   "limits": {"requests": 50, "input_tokens": 50000, "output_tokens": 10000}, "faults": [
                   {"kind": …, "schema"?, "contains"?, "status"?, "message"?, "retry_after"?, "times"?, "every"?}]}
                   replaces the behaviour; the latency also that of calls under way
GET    /_control   the counters; with ?contains=WORD also `about`: how many calls had a word like qx0001 in their prompt
DELETE /_control   zeroes the counters, and no prompt is cached any more
GET    /_control/wait?schema=NAME&in_flight=N | &calls=N   answers when so many calls of that kind are being
                   answered, or have been; 408 after `timeout` seconds (30)
"""

import asyncio
import hashlib
import re
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from deployments.local.messages_api import marks
from deployments.local.messages_api.prompt_cache import PromptCache
from deployments.local.messages_api.rate_limits import Limits, RateLimits
from deployments.local.messages_api.reply_forms import Form, Schemas, Tools

_MARKER = re.compile(r"\bqx\d{4}\b")


class Fault(BaseModel):
    """Something that goes wrong with a call."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    #: status: an error answer; html: one of a proxy, with a page; content_filter, spend_limit, low_credit, monthly_cap:
    #: those errors of the API; error_event: an error within the stream; drop: the connection breaks in the body; stall:
    #: the body stops in the middle; slow: for a second it has nothing but pings; hang: no answer at all; truncate: JSON
    #: cut in half; malformed: JSON of another shape; refusal and max_tokens: those stop reasons; expire: in a batch,
    #: the request is not worked on; invents, forges, misindexes, omits: what models get wrong (see mistakes); the
    #: others: what they write in place of entries of MEMORY (see memory_mistakes).
    kind: Literal[
        "status",
        "html",
        "content_filter",
        "spend_limit",
        "low_credit",
        "monthly_cap",
        "error_event",
        "drop",
        "stall",
        "slow",
        "hang",
        "truncate",
        "malformed",
        "refusal",
        "max_tokens",
        "expire",
        "invents",
        "forges",
        "misindexes",
        "omits",
        "stranger",
        "full_stop",
        "apology",
        "chinese",
        "placeholder",
        "label",
        "heading",
        "bad_link",
        "approval",
        "echo",
        "endless",
        "repetition",
        "key",
        "both_cities",
        "one_for_all",
        "one_of_many",
        "nothing",
        "script",
        "role",
        "no_such_fact",
        "other_facts",
        "denial",
        "more",
    ]
    #: Only calls for this kind of reply; None: all.
    reply: str | None = Field(default=None, alias="schema")
    #: Only calls with this text in their prompt.
    contains: str | None = None
    status: int = Field(default=500, ge=400, le=599)
    #: What an error says; None: that it was asked for.
    message: str | None = None
    retry_after: float | None = None
    #: How many calls it hits; None: all.
    times: int | None = Field(default=None, ge=0)
    #: It hits each n-th of the calls it could hit.
    every: int = Field(default=1, ge=1)


class Behaviour(BaseModel):
    model_config = ConfigDict(extra="forbid")

    latency_seconds: float = Field(default=0, ge=0, le=3_600)
    #: Tokens that a call thinks with at medium effort, on average.
    thinking_tokens: int = Field(default=600, ge=0)
    #: Ids of batches that were made more than 29 days ago.
    archived_batches: list[str] = []
    #: What other servers than Claude's do with `output_config.format` and with `tools`; None: as the route's does.
    schemas: Schemas | None = None
    tools: Tools = "followed"
    #: Of a minute, for each model.
    limits: Limits = Limits()
    faults: list[Fault] = []


@dataclass
class Call:
    fault: Fault | None
    status: int = 0


class Counters:
    def __init__(self) -> None:
        self.by_schema: Counter[str] = Counter()
        self.by_status: Counter[str] = Counter()
        self.by_form: Counter[str] = Counter()
        self.in_flight: Counter[str] = Counter()
        self.most_in_flight: Counter[str] = Counter()
        self.input_tokens = self.output_tokens = 0
        self.batches = {"total": 0, "requests": 0, "canceled_requests": 0, "deleted": 0}
        self._prompts: Counter[bytes] = Counter()
        self.about: Counter[str] = Counter()
        self._first = self._last = time.monotonic()
        self._seconds_in_flight = 0.0

    def begin(self, name: str, prompt: str) -> None:
        if not self._prompts:
            self._first = self._last = time.monotonic()
        self._elapse()
        self._prompts[hashlib.blake2b(marks.without_tags(prompt).encode(), digest_size=16).digest()] += 1
        self.about.update(set(_MARKER.findall(prompt)))
        self.in_flight[name] += 1
        for each, now in ((name, self.in_flight[name]), ("total", self.in_flight.total())):
            self.most_in_flight[each] = max(self.most_in_flight[each], now)

    def end(self, name: str, status: int) -> None:
        self._elapse()
        self.in_flight[name] -= 1
        self.by_schema[name] += 1
        self.by_status[str(status)] += 1

    def as_json(self) -> dict[str, Any]:
        seconds = self._last - self._first
        return {
            "calls": {
                "total": self.by_schema.total(),
                "by_schema": self.by_schema,
                "by_status": self.by_status,
                "by_form": self.by_form,
            },
            "in_flight": {
                "now": self.in_flight.total(),
                "max": self.most_in_flight["total"],
                "max_by_schema": self.most_in_flight,
                "mean": self._seconds_in_flight / seconds if seconds else 0.0,
            },
            "tokens": {"input": self.input_tokens, "output": self.output_tokens},
            "batches": self.batches,
            "prompts": {"distinct": len(self._prompts), "repeated": self._prompts.total() - len(self._prompts)},
        }

    def _elapse(self) -> None:
        now = time.monotonic()
        self._seconds_in_flight += self.in_flight.total() * (now - self._last)
        self._last = now


class Control:
    def __init__(self) -> None:
        self.rate_limits = RateLimits()
        self.prompt_cache = PromptCache()
        self._behaviour = Behaviour()
        self._hits: Counter[int] = Counter()
        self._counters = Counters()
        self._changed = asyncio.Condition()
        self._replaced = asyncio.Event()  # another for each behaviour; `_changed` wakes with each call

    def routes(self) -> list[Route]:
        return [
            Route("/_control", self._set, methods=["PUT"]),
            Route("/_control", self._get, methods=["GET"]),
            Route("/_control", self._reset, methods=["DELETE"]),
            Route("/_control/wait", self._wait, methods=["GET"]),
        ]

    @asynccontextmanager
    async def call(self, kind: str | None, prompt: str) -> AsyncIterator[Call]:
        """Surrounds a call: counts it, and says which fault it shall have."""
        name, counters = kind or "none", self._counters
        counters.begin(name, prompt)
        call = Call(self.fault(kind, prompt))
        await self._tell()
        try:
            yield call
        finally:
            counters.end(name, call.status)
            await self._tell()

    @property
    def latency_seconds(self) -> float:
        return self._behaviour.latency_seconds

    async def delay(self) -> None:
        """Lasts as long as a call."""
        began = time.monotonic()
        while (left := began + self.latency_seconds - time.monotonic()) > 0:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._replaced.wait(), left)

    @property
    def thinking_tokens(self) -> int:
        return self._behaviour.thinking_tokens

    @property
    def schemas(self) -> Schemas | None:
        return self._behaviour.schemas

    @property
    def tools(self) -> Tools:
        return self._behaviour.tools

    def answers_by(self, form: Form) -> None:
        """Counts an answer."""
        self._counters.by_form[form] += 1

    def is_archived(self, batch_id: str) -> bool:
        return batch_id in self._behaviour.archived_batches

    def handed_in(self, requests: int) -> None:
        """Counts a batch."""
        self._counters.batches["total"] += 1
        self._counters.batches["requests"] += requests

    def canceled(self, requests: int) -> None:
        """Counts the requests of a batch that are not answered any more."""
        self._counters.batches["canceled_requests"] += requests

    def deleted(self) -> None:
        """Counts a batch that is gone."""
        self._counters.batches["deleted"] += 1

    def spent(self, input_tokens: int, output_tokens: int) -> None:
        self._counters.input_tokens += input_tokens
        self._counters.output_tokens += output_tokens

    def fault(self, kind: str | None, prompt: str) -> Fault | None:
        for index, fault in enumerate(self._behaviour.faults):
            if fault.reply not in (None, kind) or (fault.contains and fault.contains not in prompt):
                continue
            self._hits[index] += 1
            hit = self._hits[index]
            if hit % fault.every == 0 and (fault.times is None or hit // fault.every <= fault.times):
                return fault
        return None

    async def _tell(self) -> None:
        async with self._changed:
            self._changed.notify_all()

    async def _set(self, request: Request) -> Response:
        try:
            self._behaviour = Behaviour.model_validate_json(await request.body())
        except ValidationError as error:
            return JSONResponse({"error": str(error)}, status_code=400)
        self.rate_limits.set(self._behaviour.limits)
        self._hits.clear()
        self._replaced.set()
        self._replaced = asyncio.Event()
        return Response(status_code=204)

    async def _get(self, request: Request) -> Response:
        counters = self._counters.as_json()
        if word := request.query_params.get("contains"):
            counters["about"] = self._counters.about[word]
        return JSONResponse(counters)

    async def _reset(self, request: Request) -> Response:
        self._counters = Counters()
        self.prompt_cache.clear()
        return Response(status_code=204)

    async def _wait(self, request: Request) -> Response:
        asked = request.query_params
        try:
            name = asked.get("schema")
            in_flight, calls = int(asked.get("in_flight", 0)), int(asked.get("calls", 0))
            timeout = float(asked.get("timeout", 30))
        except ValueError:
            return JSONResponse({"error": "in_flight, calls and timeout are numbers"}, status_code=400)

        def reached() -> bool:
            now, done = self._counters.in_flight, self._counters.by_schema
            return (now[name] if name else now.total()) >= in_flight and (done[name] if name else done.total()) >= calls

        try:
            async with asyncio.timeout(timeout), self._changed:
                await self._changed.wait_for(reached)
        except TimeoutError:
            return JSONResponse({"error": "not reached in time"}, status_code=408)
        return JSONResponse(self._counters.as_json())
