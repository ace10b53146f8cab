"""A pass within one process: the real steps 2 and 4 to 9 with the real client, the stand-in, and tables in memory.

Step 3 is left out, and Prefect with its slots: neither changes what comes through, nor what is asked.
"""

from dataclasses import dataclass
from pathlib import Path

from flows import spool
from flows.chunks import writing
from flows.extraction import extract, packing, question
from flows.extraction.extract import Extracted
from flows.llm.client import current_model
from flows.llm.usage import RunUsage
from flows.memory import consolidation, document, sections, selection
from flows.memory.consolidation import Consolidated
from flows.memory.document import Generated
from flows.records import ChunkOutcome, Entry, FoundFact, RunFile, SavedMemory, SpooledChunk
from flows.settings import ModelSettings, PassSettings
from flows.store.client import current_store, use_store
from tests.unit.fake_model import InProcessModel
from tests.unit.fake_supabase import RUN, USER, FakeSupabase

MODEL: str = ModelSettings.model_fields["extraction_model"].default
_PACKS_AT_ONCE = 100  # that are stored together: each time all the rows in memory are gone through


@dataclass(frozen=True)
class Passed:
    extracted: Extracted
    consolidated: Consolidated
    generated: Generated
    saved: SavedMemory
    usage: RunUsage

    def found(self) -> list[FoundFact]:
        return list(spool.read(self.extracted.facts_file, FoundFact))


async def run(export: Path, supabase: FakeSupabase) -> Passed:
    """Beside the export lie the run's files afterwards; RunFile.CHUNKS of them holds what stands in the export."""
    chunks_file = export.with_name(RunFile.CHUNKS)
    writing.chunk_export(export, chunks_file, writing.limits())
    supabase.store_chunks(spool.read(chunks_file, SpooledChunk))
    with use_store(supabase.store()):
        async with InProcessModel().connected():
            return await _from_step_4(chunks_file, supabase)


async def _from_step_4(chunks_file: Path, supabase: FakeSupabase) -> Passed:
    await _answer(chunks_file)
    extracted = await extract._collected(USER, MODEL, chunks_file)
    unique, chosen, entries = (
        chunks_file.with_name(name) for name in (RunFile.UNIQUE_FACTS, RunFile.CHOSEN_FACTS, RunFile.ENTRIES)
    )
    consolidated = await consolidation.consolidate(USER, RUN, extracted.facts_file, unique)
    await selection.choose(USER, unique, chosen)
    generated = await document.generate(USER, chosen, entries)
    saved = await current_store().memory.save(USER, RUN, list(spool.read(entries, Entry)))
    profile = await sections.regenerate(USER, saved.memory_md)
    await current_store().profiles.save_sections(USER, RUN, profile.columns(), profile.text(), profile.question)
    supabase.tables["model_replies"].clear()  # as full_pass_complete does
    return Passed(extracted, consolidated, generated, saved, current_model().usage)


async def _answer(chunks_file: Path) -> None:
    known = current_store().answers.of_chunks(USER, question.PROMPT_VERSION, MODEL, "chunk_key,outcome")
    answered = {bytes.fromhex(chunk.chunk_key) async for chunk in known}
    packs = packing.packs(chunks_file, (answered,), PassSettings().extraction_pack_tokens)
    outcomes: list[ChunkOutcome] = []
    for number, pack in enumerate(packs, 1):
        outcomes += await question.ask(pack, MODEL)
        if number % _PACKS_AT_ONCE == 0:
            await _save(outcomes)
            outcomes = []
    await _save(outcomes)


async def _save(outcomes: list[ChunkOutcome]) -> None:
    await current_store().answers.save(USER, question.PROMPT_VERSION, MODEL, outcomes)
