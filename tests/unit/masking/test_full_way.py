"""From an export to MEMORY and the sections: no model sees a secret, and nothing that is derived holds one."""

import asyncio
import json
import re
from uuid import uuid5

import pytest

from deployments.local.messages_api import replies
from flows import spool
from flows.chunks import cutting, turns, writing
from flows.exports.conversations import Conversation, Message, Speaker
from flows.extraction import extract, message_batches, packing, question
from flows.extraction.pending import PendingChunks
from flows.memory import consolidation, document, sections, selection
from flows.memory.excerpts import excerpts
from flows.records import ChunkOutcome, Entry, KnownFact, SpooledChunk, StoredFact
from flows.store.client import current_store
from tests.unit.fake_supabase import RUN, USER

MODEL = "claude-haiku-5-5"
KEY = "sk_" + "live_" + "9aB3cD5eF7gH1iJ2kL4mN6oP"
SECRETS = ("Himmel-88", "4532 0151 1283 1760", "DE89 3704 0044 0532 0130 00", KEY)
SAID = (
    "I always forget that my password is Himmel-88.",
    "I prefer to pay with my visa 4532 0151 1283 1760.",
    "I like that the IBAN DE89 3704 0044 0532 0130 00 is mine.",
    f"I'm building a shop with the Stripe key {KEY} in it.",
)
LINES = ["".join(f"{number:02}{'Zk9qWx7Lm3'[turn % 10]}{turn:03}Ab" for turn in range(8)) for number in range(60)]
PEM = "\n".join(["-----BEGIN RSA PRIVATE" + " KEY-----", *LINES, "-----END RSA PRIVATE" + " KEY-----"])


class RecordedPrompts:
    """The application between client and stand-in, which keeps what is sent."""

    def __init__(self, application):
        self._application, self.sent = application, []

    async def __call__(self, scope, receive, send):
        async def recorded():
            message = await receive()
            if scope["path"].startswith("/v1/"):
                self.sent.append(message.get("body", b"").decode())
            return message

        await self._application(scope, recorded, send)

    def text(self):
        return "\n".join(self.sent)


@pytest.fixture
def prompts(model):
    model._application = recorded = RecordedPrompts(model._application)
    return recorded


def exported(folder, *said):
    """The chunks of an export with one conversation, in which the person says this."""
    messages = [message for text in said for message in ({"role": "user", "content": text}, ANSWER)]
    path = folder / "export.json"
    path.write_text(json.dumps([{"id": "c1", "title": "T", "messages": messages}]))
    writing.chunk_export(path, folder / "chunks.jsonl", writing.limits())
    return folder / "chunks.jsonl"


ANSWER = {"role": "assistant", "content": "Noted."}


async def memory_of(supabase, chunks_file):
    """Steps 3 to 9; all that is derived, as one text."""
    for pack in packing.packs(chunks_file, (), 4_000):
        await current_store().answers.save(USER, question.PROMPT_VERSION, MODEL, await question.ask(pack, MODEL))
    return await written_from_answers(supabase, chunks_file)


async def written_from_answers(supabase, chunks_file):
    supabase.owned()
    supabase.store_chunks(spool.read(chunks_file, SpooledChunk))
    found = await extract._collected(USER, MODEL, chunks_file)
    unique, chosen, made = (chunks_file.with_name(name) for name in ("unique", "chosen", "entries"))
    await consolidation.consolidate(USER, RUN, found.facts_file, unique)
    await selection.choose(USER, unique, chosen)
    await document.generate(USER, chosen, made)
    memory_md = (await current_store().memory.save(USER, RUN, list(spool.read(made, Entry)))).memory_md
    profile = await sections.regenerate(USER, memory_md)
    files = [path.read_text() for path in (found.facts_file, unique, chosen, made)]
    return "\n".join([*files, memory_md, profile.text(), *(text or "" for text in profile.columns().values())])


def run(model, work):
    async def connected():
        async with model.connected():
            return await work

    return asyncio.run(connected())


def stored(supabase):
    tables = ("chunk_facts", "model_replies", "memory_facts", "memory_decisions")
    return json.dumps([supabase.tables[name] for name in tables], ensure_ascii=False)


def test_no_prompt_fact_or_document_holds_a_secret_and_what_it_was_is_known(model, prompts, supabase, tmp_path):
    derived = run(model, memory_of(supabase, exported(tmp_path, *SAID)))
    for text in (prompts.text(), stored(supabase), derived):
        assert [secret for secret in SECRETS if secret in text] == []
    assert "- I'm building a shop with the Stripe key [secret: Stripe API key] in it." in derived
    assert prompts.text().count("my password is [secret: password]") >= 3  # of steps 4, 7 and 9


def test_what_a_model_writes_of_a_secret_is_not_kept(model, prompts, supabase, tmp_path, monkeypatch):
    told = {"kind": "belief", "text": SAID[0], "excerpt": 1, "quote": SAID[0]}
    monkeypatch.setitem(replies._REPLIES, "ChunkFacts", lambda blocks: {"facts": [told]})
    memory = {"entries": [{"text": SAID[0], "facts": [1]}]}
    monkeypatch.setitem(replies._REPLIES, "MemoryEntries", lambda blocks: memory)
    derived = run(model, memory_of(supabase, exported(tmp_path, SAID[0])))
    for text in (prompts.text(), stored(supabase), derived):
        assert [secret for secret in SECRETS if secret in text] == []
    assert "- I always forget that my password is [secret: password]." in derived


