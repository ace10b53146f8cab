"""The full pass: a person's chat history in, durable memory for their AI out.

From top to bottom the nine steps, each a task, and the flow that composes them. Tasks hand each other paths and
counts; the data lies in the run's folder and in the database. What a step does is in the module it calls.
"""

import asyncio
from dataclasses import asdict
from pathlib import Path
from typing import Any, Literal
from uuid import UUID

from prefect import allow_failure, flow, task
from prefect.cache_policies import NO_CACHE

from flows import report
from flows.chunks import export_chunks
from flows.extraction import extract
from flows.extraction.extract import Extracted
from flows.llm.client import open_model
from flows.memory import document, facts, reduction, sections
from flows.runs import status
from flows.runs.run_context import workspace
from flows.steps import run_id, step
from flows.store.client import current_store, open_store


@task(cache_policy=NO_CACHE)
async def download_conversations(user_id: UUID, storage_path: str, folder: Path) -> Path:
    """Step 1: the uploaded export, streamed to local disk."""
    async with step("download_conversations", user_id) as metrics:
        export = folder / "export"
        metrics["bytes"] = await current_store().download(storage_path, user_id, export)
        return export


@task(cache_policy=NO_CACHE)
async def chunk_conversations(user_id: UUID, export: Path, expected: int | None) -> Path:
    """Step 2: chunks of about 2,000 tokens, on disk."""
    async with step("chunk_conversations", user_id) as metrics:
        chunks = export.with_name("chunks.jsonl")
        found = await asyncio.to_thread(export_chunks.chunk_export, export, chunks, export_chunks.limits())
        metrics |= {"conversations": found.conversations, "messages": found.messages, "chunks": found.chunks}
        metrics["skipped"] = found.skipped.total()
        metrics |= {f"skipped_{reason.replace(' ', '_')}": count for reason, count in found.skipped.items()}
        await report.publish_skipped(user_id, found.skipped)
        if expected is not None:
            metrics["expected_conversations"] = expected
        export.unlink()
        return chunks


@task(cache_policy=NO_CACHE)
async def save_chunks(user_id: UUID, chunks: Path) -> None:
    """Step 3: the user's rows of conversation_chunks are the chunks of this export."""
    async with step("save_chunks", user_id) as metrics:
        metrics |= asdict(await export_chunks.save(current_store(), user_id, run_id(), chunks))


@task(cache_policy=NO_CACHE)
async def extract_facts(user_id: UUID, chunks: Path) -> Extracted:
    """Step 4: the facts of every chunk that has none yet, in turns on the slots of the tag `extraction`."""
    async with step("extract_facts", user_id) as metrics:
        return await extract.extract(user_id, chunks, metrics)


@task(cache_policy=NO_CACHE)
async def consolidate_facts(user_id: UUID, found: Path) -> Path:
    """Step 5: facts that say the same become one with several sources."""
    async with step("consolidate_facts", user_id) as metrics:
        unique = found.with_name("unique.jsonl")
        metrics["facts"], metrics["unique"] = await asyncio.to_thread(facts.consolidate, found, unique)
        return unique


@task(cache_policy=NO_CACHE)
async def hierarchical_reduce(user_id: UUID, unique: Path) -> Path:
    """Step 6: facts of more than 200k tokens are merged until they fit one prompt."""
    async with step("hierarchical_reduce", user_id) as metrics:
        reduced = unique.with_name("reduced.jsonl")
        metrics["tokens"], metrics["rounds"] = await reduction.reduce(user_id, unique, reduced)
        return reduced


@task(cache_policy=NO_CACHE)
async def generate_memory(user_id: UUID, reduced: Path) -> Path:
    """Step 7: the MEMORY document."""
    async with step("generate_memory", user_id) as metrics:
        memory_md = reduced.with_name("MEMORY.md")
        memory_md.write_text(await document.generate(user_id, reduced), encoding="utf-8")
        metrics["characters"] = memory_md.stat().st_size
        return memory_md


@task(cache_policy=NO_CACHE)
async def save_memory(user_id: UUID, document: Path) -> None:
    """Step 8: user_profiles.memory_md."""
    async with step("save_memory", user_id):
        await current_store().save_memory(user_id, run_id(), document.read_text(encoding="utf-8"))


@task(cache_policy=NO_CACHE)
async def v2_regeneration(user_id: UUID, chunks: Path, document: Path) -> None:
    """Step 9: the five profile sections. An enhancement: when it fails, the old sections stay and the run completes."""
    # Submitted tasks run in a thread with an event loop of its own, which needs clients of its own.
    async with open_store() as users, open_model(), step("v2_regeneration", user_id):
        profile = await sections.regenerate(user_id, chunks, document.read_text(encoding="utf-8"))
        await users.save_sections(user_id, run_id(), profile.columns(), profile.text())


@flow(
    name="full-pass",
    flow_run_name="full-pass-{user_id}",
    on_running=[status.running],
    on_completion=[status.completed],
    on_failure=[status.failed],
    on_crashed=[status.crashed],
    on_cancellation=[status.cancelled],
)
async def full_pass(
    user_id: UUID,
    storage_path: str,
    file_type: Literal["zip", "json"] | None = None,
    conversation_count: int | None = None,
) -> dict[str, Any]:
    """Reads a person's whole export and writes chunks, MEMORY and the profile sections.

    storage_path: the export's place in Storage, `imports/<user_id>/<file>`. file_type and conversation_count are what
    the uploader believes; the bytes decide, and a different count is only reported.
    Returns `{coverage, calls, input_tokens, output_tokens, cost_usd, sections}`: coverage says how many chunks have
    been answered, refused and failed, the rest what this run used.
    """
    async with workspace(user_id) as folder:
        export = await download_conversations(user_id, storage_path, folder)
        chunks = await chunk_conversations(user_id, export, conversation_count)
        await save_chunks(user_id, chunks)
        extracted = await extract_facts(user_id, chunks)
        unique = await consolidate_facts(user_id, extracted.facts)
        reduced = await hierarchical_reduce(user_id, unique)
        document = await generate_memory(user_id, reduced)
        await save_memory(user_id, document)
        regenerated = v2_regeneration.submit(user_id, chunks, document)
        await asyncio.to_thread(regenerated.wait)  # resolving the future below would stop the event loop meanwhile
        return await report.publish(user_id, extracted, allow_failure(regenerated))
