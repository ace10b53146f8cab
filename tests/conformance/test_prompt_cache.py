"""What all calls of a step begin with is written to the model's cache once, and read from there by the others."""

import asyncio
import time

import pytest
from pydantic import BaseModel

from flows import models
from flows.errors import BudgetReached
from flows.extraction import question
from flows.llm.messages import blocks
from flows.records import Step

HAIKU, OLDER = "claude-haiku-5-5", "claude-haiku-4-5"
LONG = "Read what the person says and note what is durable. " * 100  # about 1,400 of Haiku 5.5's tokens


class ChunkFacts(BaseModel):
    facts: list[dict[str, object]]


def asked(client, *, system=LONG, step=Step.EXTRACT_FACTS, name=HAIKU):
    return client.ask(
        step=step,
        model=name,
        system=system,
        content=blocks({"excerpt-1": "I like tea."}),
        reply_type=ChunkFacts,
        reply_tokens=1_000,
    )


def used(model, *calls):
    """What the run has used for calls with those options, one after the other."""

    async def run():
        async with model.connected() as client:
            for options in calls:
                await asked(client, **options)
            return client.usage.total()

    return asyncio.run(run())


def test_the_first_call_writes_the_system_prompt_and_the_others_read_it(model):
    usage = used(model, {}, {}, {}, {})
    assert usage.cache_read_tokens == 3 * usage.cache_write_tokens > 0
    alone = used(model, {"step": Step.GENERATE_MEMORY}, *[{"step": Step.GENERATE_MEMORY}] * 3)
    assert usage.input_tokens + usage.cache_write_tokens + usage.cache_read_tokens == pytest.approx(
        alone.input_tokens, rel=0.02
    )
    assert usage.cost_usd < alone.cost_usd / 2


def test_calls_that_begin_before_the_first_is_answered_read_nothing(model):
    async def run():
        async with model.connected() as client:
            await asked(client, system="Find out how this server can be asked.")
            await model.behave(latency=0.05)
            await asyncio.gather(*(asked(client) for _ in range(3)))
            at_once = client.usage.total()
            await asked(client)
            return at_once, client.usage.total()

    at_once, later = asyncio.run(run())
    assert at_once.cache_read_tokens == 0 < at_once.cache_write_tokens
    assert later.cache_write_tokens == at_once.cache_write_tokens == 3 * later.cache_read_tokens


def test_what_was_cached_is_written_again_when_nobody_has_asked_for_five_minutes(model, monkeypatch):
    now = time.monotonic()

    async def run():
        async with model.connected() as client:
            for seconds in (0, 299, 598, 899):
                monkeypatch.setattr("deployments.local.messages_api.prompt_cache.time.monotonic", lambda: now + seconds)  # noqa: B023
                await asked(client)
            return client.usage.total()

    usage = asyncio.run(run())
    assert usage.cache_read_tokens == usage.cache_write_tokens > 0


@pytest.mark.parametrize(
    "options",
    [
        {"system": "Note what is durable."},  # shorter than what the model caches
        {"name": OLDER},  # which caches from 4,096 tokens
        {"name": "claude-opus-5"},  # of which nothing is known
        {"step": Step.GENERATE_MEMORY},  # which asks once
    ],
)
def test_what_would_not_pay_off_is_not_cached(model, options):
    usage = used(model, options, options)
    assert (usage.cache_write_tokens, usage.cache_read_tokens) == (0, 0)
    assert usage.input_tokens > 0


def test_another_model_and_another_prompt_are_cached_apart(model):
    usage = used(model, {}, {"name": "claude-opus-5-5"}, {"system": f"{LONG} Be brief."})
    assert usage.cache_read_tokens == 0 < usage.cache_write_tokens


def test_every_model_that_is_said_to_cache_step_4s_prompt_does(model):
    cached = [name for name in models.MODELS if question.cached_tokens(name)]
    assert HAIKU in cached
    for name in cached:
        assert used(model, *[{"name": name, "system": question.SYSTEM}] * 2).cache_read_tokens > 0


def test_a_call_counts_against_the_budget_as_if_it_had_to_be_written_to_the_cache(model, monkeypatch):
    writing, reading = used(model, {}).cost_usd, used(model, {}).cost_usd
    assert reading < writing / 5
    monkeypatch.setenv("FULL_PASS_BUDGET_USD", f"{writing * 0.9:.7f}")
    with pytest.raises(BudgetReached):
        used(model, {})


def test_an_estimate_counts_one_writing_and_then_readings(model):
    usage = used(model, *[{}] * 20)
    prompts = usage.input_tokens + usage.cache_write_tokens + usage.cache_read_tokens
    estimate = models.estimated_cost(
        HAIKU,
        calls=20,
        prompt_tokens=round(prompts / 1.3),
        cached=round(usage.cache_write_tokens / 1.3),
        reply_share=usage.output_tokens / prompts,
    )
    assert usage.cost_usd == pytest.approx(estimate, rel=0.02)
