"""Calls of a run to the Messages API stand-in within this process: what is repeated, what is not, what it costs."""

import asyncio

import pytest

from flows.errors import (
    BudgetReached,
    CutOff,
    ModelError,
    ModelRefusedAccess,
    OutOfRetries,
    PromptTooLong,
    Refused,
    SpendLimitReached,
)
from flows.extraction.question import ChunkFacts
from flows.llm.messages import blocks, request
from flows.records import Step
from tests.unit.waiting import until

TEXT = "I like tea."


async def ask(client, text=TEXT, model="claude-haiku-5-5", reply_tokens=1_000):
    content = blocks({"excerpt-1": [("user", text)]})
    return await client.ask(
        step=Step.EXTRACT_FACTS,
        model=model,
        system="Note facts.",
        content=content,
        reply_type=ChunkFacts,
        reply_tokens=reply_tokens,
    )


def asked(model, *faults, times=1, **options):
    """The replies, and what the run has used."""

    async def calls():
        async with model.connected() as client:
            await model.behave(*faults)
            replies = [await ask(client, **options) for _ in range(times)]
            return replies, client.usage.total()

    return asyncio.run(calls())


def status(code, **more):
    return {"kind": "status", "status": code, **more}


def test_a_reply_has_the_shape_that_was_asked_for_and_is_paid_for(model):
    (reply,), usage = asked(model)
    assert [fact.text for fact in reply.facts] == ["I like tea."]
    assert (usage.calls, usage.retries) == (1, 0)
    assert usage.cost_usd > 0


def test_what_passes_is_repeated_after_growing_waits(model):
    _, usage = asked(model, status(500, times=3))
    assert (usage.calls, usage.retries) == (1, 3)
    assert model.retries == [(Step.EXTRACT_FACTS, "500", failures) for failures in (1, 2, 3)]
    assert all(low / 2 <= waited <= low for waited, low in zip(model.waits, (1, 2, 4), strict=True))


def test_a_service_that_asks_for_a_pause_gets_it_and_no_retry_is_spent(model, monkeypatch):
    monkeypatch.setenv("MODEL_MAX_RETRIES", "0")
    monkeypatch.setenv("MODEL_RETRY_BUDGET", "0")
    _, usage = asked(model, status(429, times=1, retry_after=0.01))
    assert usage.calls == 1
    assert model.retries == [(Step.EXTRACT_FACTS, "429", 0)]


def test_a_long_pause_is_shared_with_other_runs_and_waited_for(model):
    async def calls():
        async with model.connected() as client:
            await model.behave(status(529, times=1, retry_after=30))
            waiting = asyncio.create_task(ask(client))
            await until(lambda: model.waits)
            waiting.cancel()

    asyncio.run(calls())
    assert model.shared == [30]
    assert 29 < model.waits[0] < 33


@pytest.mark.parametrize(
    ("code", "error"),
    [(401, ModelRefusedAccess), (402, SpendLimitReached), (403, ModelRefusedAccess), (413, PromptTooLong)],
)
def test_what_a_repetition_does_not_change_is_not_repeated(model, code, error):
    with pytest.raises(error):
        asked(model, status(code))
    assert model.retries == []


def test_a_call_that_always_fails_ends_with_what_was_answered(model):
    with pytest.raises(ModelError, match=r"answered 503 .* to every try"):
        asked(model, status(503))
    assert len(model.retries) == 4


def test_a_run_bears_only_so_many_failures(model, monkeypatch):
    monkeypatch.setenv("MODEL_RETRY_BUDGET", "2")
    with pytest.raises(OutOfRetries, match="MODEL_RETRY_BUDGET"):
        asked(model, status(500))
    assert len(model.waits) == 2


@pytest.mark.parametrize(("kind", "error"), [("refusal", Refused), ("max_tokens", CutOff)])
def test_an_answer_that_is_none_says_which(model, kind, error):
    with pytest.raises(error):
        asked(model, {"kind": kind})


def test_a_call_that_the_run_may_not_pay_is_not_made(model, monkeypatch):
    monkeypatch.setenv("FULL_PASS_BUDGET_USD", "0.0001")
    with pytest.raises(BudgetReached, match="raise the budget"):
        asked(model, times=10, text=TEXT * 100)


def test_a_batch_is_handed_in_once_and_its_results_are_read(model):
    asked_for = request(
        model="claude-haiku-5-5",
        system="Note facts.",
        content=blocks({"excerpt-1": [("user", TEXT)]}),
        reply_type=ChunkFacts,
        max_tokens=1_000,
        thinking="off",
    )

    async def calls():
        async with model.connected() as client:
            asking = Step.EXTRACT_FACTS, "claude-haiku-5-5"
            batch_id = await client.create_batch(*asking, {"one": asked_for})
            while not await client.batch_has_ended(*asking, batch_id):  # noqa: ASYNC110
                await asyncio.sleep(0)
            unknown = await client.batch_has_ended(*asking, "msgbatch_0")
            return unknown, [line async for line in client.batch_results(*asking, batch_id)]

    unknown, lines = asyncio.run(calls())
    assert unknown is None
    assert [(line.custom_id, line.result.type) for line in lines] == [("one", "succeeded")]
