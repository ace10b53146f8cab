"""What is left to ask, in batches and one by one, and where the answers go."""

import asyncio
from typing import Any, cast

import pytest

from flows import spool
from flows.errors import BudgetReached, IncompleteExtraction, InvalidReply
from flows.extraction import extract, message_batches, question
from flows.extraction.pending import PendingChunks
from flows.extraction.question import PROMPT_VERSION
from flows.extraction.slot_sharing import SlotSharing
from flows.records import ChunkOutcome, FoundFact, RunFile, SpooledChunk, StoredFact
from tests.unit.fake_prefect import FakePrefect
from tests.unit.fake_supabase import RUN, USER
from tests.unit.waiting import until

MODEL = "claude-haiku-5-5"


@pytest.fixture
def chunks_file(tmp_path, supabase, run_log, monkeypatch):
    """Three chunks, each too large to share its call; the run owns its user."""
    supabase.owned()
    monkeypatch.setenv("EXTRACTION_PACK_TOKENS", "2000")
    monkeypatch.setattr("flows.extraction.pending.run_id", lambda: RUN)
    monkeypatch.setattr("flows.steps.run_id", lambda: RUN)
    path = tmp_path / RunFile.CHUNKS
    chunks = [chunk(number) for number in range(3)]
    spool.write(path, chunks)
    supabase.store_chunks(chunks)
    return path


def chunk(number):
    return SpooledChunk(
        chunk_key=f"{number:032x}",
        conversation_id=f"c{number}",
        title="T",
        position=0,
        first_message=0,
        last_message=0,
        message_count=1,
        content=f"# T\n\nUser: I like tea number {number}.",
        turns=[5],
        token_count=1_500,
        created_at="2026-01-02T03:04:05+00:00" if number else None,
    )


def pending_of(chunks_file):
    return PendingChunks.of(USER, chunks_file, MODEL)


async def ask_all(pending):
    async def hold(slot):
        await extract.extract_batch.fn(1, 1, pending, slot)

    await SlotSharing(RUN, hold, pending.calls_left).run(cast(Any, FakePrefect(limit=1)), pending.save_cost)


def run(model, work):
    async def connected():
        async with model.connected() as client:
            return await work(client)

    return asyncio.run(connected())


def test_a_slot_asks_until_nothing_is_left_and_each_answer_is_stored(model, supabase, chunks_file):
    async def work(client):
        pending = await pending_of(chunks_file)
        assert (pending.chunk_count, pending.call_count) == (3, 3)
        await ask_all(pending)
        assert pending.calls_left() == 0
        again = await pending_of(chunks_file)
        assert (again.chunk_count, again.calls_left()) == (0, 0)
        await again.save_cost()

    run(model, work)
    assert [row["outcome"] for row in supabase.tables["chunk_facts"]] == ["facts"] * 3
    assert supabase.row()["import_cost_json"]["total"]["calls"] == 3


def test_what_a_library_says_in_the_middle_of_a_batch_is_not_what_its_task_run_says(
    model, supabase, chunks_file, monkeypatch
):
    async def ask(pack, model):
        raise KeyError("private words")

    monkeypatch.setattr("flows.extraction.question.ask", ask)

    async def work(client):
        with pytest.raises(extract.BatchFailed, match=r"^KeyError: unexpected") as raised:
            await ask_all(await pending_of(chunks_file))
        assert raised.value.__suppress_context__

    run(model, work)


def test_a_failed_answer_is_asked_for_again_and_others_are_not(model, supabase, chunks_file):
    async def work(client):
        await model.behave({"kind": "status", "status": 500, "contains": "number 1"})
        await ask_all(await pending_of(chunks_file))
        assert (await pending_of(chunks_file)).chunk_count == 1

    run(model, work)
    assert sorted(row["outcome"] for row in supabase.tables["chunk_facts"]) == ["facts", "facts", "failed"]


