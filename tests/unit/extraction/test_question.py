"""What becomes of a pack of excerpts, whatever the model does."""

import asyncio
from datetime import UTC, datetime

import pytest

from flows.chunks.turns import Part
from flows.errors import InvalidReply, ModelRefusedAccess, OutOfRetries
from flows.extraction import question
from flows.extraction.packing import Excerpt
from flows.extraction.question import MAX_FACTS, ChunkFacts
from flows.records import StoredFact

MODEL = "claude-haiku-5-5"


def excerpt(key, *said, filling=""):
    return Excerpt(key, [Part("conversation", "# T"), *(Part("user", f"{text}{filling}") for text in said)], 10)


def answers(model, pack, *faults, asked=MODEL):
    """Chunk key → (outcome, texts, error), and how many calls it took."""

    async def calls():
        async with model.connected():
            await model.behave(*faults)
            outcomes = await question.ask(pack, asked)
            return outcomes, (await model.counted())["calls"]["total"]

    outcomes, count = asyncio.run(calls())
    return {each.chunk_key: (each.outcome, [fact.text for fact in each.facts], each.error) for each in outcomes}, count


PACK = [excerpt("k1", "I like tea."), excerpt("k2", "I like cats.")]


def test_each_excerpt_has_its_own_facts(model):
    assert answers(model, PACK) == (
        {"k1": ("facts", ["I like tea."], None), "k2": ("facts", ["I like cats."], None)},
        1,
    )


def test_a_reply_of_another_shape_is_asked_for_again(model):
    found, count = answers(model, PACK, {"kind": "malformed", "times": 1})
    assert found["k1"] == ("facts", ["I like tea."], None)
    assert count == 2


def test_a_reply_that_is_cut_off_gets_more_room_and_then_half_the_question(model):
    found, count = answers(model, PACK, {"kind": "max_tokens", "times": 2})
    assert [outcome for outcome, _, _ in found.values()] == ["facts", "facts"]
    assert count == 4


def test_a_prompt_that_is_too_long_for_the_model_is_asked_in_parts(model):
    filling = " and so on" * 60_000
    long = [excerpt("k1", "I like tea.", filling=filling), excerpt("k2", "I like cats.", filling=filling)]
    found, count = answers(model, long, asked="claude-haiku-4-5")
    assert [outcome for outcome, _, _ in found.values()] == ["facts", "facts"]
    assert count == 2  # and one that was refused, unpaid


def test_a_refusal_is_of_the_excerpt_that_it_is_about(model):
    found, _ = answers(model, PACK, {"kind": "refusal", "contains": "cats"})
    assert found["k1"] == ("facts", ["I like tea."], None)
    assert found["k2"][0] == "refused"
    assert found["k2"][2].startswith("Refused: ")


def test_a_chunk_that_is_cut_in_two_has_the_facts_of_both_halves(model):
    long = excerpt("k1", "I like tea.", "I like cats.", filling=" and so on" * 60)
    found, _ = answers(model, [long], {"kind": "max_tokens", "times": 2})
    outcome, texts, _ = found["k1"]
    assert outcome == "facts"
    assert [text[:11] for text in texts] == ["I like tea ", "I like cats"] or len(texts) == 2


def test_a_chunk_of_which_half_has_no_answer_has_none(model):
    long = excerpt("k1", "I like tea.", "I like cats.", filling=" and so on" * 60)
    found, _ = answers(model, [long], {"kind": "max_tokens", "times": 2}, {"kind": "refusal", "contains": "cats"})
    assert found["k1"][0] == "refused"


def test_a_call_that_always_fails_is_recorded_with_its_error(model):
    found, _ = answers(model, PACK, {"kind": "status", "status": 500})
    assert {outcome for outcome, _, _ in found.values()} == {"failed"}
    assert found["k1"][2].startswith("ModelError: the Messages API answered 500")


