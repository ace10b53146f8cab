"""What the Messages API means by its errors: the status alone does not say it."""

import asyncio
from datetime import UTC, datetime

import pytest

from flows.chunks.turns import Part
from flows.errors import ModelError, OutOfRetries, Refused, RequestRejected, SpendLimitReached
from flows.extraction import question
from flows.extraction.packing import Excerpt
from flows.extraction.question import ChunkFacts
from flows.llm.messages import blocks
from flows.records import Step

MODEL = "claude-haiku-5-5"
TEXT = "I like tea. My colleague Zacharias is at 5 Elm Street."


async def ask(client):
    return await client.ask(
        step=Step.EXTRACT_FACTS,
        model=MODEL,
        system="Note facts.",
        content=blocks({"excerpt-1": [("user", TEXT)]}),
        reply_type=ChunkFacts,
        reply_tokens=1_000,
    )


def asked(model, *faults):
    """The reply, and how many calls it took."""

    async def call():
        async with model.connected() as client:
            await model.behave(*faults)
            reply = await ask(client)
            return reply, (await model.counted())["calls"]["total"]

    return asyncio.run(call())


def extracted(model, pack, *faults):
    """Chunk key → outcome."""

    async def calls():
        async with model.connected():
            await model.behave(*faults)
            return {each.chunk_key: each for each in await question.ask(pack, MODEL)}

    return asyncio.run(calls())


def excerpts(*texts):
    return [Excerpt(f"k{number}", [Part("user", text)], 10) for number, text in enumerate(texts, 1)]


def test_a_content_filter_is_a_refusal_of_that_chunk_and_of_no_other(model):
    fault = {"kind": "content_filter", "contains": "cats"}
    found = extracted(model, excerpts("I like tea.", "I like cats.", "I like rain."), fault)
    assert [found[key].outcome for key in ("k1", "k2", "k3")] == ["facts", "refused", "facts"]


def test_a_content_filter_is_not_asked_again(model):
    with pytest.raises(Refused, match="content filter"):
        asked(model, {"kind": "content_filter"})
    assert model.retries == []


def test_a_spend_limit_ends_the_run_at_once_and_says_until_when(model):
    with pytest.raises(SpendLimitReached, match="not before 2099-01-01 00:00 UTC") as caught:
        extracted(model, excerpts("I like tea.", "I like cats."), {"kind": "spend_limit"})
    assert caught.value.retry_at == datetime(2099, 1, 1, tzinfo=UTC)
    assert not caught.value.permanent
    assert model.retries == []


def test_a_monthly_cap_is_over_on_the_first_and_nobody_waits_for_it(model):
    with pytest.raises(SpendLimitReached) as caught:
        asked(model, {"kind": "monthly_cap"})
    until = caught.value.retry_at
    assert until is not None
    assert (until.day, until.hour, until.tzinfo) == (1, 0, UTC)
    assert 0 < (until - datetime.now(UTC)).days <= 31
    assert model.waits == []


def test_used_up_credit_ends_the_run_and_says_what_to_do(model):
    with pytest.raises(SpendLimitReached, match="add credit"):
        asked(model, {"kind": "low_credit"})
    assert model.retries == []


def test_a_page_of_a_proxy_says_nothing_about_keys_and_is_tried_again(model):
    assert asked(model, {"kind": "html", "status": 403, "times": 2})[1] == 3
    with pytest.raises(ModelError, match=r"a page that is none of its errors.*proxies") as caught:
        asked(model, {"kind": "html", "status": 403})
    assert not caught.value.ends_run


def test_an_unknown_400_is_said_in_the_apis_own_words_without_the_persons(model):
    message = "messages.0.content: text about Zacharias at 5 Elm Street is not valid"
    with pytest.raises(RequestRejected) as caught:
        asked(model, {"kind": "status", "status": 400, "message": message})
    said = str(caught.value).partition("): ")[2].split()
    assert said[:2] == ["messages.0.content:", "text"]
    assert said[-2:] == ["not", "valid"]
    assert not {"Zacharias", "Elm", "5", "Street"} & set(said)


def test_one_request_that_is_rejected_does_not_end_the_pass(model):
    fault = {"kind": "status", "status": 400, "contains": "cats"}
    found = extracted(model, excerpts("I like tea.", "I like cats."), fault)
    assert (found["k1"].outcome, found["k2"].outcome) == ("facts", "failed")
    assert found["k2"].error.startswith("RequestRejected: ")


def test_a_run_of_which_every_request_is_rejected_stops(model, monkeypatch):
    monkeypatch.setenv("MODEL_RETRY_BUDGET", "5")
    with pytest.raises(OutOfRetries):
        extracted(model, excerpts(*(f"I like tea {each}." for each in range(20))), {"kind": "status", "status": 400})


def test_what_is_turned_away_for_too_long_ends_the_run_for_all(model, monkeypatch):
    monkeypatch.setenv("MODEL_THROTTLED_SECONDS", "0")
    with pytest.raises(OutOfRetries, match="MODEL_THROTTLED_SECONDS"):
        extracted(model, excerpts("I like tea.", "I like cats."), {"kind": "status", "status": 429})


@pytest.mark.parametrize(("status", "says"), [(529, "overloaded_error"), (500, "api_error")])
def test_an_error_within_the_stream_is_the_error_that_it_says(model, status, says):
    _, calls = asked(model, {"kind": "error_event", "status": status, "times": 2})
    assert calls == 3
    assert {reason for _, reason, _ in model.retries} == {says}
    assert {failures for _, _, failures in model.retries} == ({0} if status == 529 else {1, 2})


def test_what_breaks_off_in_the_stream_is_paid_for_as_far_as_it_got(model):
    async def call():
        async with model.connected() as client:
            await ask(client)
            once = client.usage.total().input_tokens
            await model.behave({"kind": "error_event", "status": 500, "times": 2})
            await ask(client)
            return once, client.usage.total()

    once, used = asyncio.run(call())
    assert used.calls == 2
    assert used.input_tokens == pytest.approx(once * 4, rel=0.15)  # the tags of each prompt are others


def test_a_content_filter_within_the_stream_is_a_refusal(model):
    message = "Output blocked by content filtering policy"
    with pytest.raises(Refused):
        asked(model, {"kind": "error_event", "status": 400, "message": message})


def test_context_that_is_exceeded_is_asked_about_in_parts(model):
    message = "input length and `max_tokens` exceed context limit: 999000 + 8000 > 1000000"
    fault = {"kind": "status", "status": 400, "message": message, "times": 1}
    found = extracted(model, excerpts("I like tea.", "I like cats."), fault)
    assert {each.outcome for each in found.values()} == {"facts"}
