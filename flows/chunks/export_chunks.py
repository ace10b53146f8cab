"""Steps 2 and 3: from the export on disk to chunks on disk, and from there to the database."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Any
from uuid import UUID

from flows import exports, spool
from flows.chunks import cutting
from flows.errors import ExportError
from flows.exports import Limits
from flows.exports.conversations import Skipped
from flows.settings import PassSettings
from flows.store.client import Store

_RECENT = timedelta(days=180)
_ROWS_PER_REQUEST = 50  # about 500 kB of JSON; with more, memory grows with the number of requests


@dataclass
class Chunked:
    """What step 2 found."""

    chunks: int = 0
    conversations: int = 0
    messages: int = 0
    skipped: Counter[str] = field(default_factory=Counter)  # reason → entries


@dataclass(frozen=True)
class Saved:
    """What step 3 changed: rows inserted or updated, rows left as they were, rows deleted."""

    written: int
    unchanged: int
    pruned: int


def limits() -> Limits:
    """What an export may take, from the settings."""
    settings = PassSettings()
    return Limits(
        conversation_bytes=settings.export_max_conversation_mb * 1_000_000,
        uncompressed_bytes=settings.export_max_uncompressed_gb * 1_000_000_000,
        ratio=settings.export_max_compression_ratio,
    )


def chunk_export(export: Path, to: Path, limits: Limits) -> Chunked:
    """Writes the chunks of the export as JSON lines, one conversation in memory at a time.

    Raises ExportError when the export cannot be read or has no usable conversation.
    """
    found = Chunked()
    found.chunks = spool.write(to, _records(export, limits, found))
    if not found.chunks:
        reasons = ", ".join(f"{reason}: {count}" for reason, count in found.skipped.most_common(5))
        raise ExportError(
            "the export has no conversation with text"
            + (f" (skipped {reasons})" if reasons else "")
            + "; upload the export's zip or its conversations.json"
        )
    return found


def _records(export: Path, limits: Limits, found: Chunked) -> Iterator[dict[str, Any]]:
    for conversation in exports.read(export, limits):
        if isinstance(conversation, Skipped):
            found.skipped[conversation.reason] += 1
            continue
        messages = 0
        for chunk in cutting.chunks(conversation):
            messages = chunk.spans[-1].message + 1
            yield record(chunk)
        if messages:
            found.conversations += 1
            found.messages += messages
        else:
            found.skipped["no messages"] += 1


def record(chunk: cutting.Chunk) -> dict[str, Any]:
    """The chunk as it lies in the spool: the columns of its row, `created_at` in ISO 8601 or null."""
    return {
        "chunk_key": chunk.key,
        "conversation_id": chunk.conversation_id,
        "title": chunk.title,
        "position": chunk.position,
        "first_message": chunk.spans[0].message,
        "last_message": chunk.spans[-1].message,
        "message_count": chunk.message_count,
        "content": chunk.content,
        "token_count": chunk.token_count,
        "created_at": chunk.at.isoformat() if chunk.at else None,
    }


async def save(store: Store, user_id: UUID, run_id: str, chunks: Path) -> Saved:
    """Makes the user's rows the chunks of the file: new ones first, then what is gone is deleted.

    At no moment is the user without chunks, and rows that stay are not written.
    """
    recent_from = (datetime.now(UTC) - _RECENT).isoformat()
    gone = {bytes.fromhex(key) async for key in store.chunk_keys(user_id)}  # half of what the text would take
    written = unchanged = 0
    records = spool.read(chunks)
    while rows := list(islice(records, _ROWS_PER_REQUEST)):
        for row in rows:
            gone.discard(bytes.fromhex(row["chunk_key"]))
            row["is_recent"] = bool(row["created_at"] and row["created_at"] >= recent_from)
        changed = await store.save_chunks(user_id, run_id, rows)
        written += changed
        unchanged += len(rows) - changed
    pruned = await _prune(store, user_id, run_id, sorted(gone))
    return Saved(written, unchanged, pruned)


async def _prune(store: Store, user_id: UUID, run_id: str, keys: list[bytes]) -> int:
    pruned = 0
    for start in range(0, len(keys) or 1, 1_000):  # at least once: rows older than the full pass have no key
        pruned += await store.prune_chunks(user_id, run_id, [key.hex() for key in keys[start : start + 1_000]])
    return pruned
