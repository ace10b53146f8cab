"""The full pass: a person's chat history in, durable memory for their AI out.

From top to bottom the nine steps, each a task, and the flow that composes them. Tasks hand each other paths and
counts; the data lies in the run's folder and in the database. What a step does is in the module it calls.
"""

import asyncio
import shutil
from pathlib import Path
from typing import Any, Literal
from uuid import UUID

from prefect import allow_failure, flow, task
from prefect.cache_policies import NO_CACHE

from flows import spool
from flows.chunks import forgetting, saving, writing
from flows.chunks.saving import Saved
from flows.extraction import extract
from flows.extraction.extract import Extracted
from flows.llm.client import current_model, open_model
from flows.memory import consolidation, document, sections, selection
from flows.records import Entry, Import, RunFile, Step
from flows.runs import deliveries, outcome, status
from flows.runs.flow_runs import PassRequest
from flows.runs.run_context import run_context
from flows.runs.tag_slots import EXTRACTING_TAG
from flows.steps import run_id, step
from flows.store.client import current_store, open_store
from flows.summary import summarise


@task(task_run_name=Step.DOWNLOAD_CONVERSATIONS.value, cache_policy=NO_CACHE)
async def download_conversations(request: PassRequest, folder: Path) -> tuple[Path, PassRequest]:
    """Step 1: the uploaded export, streamed to local disk, and what its delivery says of it."""
    async with step(Step.DOWNLOAD_CONVERSATIONS, request.user_id) as figures:
        asked = await deliveries.asked(current_store(), request)
        export = folder / RunFile.EXPORT
        size = await current_store().exports.download_all(asked.paths, asked.user_id, export)
        figures.add({"bytes": size, **({"files": len(asked.paths)} if len(asked.paths) > 1 else {})})
        return export, asked


@task(task_run_name=Step.CHUNK_CONVERSATIONS.value, cache_policy=NO_CACHE)
async def chunk_conversations(user_id: UUID, export: Path, expected: int | None) -> Path:
    """Step 2: chunks of about 2,000 tokens, on disk."""
    async with step(Step.CHUNK_CONVERSATIONS, user_id) as figures:
        chunks_file = export.with_name(RunFile.CHUNKS)
        found = await asyncio.to_thread(writing.chunk_export, export, chunks_file, writing.limits())
        figures.add(found.figures())
        if expected is not None:
            figures.add({"expected_conversations": expected})
        figures.left_out = found.left_out().counts
        shutil.rmtree(export)
        return chunks_file


@task(task_run_name=Step.SAVE_CHUNKS.value, cache_policy=NO_CACHE)
async def save_chunks(user_id: UUID, chunks_file: Path, replace: bool = False, upload: Import | None = None) -> Saved:
    """Step 3: the user's rows of conversation_chunks are the chunks of this export, beside those of other sources."""
    async with step(Step.SAVE_CHUNKS, user_id) as figures:
        if forgotten := await forgetting.leave_out(current_store().memory, user_id, chunks_file):
            figures.add({"forgotten": forgotten})
        saved = await saving.save(current_store().chunks, user_id, run_id(), chunks_file, replace, upload)
        figures.add(saved.figures())
        figures.warnings += saved.warnings()
        return saved


@task(task_run_name=Step.EXTRACT_FACTS.value, tags=[EXTRACTING_TAG], cache_policy=NO_CACHE)
async def extract_facts(user_id: UUID, chunks_file: Path) -> Extracted:
    """Step 4: the facts of every chunk that has none yet, from the run's share of the slots of the tag `extraction`."""
    async with step(Step.EXTRACT_FACTS, user_id) as figures:
        return await extract.extract(user_id, chunks_file, figures)


@task(task_run_name=Step.CONSOLIDATE_FACTS.value, cache_policy=NO_CACHE)
async def consolidate_facts(user_id: UUID, found_facts: Path, replace: bool = False) -> Path:
    """Step 5: the user's rows of memory_facts: what says the same is one, what has been replaced keeps its time."""
    async with step(Step.CONSOLIDATE_FACTS, user_id) as figures:
        unique_facts = found_facts.with_name(RunFile.UNIQUE_FACTS)
        counts = await consolidation.consolidate(user_id, run_id(), found_facts, unique_facts, replace)
        asked = current_model().usage.total(Step.CONSOLIDATE_FACTS)
        figures.add({**counts.figures(), "calls": asked.calls, "cost": asked.dollars()})
        return unique_facts