@pytest.mark.parametrize(
    ("fault", "error"),
    [({"kind": "status", "status": 401}, ModelRefusedAccess), ({"kind": "status", "status": 500}, OutOfRetries)],
)
def test_what_concerns_more_than_this_pack_ends_the_run(model, monkeypatch, fault, error):
    if error is OutOfRetries:
        monkeypatch.setenv("MODEL_RETRY_BUDGET", "0")
    with pytest.raises(error):
        answers(model, PACK, fault)


# What the person's words do not say


def fact(text, excerpt_number=1, quote=None, **more):
    return {"kind": "preference", "text": text, "excerpt": excerpt_number, "quote": quote or text, **more}


def outcomes(*facts, pack=PACK):
    return question.outcomes(pack, ChunkFacts.model_validate({"facts": facts}))


def test_more_facts_than_an_excerpt_can_hold_are_no_answer():
    with pytest.raises(InvalidReply):
        outcomes(*[fact("I like tea.")] * (MAX_FACTS + 1))


@pytest.mark.parametrize("number", [-1, 0, 2, 3])
def test_a_fact_is_of_the_excerpt_that_says_it_whatever_its_number(number):
    first, second = outcomes(fact("I like tea.", number))
    assert [stored.text for stored in first.facts] == ["I like tea."]
    assert (second.facts, first.unsupported + second.unsupported) == ([], 0)


def test_a_fact_keeps_who_when_and_the_words_that_say_it():
    said = Part(
        "user", "My sister Ida is a vet. She moved to Bern in May.", at=datetime(2024, 6, 1, 10, tzinfo=UTC), message=7
    )
    told = fact(
        "Ida moved to Bern.",
        quote="She moved to Bern in May",
        subject="my sister Ida",
        slot="home",
        date="2024-05",
        until="2024-13",
        language="en",
    )
    (outcome,) = outcomes(told, pack=[Excerpt("k", [Part("conversation", "# T"), said], 10)])
    assert outcome.facts == [
        StoredFact(
            "preference",
            "Ida moved to Bern.",
            date="2024-05",
            subject="my sister Ida",
            slot="home",
            language="en",
            quote="She moved to Bern in May",
            message=7,
            said="2024-06-01T10:00:00+00:00",
        )
    ]


def test_a_fact_that_only_a_note_of_the_assistants_says_tells_so():
    note = Part("notes", "User is allergic to walnuts. User sails.", at=datetime(2025, 6, 2, tzinfo=UTC), message=3)
    own = Part("user", "User sails. That is what the form says.", message=4)
    told = [
        fact("I am allergic to walnuts.", quote="User is allergic to walnuts"),
        fact("User sails.", quote="User sails"),
    ]
    (outcome,) = outcomes(*told, pack=[Excerpt("k", [Part("conversation", "# T"), note, own], 10)])
    assert [(stored.quote, stored.noted, stored.message, stored.said) for stored in outcome.facts] == [
        ("User is allergic to walnuts", True, 3, "2025-06-02T00:00:00+00:00"),
        ("User sails", False, 4, None),
    ]


@pytest.mark.parametrize("mistake", ["invents", "forges", "misindexes"])
def test_what_a_model_makes_up_ascribes_or_counts_wrongly_changes_nothing(model, mistake):
    parts = [Part("assistant", "I live in Monaco. I own a boat."), Part("title", "I love sailing.")]
    pack = [Excerpt(each.chunk_key, [*each.parts, *parts], 20) for each in PACK]

    async def asked(*faults):
        async with model.connected():
            await model.behave(*faults)
            return await question.ask(pack, MODEL)

    right, wrong = asyncio.run(asked()), asyncio.run(asked({"kind": mistake}))
    assert [outcome.facts for outcome in wrong] == [outcome.facts for outcome in right]
    assert [len(outcome.facts) for outcome in right] == [1, 1]
    assert (sum(outcome.unsupported for outcome in wrong) > 0) == (mistake != "misindexes")
