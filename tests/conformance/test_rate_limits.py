"""Rate limits are kept before they hurt: runs use what the tier allows, and are hardly ever turned away."""

import asyncio
import time
from contextlib import AsyncExitStack

import pytest

from deployments.local.messages_api.rate_limits import Limits, ModelLimits
from deployments.local.messages_api.wire import ApiError
from flows.errors import PromptTooLong
from flows.extraction.question import ChunkFacts
from flows.llm.messages import blocks
from flows.records import Step
from tests.unit import virtual_time

MODEL = "claude-haiku-5-5"
SLOTS = 50
SMALL = {"requests": 50, "input_tokens": 50_000, "output_tokens": 10_000}
HEADERS = {"x-api-key": "key-of-the-test", "anthropic-version": "2023-06-01"}


async def ask(client, number, words=100, step=Step.EXTRACT_FACTS):
    await client.ask(
        step=step,
        model=MODEL,
        system="Note facts.",
        content=blocks({"excerpt-1": [("user", f"I like tea {number}. {'word ' * words}")]}),
        reply_type=ChunkFacts,
        reply_tokens=1_000,
    )


class Measured:
    """What the stand-in has counted since an earlier count."""

    def __init__(self, earlier, later, minutes):
        statuses, before = later["calls"]["by_status"], earlier["calls"]["by_status"]
        self.answered = (statuses.get("200", 0) - before.get("200", 0)) / minutes
        self.input, self.output = (
            (later["tokens"][kind] - earlier["tokens"][kind]) / minutes for kind in ("input", "output")
        )
        self.turned_away = statuses.get("429", 0) / sum(statuses.values())


