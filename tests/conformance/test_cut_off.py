"""A reply that is cut off: more room, then a smaller question; what was answered is kept."""

import asyncio
import json
from uuid import uuid5

from flows import spool
from flows.chunks import turns
from flows.errors import CutOff
from flows.exports.conversations import Speaker
from flows.memory import document, sections
from flows.records import Entry, KnownFact, SpooledChunk
from tests.unit.fake_supabase import USER


def facts_file(tmp_path, count):
    path = tmp_path / "chosen.jsonl"
    texts = (f"I live in town number {number} by the sea." for number in range(count))
    spool.write(path, (KnownFact("belief", text, uuid5(USER, text)) for text in texts))
    return path


async def memory_of(path):
    """The lines of MEMORY."""
    await document.generate(USER, path, path.with_name("entries.jsonl"))
    return [entry.text for entry in spool.read(path.with_name("entries.jsonl"), Entry)]


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
    lines, calls = run(model, lambda: memory_of(facts_file(tmp_path, 20)), cut_off("MemoryEntries", 1))
    assert calls == 2
    assert len(lines) == 20


def test_a_memory_that_is_always_cut_off_is_the_facts_own_words_and_is_not_paid_for_again(model, supabase, tmp_path):
    source = facts_file(tmp_path, 20)
    lines, first = run(model, lambda: memory_of(source), cut_off("MemoryEntries"))
    assert "I live in town number 19 by the sea." in lines
    again, second = run(model, lambda: memory_of(source), cut_off("MemoryEntries"))
    assert again == lines
    assert second == first  # the stand-in counts both runs: nothing was added


def test_a_profile_that_is_cut_off_is_written_from_fewer_conversations(model, supabase):
    content, begins = turns.joined("# T\n", [(Speaker.USER, "I like tea. " * 10_000)])
    supabase.store_chunks([SpooledChunk("0" * 32, "c", "T", 0, 0, 0, 1, content, 30_000, None, turns=begins)])
    supabase.owned()
    memory_md = "# MEMORY\n\n- My name is Ana.\n"
    profile, calls = run(model, lambda: sections.regenerate(USER, memory_md), cut_off("ProfileSections", 2))
    assert calls == 3
    assert json.loads(profile.columns()["user_md"])["name"] == "Ana"
