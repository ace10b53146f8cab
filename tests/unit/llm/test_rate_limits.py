"""A run's rate limiter where an HTTP test would not get: several event loops, headers that nobody expects."""

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from flows.llm.rate_limits import Call, RateLimiter
from flows.llm.retry import RetryPolicy
from flows.llm.token_buckets import Needs
from flows.records import Step
from flows.settings import ModelSettings

MODEL = "claude-haiku-5-5"


@pytest.fixture
def limiter(monkeypatch):
    monkeypatch.setenv("ANTHROPIC_API_KEY", "k")
    return RateLimiter(RetryPolicy(ModelSettings()))


def requests(limit, remaining):
    return {"anthropic-ratelimit-requests-limit": limit, "anthropic-ratelimit-requests-remaining": remaining}


async def call(limiter, headers=None):
    """Seconds that it has waited."""
    began, asked = time.monotonic(), Call(Step.EXTRACT_FACTS, MODEL, Needs(100, 10))
    async with limiter.turn(MODEL, asked):
        if headers is not None:
            asked.headers(headers)
        return time.monotonic() - began


def test_threads_with_loops_of_their_own_wait_for_the_same_limit(limiter):
    def several():
        async def calls():
            await asyncio.gather(*(call(limiter) for _ in range(5)))

        asyncio.run(calls())

    asyncio.run(call(limiter, requests("1200", "60")))  # nothing above the reserve; one comes back in 50 ms
    began = time.monotonic()
    with ThreadPoolExecutor() as pool:
        for thread in [pool.submit(several) for _ in range(2)]:
            thread.result(timeout=30)
    assert time.monotonic() - began > 9 * 0.05


@pytest.mark.parametrize(
    "headers",
    [
        {},
        requests("", ""),
        requests("-1", "5"),
        requests("0", "0"),
        requests("many", "few"),
        requests("1e3", "0"),
        requests("٣", "٠"),
        {"anthropic-ratelimit-requests-limit": "50"},
    ],
)
def test_headers_that_tell_no_limit_hold_nothing_back(limiter, headers):
    async def calls():
        await call(limiter, headers)
        return await asyncio.gather(*(call(limiter) for _ in range(60)))

    assert max(asyncio.run(calls())) < 2


def test_an_answer_without_them_leaves_what_is_known(limiter):
    async def calls():
        await call(limiter, requests("600", "30"))
        await call(limiter, {})
        return await asyncio.gather(*(call(limiter) for _ in range(5)))

    assert max(asyncio.run(calls())) > 0.3
