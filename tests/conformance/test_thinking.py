"""The models think unless they are told not to: it costs output and takes room from the reply."""

import asyncio
import json

import pytest
from pydantic import BaseModel

from flows import models
from flows.errors import CutOff
from flows.llm import tokens
from flows.llm.messages import blocks
from flows.records import Step

HAIKU, OLDER = "claude-haiku-5-5", "claude-haiku-4-5"


class MemoryEntries(BaseModel):
    entries: list[dict[str, object]]


def ask(model, step, *, name=HAIKU, times=1, reply_tokens=1_000, facts=1, thinking_tokens=600):
    """What the run has used, for calls that are answered with a MEMORY of so many facts."""
    lines = "\n".join(
        json.dumps({"n": each, "kind": "belief", "text": f"I live in town {each}."}) for each in range(facts)
    )

    async def calls():
        async with model.connected() as client:
            await model.behave(thinking_tokens=thinking_tokens)
            for number in range(times):
                await client.ask(
                    step=step,
                    model=name,
                    system=f"Write, {number}.",
                    content=blocks({"facts": lines}),
                    reply_type=MemoryEntries,
                    reply_tokens=reply_tokens,
                )
            return client.usage.total(), (await model.counted())["tokens"]

    return asyncio.run(calls())


def test_extraction_pays_for_no_thinking_and_the_documents_do(model):
    extracting, _ = ask(model, Step.EXTRACT_FACTS, times=10)
    writing, _ = ask(model, Step.GENERATE_MEMORY, times=10)
    assert extracting.output_tokens * 3 < writing.output_tokens
    assert extracting.thinking_tokens == 0 < writing.thinking_tokens < writing.output_tokens


def test_how_much_a_step_thinks_is_a_setting(model, monkeypatch):
    used = {}
    for thinking in ("off", "low", "high"):
        monkeypatch.setenv("EXTRACTION_THINKING", thinking)
        used[thinking] = ask(model, Step.EXTRACT_FACTS, times=10)[0].output_tokens
    assert used["off"] < used["low"] < used["high"]


def test_a_question_is_thought_about_as_long_each_time(model):
    used = [ask(model, Step.GENERATE_MEMORY, times=3)[0].thinking_tokens for _ in range(3)]
    assert used == used[:1] * 3


@pytest.mark.parametrize("name", [*models.MODELS])
def test_every_known_model_takes_what_is_said_of_thinking(model, monkeypatch, name):
    for thinking in ("off", "low", "medium", "high"):
        monkeypatch.setenv("MEMORY_THINKING", thinking)
        assert ask(model, Step.GENERATE_MEMORY, name=name)[0].calls == 1


def test_a_reply_has_the_room_that_it_needs_beside_the_thinking(model):
    used, _ = ask(model, Step.GENERATE_MEMORY, facts=100, reply_tokens=1_000, thinking_tokens=6_000, times=5)
    assert used.calls == 5


def test_a_reply_is_cut_off_only_when_more_room_is_not_enough_either(model):
    used, _ = ask(model, Step.EXTRACT_FACTS, facts=100, reply_tokens=700)
    assert used.calls == 2
    with pytest.raises(CutOff, match="max_tokens"):
        ask(model, Step.EXTRACT_FACTS, facts=400, reply_tokens=100)


def test_the_newer_tokenizer_counts_more(model):
    newer, _ = ask(model, Step.EXTRACT_FACTS, facts=100, reply_tokens=4_000)
    older, _ = ask(model, Step.EXTRACT_FACTS, facts=100, reply_tokens=4_000, name=OLDER)
    assert newer.input_tokens == pytest.approx(older.input_tokens * 1.3, rel=0.02)


def test_an_estimate_counts_the_thinking_and_the_tokenizer(model, monkeypatch):
    silent, _ = ask(model, Step.EXTRACT_FACTS, times=50)
    monkeypatch.setenv("EXTRACTION_THINKING", "medium")
    used, _ = ask(model, Step.EXTRACT_FACTS, times=50)
    estimate = models.estimated_cost(
        HAIKU,
        calls=50,
        prompt_tokens=round(used.input_tokens / 1.3),
        reply_share=silent.output_tokens / silent.input_tokens,
        thinking="medium",
    )
    assert used.cost_usd == pytest.approx(estimate, rel=0.2)


def test_a_prompt_below_the_price_of_long_ones_is_below_it_by_the_models_own_count():
    text = "word " * 100_000
    room = models.cheap_prompt(HAIKU)
    assert room is not None
    within = text[: len(text) * room // tokens.estimate(text)]
    assert models.model_tokens(HAIKU, tokens.estimate(within)) <= 100_000
    assert models.cheap_prompt(OLDER) is None
