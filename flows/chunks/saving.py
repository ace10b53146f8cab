"""Step 3: the user's rows of conversation_chunks become the chunks on disk."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from uuid import UUID

from flows import spool
from flows.records import ChunkRecord
from flows.store.chunks import ChunkTable

_RECENT = timedelta(days=180)
_ROWS_PER_REQUEST = 50  # about 500 kB of JSON; with more, memory grows with the number of requests
_KEYS_PER_REQUEST = 1_000


@dataclass(frozen=True)
class Saved:
    """What step 3 changed: rows inserted or updated, rows left as they were, rows deleted."""

    written: int
    unchanged: int
    pruned: int


async def save(table: ChunkTable, user_id: UUID, run_id: str, chunks_file: Path) -> Saved:
    """Makes the user's rows the chunks of the file: new ones first, then what is gone is deleted.

    At no moment is the user without chunks, and rows that stay are not written.
    """
    recent_from = (datetime.now(UTC) - _RECENT).isoformat()
    gone = {bytes.fromhex(key) async for key in table.keys(user_id)}  # half of what the text would take
    written = unchanged = 0
    records = spool.read(chunks_file, ChunkRecord)
    while rows := list(islice(records, _ROWS_PER_REQUEST)):
        for row in rows:
            gone.discard(bytes.fromhex(row.chunk_key))
            row.is_recent = bool(row.created_at and row.created_at >= recent_from)
        changed = await table.save(user_id, run_id, rows)
        written += changed
        unchanged += len(rows) - changed
    return Saved(written, unchanged, await _prune(table, user_id, run_id, sorted(gone)))


async def _prune(table: ChunkTable, user_id: UUID, run_id: str, keys: list[bytes]) -> int:
    pruned = 0
    for start in range(
        0, len(keys) or 1, _KEYS_PER_REQUEST
    ):  # at least once: rows older than the full pass have no key
        portion = keys[start : start + _KEYS_PER_REQUEST]
        pruned += await table.prune(user_id, run_id, [key.hex() for key in portion])
    return pruned
