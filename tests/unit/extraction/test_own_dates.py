"""From an export to facts: what is said has the date of its own message, not that of the chat."""

import asyncio
import json

from flows import spool
from flows.chunks import writing
from flows.extraction import extract, packing, question
from flows.memory import consolidation
from flows.records import KnownFact, SpooledChunk
from flows.store.client import current_store
from tests.unit.fake_supabase import RUN, USER

MODEL = "claude-haiku-5-5"


def chat(identity, *said):
    """A conversation of (day, text)."""
    messages = [
        {"role": "user", "content": text, **({"createdAt": f"{day}T10:00:00Z"} if day else {})} for day, text in said
    ]
    return {"id": identity, "title": "T", "createdAt": "2024-12-31", "messages": messages}


def known(model, supabase, folder, *chats):
    """What is current after steps 2 to 5, by its text."""
    (folder / "export.json").write_text(json.dumps(chats))
    chunks_file, unique = folder / "chunks.jsonl", folder / "unique.jsonl"
    writing.chunk_export(folder / "export.json", chunks_file, writing.limits())
    supabase.owned()
    supabase.store_chunks(spool.read(chunks_file, SpooledChunk))

    async def work():
        async with model.connected():
            for pack in packing.packs(chunks_file, (), 4_000):
                outcomes = await question.ask(pack, MODEL)
                await current_store().answers.save(USER, question.PROMPT_VERSION, MODEL, outcomes)
            found = await extract._collected(USER, MODEL, chunks_file)
            await consolidation.consolidate(USER, RUN, found.facts_file, unique)

    asyncio.run(work())
    return {fact.text: fact for fact in spool.read(unique, KnownFact)}


def test_next_friday_counts_from_the_day_of_its_message_in_a_chat_that_goes_on(model, supabase, tmp_path):
    facts = known(
        model, supabase, tmp_path, chat("c1", ("2024-01-05", "My exam is next Friday."), ("2024-12-30", "Hello again."))
    )
    exam = facts["My exam is next Friday."]
    assert (exam.valid_from, exam.said_last) == ("2024-01-12", "2024-01-05T10:00:00Z")


def test_what_was_said_in_january_does_not_beat_june_because_its_chat_went_on_until_december(model, supabase, tmp_path):
    january = chat("c1", ("2024-01-05", "I live in Bern."), ("2024-12-30", "Thanks, that was it."))
    facts = known(model, supabase, tmp_path, january, chat("c2", ("2024-06-01", "I live in Basel.")))
    assert set(facts) == {"I live in Basel."}
    (bern,) = [row for row in supabase.tables["memory_facts"] if row["text"] == "I live in Bern."]
    assert (bern["status"], bern["valid_to"]) == ("superseded", "2024-06-01")


def test_undated_stays_undated(model, supabase, tmp_path):
    facts = known(model, supabase, tmp_path, chat("c1", (None, "My exam is next Friday."), ("2024-12-30", "Hello.")))
    exam = facts["My exam is next Friday."]
    assert (exam.valid_from, exam.said_last) == (None, None)
