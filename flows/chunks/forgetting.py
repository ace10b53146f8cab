"""Conversations that the person has forgotten: they are in the export, and no step sees them."""

import asyncio
from collections.abc import Collection
from pathlib import Path
from uuid import UUID

from flows import spool
from flows.records import ChunkRecord, SpooledChunk
from flows.store.memory import MemoryTable


async def leave_out(table: MemoryTable, user_id: UUID, chunks_file: Path) -> int:
    """Takes the chunks of forgotten conversations out of the file; returns how many conversations."""
    if not await table.has_erased(user_id):
        return 0
    named = await asyncio.to_thread(_conversations, chunks_file)
    forgotten = await table.erased_conversations(user_id, named)
    if forgotten:
        await asyncio.to_thread(_without, chunks_file, forgotten)
    return len(forgotten)


def _conversations(chunks_file: Path) -> list[str]:
    return sorted({chunk.conversation_id for chunk in spool.read(chunks_file, ChunkRecord)})


def _without(chunks_file: Path, forgotten: Collection[str]) -> None:
    left = chunks_file.with_name(f"left-{chunks_file.name}")
    spool.write(left, (c for c in spool.read(chunks_file, SpooledChunk) if c.conversation_id not in forgotten))
    left.replace(chunks_file)