def test_a_refused_chunk_is_not_asked_about_again_and_another_model_is_asked_about_all(model, supabase, chunks_file):
    async def work(client):
        await model.behave({"kind": "refusal", "contains": "number 1"})
        await ask_all(await pending_of(chunks_file))
        again = [await PendingChunks.of(USER, chunks_file, asked) for asked in (MODEL, "claude-haiku-4-5")]
        return [pending.chunk_count for pending in again]

    assert run(model, work) == [0, 3]
    (refused,) = (row for row in supabase.tables["chunk_facts"] if row["outcome"] == "refused")
    assert refused["error"].startswith("Refused: ")


def test_a_pause_that_another_run_has_begun_is_kept(model, supabase, chunks_file):
    supabase.pauses[MODEL] = 40

    async def work(client):
        pending = await pending_of(chunks_file)
        await pending.save([question.without_answer(f"{0:032x}", InvalidReply("none"))])
        waiting = asyncio.create_task(client.retry.wait(MODEL))
        await until(lambda: model.waits)
        waiting.cancel()

    run(model, work)
    assert 39 < model.waits[0] < 42


def test_what_the_prompts_alone_would_cost_is_compared_with_the_budget(model, chunks_file, monkeypatch):
    monkeypatch.setenv("FULL_PASS_BUDGET_USD", "0.0001")

    async def work(client):
        pending = await pending_of(chunks_file)
        with pytest.raises(BudgetReached, match="the prompts alone"):
            pending.estimated_cost()

    run(model, work)


def test_a_model_without_a_price_has_no_estimate(model, chunks_file):
    async def work(client):
        assert (await PendingChunks.of(USER, chunks_file, "some-local-model")).estimated_cost() is None
        assert (await pending_of(chunks_file)).estimated_cost(0.5) > 0

    run(model, work)


def test_what_is_collected_is_of_chunks_that_are_there_and_says_how_much_it_covers(model, supabase, chunks_file):
    async def work(client):
        pending = await pending_of(chunks_file)
        await ask_all(pending)
        gone = (f"{number}{'0' * 30}{number}" for number in "0f")
        await pending.save([ChunkOutcome(key, "facts", [StoredFact("belief", "of what is gone")]) for key in gone])
        return await extract._collected(USER, MODEL, chunks_file)

    extracted = run(model, work)
    assert extracted.figures() == {
        **{"chunks": 3, "answered": 3, "refused": 0, "failed": 0, "coverage": "100.00%"},
        **{"facts": 3, "unsupported": 0},
    }
    facts = list(spool.read(extracted.facts_file, FoundFact))
    assert [(fact.text, fact.quote) for fact in facts] == [
        (f"I like tea number {number}.", f"I like tea number {number}.") for number in range(3)
    ]


def test_chunks_of_another_import_are_asked_about_if_they_are_not_answered(model, supabase, chunks_file):
    supabase.store_chunks([chunk(7), chunk(8)])

    async def work(client):
        await (await pending_of(chunks_file)).save([ChunkOutcome(f"{8:032x}", "facts")])
        pending = await pending_of(chunks_file)
        assert pending.chunk_count == 4
        await ask_all(pending)
        return await extract._collected(USER, MODEL, chunks_file)

    extracted = run(model, work)
    assert (extracted.chunks, extracted.answered) == (5, 5)
    assert "I like tea number 7." in {fact.text for fact in spool.read(extracted.facts_file, FoundFact)}


def test_of_chunks_that_nobody_can_be_asked_about_the_last_facts_count(model, supabase, chunks_file):
    supabase.store_chunks([chunk(7), chunk(8)])
    for row in supabase.tables["conversation_chunks"][3:]:
        row["turns"] = None

    async def work(client):
        older = ChunkOutcome(f"{7:032x}", "facts", [StoredFact("belief", "Tea is good.")])
        await supabase.store().answers.save(USER, "older prompt", "older model", [older])
        pending = await pending_of(chunks_file)
        assert pending.chunk_count == 3
        await ask_all(pending)
        return await extract._collected(USER, MODEL, chunks_file)

    extracted = run(model, work)
    assert extracted.figures() | {"coverage": ""} == {
        **{"chunks": 4, "answered": 4, "refused": 0, "failed": 0, "coverage": "", "unasked": 1},
        **{"facts": 4, "unsupported": 0},
    }
    assert "Tea is good." in {fact.text for fact in spool.read(extracted.facts_file, FoundFact)}