def measured(model, runs=1, limits=SMALL, *, calls=ask, settled=60, minutes=2, latency=2, apart=0, beside=None):
    """What is used in so many minutes after `settled` seconds, by runs that share 50 slots and the tier.

    apart: seconds between the beginnings of two runs.
    """

    async def slot(client, number, begin):
        await asyncio.sleep(begin)
        while True:
            number += SLOTS
            await calls(client, number)

    async def work():
        async with AsyncExitStack() as stack:
            clients = [await stack.enter_async_context(model.connected(asyncio.sleep)) for _ in range(runs)]
            await model.behave(latency=latency, limits=limits)
            tasks = []
            for place, client in enumerate(clients):
                client.rate_limiter.share = 1 / runs
                tasks += [asyncio.create_task(slot(client, number, place * apart)) for number in range(SLOTS // runs)]
            if beside:
                tasks.append(asyncio.create_task(beside(model)))
            await asyncio.sleep(settled)
            earlier = await model.counted()
            await asyncio.sleep(60 * minutes)
            later = await model.counted()
            for task in tasks:
                task.cancel()
            ended = await asyncio.gather(*tasks, return_exceptions=True)
            assert {type(each) for each in ended} == {asyncio.CancelledError}
            return Measured(earlier, later, minutes), [client.usage.total().calls for client in clients]

    return virtual_time.run(work())


async def post(http, text="x", max_tokens=100, **more):
    body = {"model": MODEL, "max_tokens": max_tokens, "messages": [{"role": "user", "content": text}], **more}
    return await http.post("/v1/messages", json=body, headers=HEADERS)


def asked(model, limits, scenario):
    """What a scenario gives that talks to the API without our client."""

    async def work():
        async with model.connected():
            await model.behave(limits=limits)
            return await scenario(model.http)

    return virtual_time.run(work())


# The runs


@pytest.mark.parametrize("runs", [1, 10])
def test_runs_use_the_requests_of_a_small_tier_and_are_hardly_ever_turned_away(model, runs):
    used, calls = measured(model, runs)
    assert used.answered >= 0.95 * SMALL["requests"]
    assert used.turned_away < 0.01
    assert max(calls) - min(calls) <= 2


def test_runs_that_begin_one_after_the_other_do_not_all_take_the_same(model):
    used, _ = measured(model, 3, apart=1.3, minutes=0.5)
    assert used.turned_away < 0.01


@pytest.mark.parametrize("runs", [1, 10])
def test_runs_use_the_input_tokens_of_a_small_tier(model, runs):
    async def long(client, number):
        await ask(client, number, words=1_500 + 97 * number % 500)

    used, _ = measured(model, runs, calls=long, minutes=5)
    assert used.input >= 0.95 * SMALL["input_tokens"]
    assert used.turned_away < 0.01


@pytest.mark.parametrize("runs", [1, 3])
def test_runs_use_the_output_tokens_of_a_small_tier(model, runs):
    async def thinking(client, number):
        await ask(client, number, step=Step.GENERATE_MEMORY)

    used, _ = measured(model, runs, calls=thinking, minutes=8)
    assert used.output >= 0.95 * SMALL["output_tokens"]
    assert used.turned_away < 0.01


def test_calls_that_take_long_do_not_keep_the_tier_from_being_used(model):
    used, _ = measured(model, 3, latency=30)
    assert used.answered >= 0.95 * SMALL["requests"]
    assert used.turned_away < 0.01


def test_another_user_of_the_key_takes_its_part_and_nobody_is_turned_away(model):
    async def other(model):
        while True:
            assert (await post(model.http)).status_code == 200
            await asyncio.sleep(3)

    used, _ = measured(model, 3, beside=other)
    assert used.answered >= 0.95 * SMALL["requests"]
    assert used.turned_away < 0.01


def test_a_run_that_is_left_alone_takes_what_the_others_leave(model):
    async def work():
        async with model.connected(asyncio.sleep) as client:
            await model.behave(latency=2, limits=SMALL)
            client.rate_limiter.share = 0.2
            await asyncio.gather(*(ask(client, number) for number in range(150)))
            return asyncio.get_running_loop().time(), await model.counted()

    async def timed():
        began = asyncio.get_running_loop().time()
        ended, counted = await work()
        return ended - began, counted["calls"]["by_status"]

    seconds, statuses = virtual_time.run(timed())
    assert statuses == {"200": 150}
    assert seconds < 1.05 * 60 * 150 / SMALL["requests"]


def test_a_limit_that_changes_is_kept_from_the_next_answer_on(model):
    async def lowered(model):
        await asyncio.sleep(30)
        await model.behave(latency=2, limits={**SMALL, "requests": 20})
        await asyncio.Event().wait()

    used, _ = measured(model, limits={**SMALL, "requests": 120}, beside=lowered)
    assert used.answered == pytest.approx(20, rel=0.05)
    assert used.turned_away < 0.01


def test_where_the_minute_may_not_be_used_at_once_calls_come_evenly(model):
    used, _ = measured(model, limits={**SMALL, "requests": 60, "burst_seconds": 1}, minutes=1)
    assert used.answered >= 0.9 * 60
    assert used.turned_away < 0.05


def test_an_api_that_tells_no_limits_is_asked_as_fast_as_it_answers(model, monkeypatch):
    monkeypatch.setattr("deployments.local.messages_api.rate_limits.ModelLimits.headers", lambda self: {})
    used, _ = measured(model, limits={}, settled=20, minutes=1, latency=10)
    assert used.answered >= 0.95 * SLOTS * 60 / 10


def test_calls_wait_in_their_order_and_one_that_is_cancelled_keeps_no_other(model):
    async def work():
        order = []

        async def one(client, number):
            await ask(client, number)
            order.append(number)

        async with model.connected(asyncio.sleep) as client:
            await model.behave(limits={**SMALL, "requests": 10})
            calls = [asyncio.create_task(one(client, number)) for number in range(30)]
            await asyncio.sleep(30)
            for call in calls[20:25]:
                call.cancel()
            await asyncio.gather(*calls, return_exceptions=True)
            return order

    assert virtual_time.run(work()) == [*range(20), *range(25, 30)]


def test_long_waits_are_told_once_a_minute_with_the_limit_and_how_many_wait(model):
    async def work():
        told = []
        async with model.connected(asyncio.sleep) as client:
            client.rate_limiter.on_limited = lambda step, figures: told.append((step, dict(figures)))
            await model.behave(limits={**SMALL, "requests": 10})
            await asyncio.gather(*(ask(client, number) for number in range(30)))
            return told

    told = virtual_time.run(work())
    assert 1 <= len(told) <= 3
    step, figures = told[0]
    assert (step, figures["requests_per_minute"]) == (Step.EXTRACT_FACTS, 10)
    assert float(figures["waited"]) >= 10
    assert figures["waiting"] > 5


def test_a_prompt_that_no_minute_has_room_for_is_too_long(model):
    async def work():
        async with model.connected(asyncio.sleep) as client:
            await model.behave(limits={**SMALL, "input_tokens": 5_000})
            await ask(client, 1)
            with pytest.raises(PromptTooLong, match=r"the account may send 5,000 in a minute; ask for higher limits"):
                await ask(client, 2, words=10_000)
            await ask(client, 3)

    virtual_time.run(work())


# The stand-in


def left(answer, what):
    return int(answer.headers[f"anthropic-ratelimit-{what}-remaining"])


def test_every_answer_tells_limits_and_what_is_left_tokens_in_thousands(model):
    async def scenario(http):
        return await post(http, "word " * 2_600), await post(http, max_tokens=0)

    first, refused = asked(model, SMALL, scenario)
    assert (first.status_code, refused.status_code) == (200, 400)
    assert left(first, "requests") == 49
    assert left(first, "input-tokens") == 46_000
    assert left(first, "output-tokens") == 10_000
    assert left(first, "tokens") == 56_000
    assert first.headers["anthropic-ratelimit-tokens-limit"] == "60000"
    assert first.headers["anthropic-ratelimit-requests-reset"].endswith("Z")


@pytest.mark.parametrize(
    ("limits", "says"),
    [
        ({"requests": 3}, "3 requests per minute"),
        ({"input_tokens": 1_000}, "1,000 input tokens per minute"),
        ({"output_tokens": 60}, "60 output tokens per minute"),
    ],
)
def test_who_exceeds_a_limit_is_told_which_and_when_to_come_back(model, limits, says):
    async def scenario(http):
        while (answer := await post(http, "word " * 200)).status_code == 200:
            pass
        await asyncio.sleep(float(answer.headers["retry-after"]))
        return answer, await post(http, "word " * 200)

    answer, later = asked(model, {**SMALL, **limits}, scenario)
    assert answer.json()["error"]["type"] == "rate_limit_error"
    assert says in answer.json()["error"]["message"]
    assert answer.headers["anthropic-ratelimit-requests-limit"]
    assert later.status_code == 200


def test_who_comes_back_when_told_is_answered_whatever_the_clock_shows(monkeypatch):
    for start in range(0, 1_000_000, 997):
        now = start + 0.1
        monkeypatch.setattr(time, "monotonic", lambda: now)  # noqa: B023, called in this round
        limits = ModelLimits(Limits(output_tokens=60))
        limits.produced(63)
        with pytest.raises(ApiError) as refused:
            limits.begin(1)
        now += refused.value.retry_after or 0
        limits.begin(1)


def test_max_tokens_does_not_count_and_each_model_has_limits_of_its_own(model):
    async def scenario(http):
        answers = [await post(http, max_tokens=100_000) for _ in range(2)]
        return [*answers, await post(http), await post(http, model="claude-haiku-4-5")]

    answers = asked(model, {**SMALL, "requests": 2}, scenario)
    assert [answer.status_code for answer in answers] == [200, 200, 429, 200]
    assert left(answers[1], "output-tokens") >= 8_000