def test_an_answer_from_before_its_secret_was_known_is_masked_when_it_is_read(model, prompts, supabase, tmp_path):
    chunks_file = exported(tmp_path, "Hello.")
    (chunk,) = spool.read(chunks_file, SpooledChunk)
    old = ChunkOutcome(chunk.chunk_key, "facts", [StoredFact("belief", text) for text in SAID])

    async def answered_before():
        await current_store().answers.save(USER, question.PROMPT_VERSION, MODEL, [old])
        return await written_from_answers(supabase, chunks_file)

    derived = run(model, answered_before())
    for text in (prompts.text(), derived):
        assert [secret for secret in SECRETS if secret in text] == []


def test_what_is_handed_in_as_a_message_batch_holds_no_secret(model, prompts, supabase, tmp_path, monkeypatch):
    supabase.owned()
    monkeypatch.setattr("flows.extraction.pending.run_id", lambda: RUN)
    chunks_file = exported(tmp_path, *SAID)

    async def handed_in():
        pending = await PendingChunks.of(USER, chunks_file, MODEL)
        await message_batches._hand_in_all(pending, set())

    run(model, handed_in())
    assert "[secret: card number]" in prompts.text()
    assert [secret for secret in SECRETS if secret in prompts.text()] == []


def test_chunks_stay_as_the_person_wrote_them(tmp_path):
    contents = "".join(chunk.content for chunk in spool.read(exported(tmp_path, *SAID), SpooledChunk))
    assert [text for text in SAID if text not in contents] == []


def test_the_same_facts_are_paid_for_once_with_and_without_a_secret(model, prompts, supabase, tmp_path):
    source = tmp_path / "facts.jsonl"
    spool.write(source, [KnownFact("belief", text, uuid5(USER, text)) for text in SAID])

    async def twice():
        await document.generate(USER, source, tmp_path / "first")
        await document.generate(USER, source, tmp_path / "second")

    run(model, twice())
    assert (tmp_path / "first").read_bytes() == (tmp_path / "second").read_bytes()
    assert len(supabase.tables["model_replies"]) == 1


# What is cut


def shown(chunk):
    """What a prompt has of the chunk."""
    return question.content([packing.Excerpt(chunk.chunk_key, turns.parts(chunk), 0)])


@pytest.mark.parametrize("filling", range(0, 8_000, 700))
def test_a_key_that_goes_on_in_the_next_chunk_is_in_no_prompt(tmp_path, filling):
    text = f"{'I see. ' * (filling // 7)}{PEM}\n\nThat is it. {'I see. ' * 1_500}"
    chunks = list(spool.read(exported(tmp_path, text), SpooledChunk))
    assert len(chunks) > 1
    prompts = "\n".join(map(shown, chunks))
    assert [line for line in LINES if line in prompts] == []
    assert "[secret: private key]" in prompts
    assert "That is it." in prompts


def test_a_token_longer_than_a_chunk_is_in_no_prompt(tmp_path):
    token = "eyJhbGciOiJIUzI1NiJ9." + "".join(LINES) * 6 + ".c2ln"
    chunks = list(spool.read(exported(tmp_path, f"It says {token} again."), SpooledChunk))
    assert len(chunks) > 2
    prompts = "\n".join(map(shown, chunks))
    assert re.findall("Zk9|Ab0", prompts) == []
    assert "again." in prompts


def test_the_end_of_a_long_title_shows_no_half_of_a_secret(tmp_path):
    title = f"{'a ' * 68}{KEY} in the shop"
    (chunk,) = cutting.cut(Conversation("c1", title, None, None, [Message(Speaker.USER, "Hello.", None)]))
    assert "sk_live_9a" in chunk.content
    assert "9aB" not in shown(writing.record(chunk, "app"))


def test_a_key_in_the_middle_of_a_question_that_is_halved_is_in_neither_half(tmp_path):
    (chunk,) = spool.read(exported(tmp_path, f"{'I see. ' * 120}\n{PEM[:2_000]}\n{'I see. ' * 120}"), SpooledChunk)
    halves = packing.halves([packing.Excerpt(chunk.chunk_key, turns.parts(chunk), 0)])
    assert halves is not None
    prompts = "\n".join(question.content(half) for half in halves)
    assert [line for line in LINES if line in prompts] == []


def test_a_conversation_that_is_cut_for_the_sections_shows_no_half_of_a_secret(supabase, tmp_path):
    supabase.store_chunks(spool.read(exported(tmp_path, f"Hello. {PEM}"), SpooledChunk))
    for room in range(40, 400, 40):
        prompt = "".join(part.text for part in asyncio.run(excerpts(USER, room)))
        assert [line[:20] for line in LINES if line[:20] in prompt] == []
