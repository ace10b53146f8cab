"""A reply that is cut off: more room, then a smaller question; what was answered is kept."""

import asyncio
import json

import pytest

from flows import spool
from flows.chunks import turns
from flows.errors import CutOff
from flows.exports.conversations import Speaker
from flows.memory import document, reduction, sections
from flows.records import KnownFact, SpooledChunk
from tests.unit.fake_supabase import USER


def facts_file(tmp_path, count):
    path = tmp_path / "unique.jsonl"
    spool.write(path, (KnownFact("belief", f"I live in town number {number} by the sea.") for number in range(count)))
    return path


def run(model, work, *faults):
    """What the work gives, and how many calls it took."""

    async def connected():
        async with model.connected():
            await model.behave(*faults)
            try:
                result = await work()
            except CutOff as error:
                result = error
            return result, (await model.counted())["calls"]["total"]

    return asyncio.run(connected())


def cut_off(schema, times=None):
    return {"kind": "max_tokens", "schema": schema, "times": times}


def test_a_memory_that_is_cut_off_gets_more_room(model, supabase, tmp_path):
    memory_md, calls = run(
        model, lambda: document.generate(USER, facts_file(tmp_path, 300)), cut_off("MemoryDocument", 1)
    )
    assert calls == 2
    assert "town number 199" in memory_md


def test_a_memory_that_is_still_cut_off_is_written_from_fewer_facts(model, supabase, tmp_path):
    source = facts_file(tmp_path, 300)
    memory_md, _ = run(model, lambda: document.generate(USER, source), cut_off("MemoryDocument", 2))
    assert memory_md.count("- I live in town") in range(50, 200)


def test_what_was_cut_off_is_not_paid_for_by_the_next_attempt(model, supabase, tmp_path):
    source = facts_file(tmp_path, 300)
    failed, first = run(model, lambda: document.generate(USER, source), cut_off("MemoryDocument"))
    assert isinstance(failed, CutOff)
    again, second = run(model, lambda: document.generate(USER, source), cut_off("MemoryDocument"))
    assert isinstance(again, CutOff)
    assert second == first  # the stand-in counts both runs: nothing was added


@pytest.mark.parametrize("times", [1, 2])
def test_a_group_of_facts_whose_reply_is_cut_off_is_reduced_in_halves(model, supabase, tmp_path, monkeypatch, times):
    monkeypatch.setenv("FACTS_TOKEN_LIMIT", "3000")
    target = tmp_path / "reduced.jsonl"
    reduced, calls = run(
        model, lambda: reduction.reduce(USER, facts_file(tmp_path, 200), target), cut_off("ReducedFacts", times)
    )
    assert reduced.tokens <= 3_000
    assert calls == (2 if times == 1 else 4)
    assert len(list(spool.read(target, KnownFact))) > 50


def test_a_profile_that_is_cut_off_is_written_from_fewer_conversations(model, supabase):
    content, begins = turns.joined("# T\n", [(Speaker.USER, "I like tea. " * 10_000)])
    supabase.store_chunks([SpooledChunk("0" * 32, "c", "T", 0, 0, 0, 1, content, 30_000, None, turns=begins)])
    memory_md = "# MEMORY\n\n- My name is Ana.\n"
    profile, calls = run(model, lambda: sections.regenerate(USER, memory_md), cut_off("ProfileSections", 2))
    assert calls == 3
    assert json.loads(profile.columns()["user_md"])["name"] == "Ana"