def test_a_chunk_that_has_no_answer_any_more_keeps_its_last_facts(model, supabase, chunks_file):
    async def work(client):
        older = ChunkOutcome(f"{0:032x}", "facts", [StoredFact("belief", "Tea is good.")])
        await supabase.store().answers.save(USER, "older prompt", MODEL, [older])
        await model.behave({"kind": "status", "status": 500})
        await ask_all(await pending_of(chunks_file))
        return await extract._collected(USER, MODEL, chunks_file)

    extracted = run(model, work)
    assert (extracted.chunks, extracted.failed) == (3, 3)
    assert [fact.text for fact in spool.read(extracted.facts_file, FoundFact)] == ["Tea is good."]


def test_too_many_chunks_without_an_answer_are_an_error_that_says_why(model, chunks_file):
    async def work(client):
        await model.behave({"kind": "status", "status": 500})
        await ask_all(await pending_of(chunks_file))
        return await extract._collected(USER, MODEL, chunks_file)

    extracted = run(model, work)
    with pytest.raises(IncompleteExtraction, match=r"3 of 3 chunks have no answer \(ModelError: 3\)"):
        extracted.require_coverage()


# Message batches


def answered_in_batches(model, chunks_file, *faults):
    """What is left after the batches, and what the run has used."""

    async def work(client):
        await model.behave(*faults)
        left = await message_batches.answer(await pending_of(chunks_file))
        return left, client.usage.total()

    return run(model, work)


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch):
    monkeypatch.setenv("EXTRACTION_BATCH_POLL_SECONDS", "0.001")


def test_a_batch_answers_everything_at_half_the_price_and_is_forgotten(model, supabase, chunks_file):
    left, usage = answered_in_batches(model, chunks_file)
    assert left.calls_left() == 0
    assert usage.calls == 3
    assert supabase.tables["extraction_batches"] == []
    assert {row["prompt_version"] for row in supabase.tables["chunk_facts"]} == {PROMPT_VERSION}


def test_what_expires_or_fails_is_handed_in_again_and_what_is_refused_is_recorded(model, supabase, chunks_file):
    fails = {"kind": "status", "status": 500, "times": 1}
    faults = {"kind": "expire", "times": 1}, fails, {"kind": "refusal", "contains": "number 2"}
    left, _ = answered_in_batches(model, chunks_file, *faults)
    assert left.calls_left() == 0
    outcomes = {row["chunk_key"][-1]: row["outcome"] for row in supabase.tables["chunk_facts"]}
    assert outcomes == {"0": "facts", "1": "facts", "2": "refused"}


def test_what_has_to_be_asked_differently_is_left_for_the_slots(model, chunks_file):
    left, _ = answered_in_batches(model, chunks_file, {"kind": "max_tokens", "contains": "number 1"})
    assert left.chunk_count == 1


def test_a_batch_that_the_api_does_not_know_is_handed_in_anew(model, supabase, chunks_file):
    supabase._full_pass_add_batch(str(USER), "msgbatch_gone", PROMPT_VERSION, MODEL, {"x": [f"{0:032x}"]})
    left, usage = answered_in_batches(model, chunks_file)
    assert left.calls_left() == 0
    assert usage.calls == 3


def test_a_batch_whose_results_are_gone_after_29_days_is_handed_in_anew(model, supabase, chunks_file):
    async def work(client):
        pending = await pending_of(chunks_file)
        await message_batches._hand_in_all(pending, set())
        (row,) = supabase.tables["extraction_batches"]
        await model.behave(archived_batches=[row["batch_id"]])
        left = await message_batches.answer(pending)
        return left, client.usage.total()

    left, usage = run(model, work)
    assert left.calls_left() == 0
    assert usage.calls == 3


def test_a_batch_that_would_pass_the_budget_is_not_handed_in(model, supabase, chunks_file, monkeypatch):
    monkeypatch.setenv("FULL_PASS_BUDGET_USD", "0.0001")
    with pytest.raises(BudgetReached, match="the next batch"):
        answered_in_batches(model, chunks_file)
    assert supabase.tables["extraction_batches"] == []