@task(task_run_name=Step.HIERARCHICAL_REDUCE.value, cache_policy=NO_CACHE)
async def hierarchical_reduce(user_id: UUID, unique_facts: Path) -> Path:
    """Step 6: of all facts those that stand in MEMORY, as many as MEMORY_MAX_TOKENS has room for."""
    async with step(Step.HIERARCHICAL_REDUCE, user_id) as figures:
        chosen_facts = unique_facts.with_name(RunFile.CHOSEN_FACTS)
        chosen = await selection.choose(user_id, unique_facts, chosen_facts)
        figures.add(chosen.figures())
        return chosen_facts


@task(task_run_name=Step.GENERATE_MEMORY.value, cache_policy=NO_CACHE)
async def generate_memory(user_id: UUID, chosen_facts: Path) -> Path:
    """Step 7: the entries of MEMORY, each with the facts that say it."""
    async with step(Step.GENERATE_MEMORY, user_id) as figures:
        entries = chosen_facts.with_name(RunFile.ENTRIES)
        generated = await document.generate(user_id, chosen_facts, entries)
        figures.add(generated.figures())
        return entries


@task(task_run_name=Step.SAVE_MEMORY.value, cache_policy=NO_CACHE)
async def save_memory(user_id: UUID, entries: Path) -> Path:
    """Step 8: memory_entries, and user_profiles.memory_md as they render."""
    async with step(Step.SAVE_MEMORY, user_id) as figures:
        saved = await current_store().memory.save(user_id, run_id(), list(spool.read(entries, Entry)))
        figures.add({"added": saved.added, "changed": saved.changed, "removed": saved.removed})
        memory_file = entries.with_name(RunFile.MEMORY)
        memory_file.write_text(saved.memory_md, encoding="utf-8")
        return memory_file


@task(task_run_name=Step.V2_REGENERATION.value, cache_policy=NO_CACHE)
async def v2_regeneration(user_id: UUID, memory_file: Path) -> None:
    """Step 9: the five profile sections. An enhancement: when it fails, the old sections stay and the run completes."""
    # Submitted tasks run in a thread with an event loop of its own, which needs clients of its own.
    async with open_store() as store, open_model(), step(Step.V2_REGENERATION, user_id) as figures:
        profile = await sections.regenerate(user_id, memory_file.read_text(encoding="utf-8"))
        figures.add(profile.figures())
        await store.profiles.save_sections(user_id, run_id(), profile.columns(), profile.text(), profile.question)


@flow(
    name="full-pass",
    on_running=[status.running],
    on_completion=[status.completed],
    on_failure=[status.failed],
    on_crashed=[status.crashed],
    on_cancellation=[status.cancelled],
)
@outcome.as_state
async def full_pass(
    user_id: UUID,
    storage_path: str | list[str] | None = None,
    file_type: Literal["zip", "json"] | None = None,
    conversation_count: int | None = None,
    replace: bool = False,
    delivery_id: UUID | None = None,
) -> dict[str, Any]:
    """Reads a person's whole export and writes chunks, MEMORY and the profile sections.

    delivery_id: of the webhook, which knows the rest. Or by hand: storage_path, the export's place in Storage,
    `imports/<user_id>/<file>`, or those of its files, or a folder with "/" at its end. file_type and conversation_count
    are what the uploader believes; the bytes decide, and a different count is only reported. replace: what an earlier
    import of the same source brought and this export lacks is removed, however much it is, with what was learned from
    it.
    Returns `{coverage, calls, input_tokens, output_tokens, cost_usd, sections, kept, left_out}`: coverage says how many
    chunks have been answered, refused and failed, kept how many conversations the export lacks that stay, by source,
    left_out how much of the export was not read, by kind; the rest what this run used.
    """
    request = PassRequest(
        user_id=user_id,
        delivery_id=delivery_id,
        storage_path=storage_path,
        file_type=file_type,
        conversation_count=conversation_count,
        replace=replace,
    )
    async with run_context(user_id) as folder:
        export, asked = await download_conversations(request, folder)
        chunks_file = await chunk_conversations(user_id, export, asked.conversation_count)
        saved = await save_chunks(user_id, chunks_file, asked.replace, asked.upload())
        extracted = await extract_facts(user_id, chunks_file)
        unique_facts = await consolidate_facts(user_id, extracted.facts_file, asked.replace)
        chosen_facts = await hierarchical_reduce(user_id, unique_facts)
        entries = await generate_memory(user_id, chosen_facts)
        memory_file = await save_memory(user_id, entries)
        regenerated = v2_regeneration.submit(user_id, memory_file)
        await asyncio.to_thread(regenerated.wait)  # resolving the future below would stop the event loop meanwhile
        return await summarise(saved, extracted, allow_failure(regenerated))
