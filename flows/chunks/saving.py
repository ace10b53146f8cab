"""Step 3: the user's rows of conversation_chunks become the chunks on disk, as far as they are of the same source."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

from flows import spool
from flows.chunks import sources, writing
from flows.chunks.sources import Held, Plan, Stored
from flows.portions import by_count
from flows.records import ChunkRecord, Import, LeftOut, SpooledChunk
from flows.store.chunks import ChunkTable

_RECENT = timedelta(days=180)
_ROWS_PER_REQUEST = 50  # about 500 kB of JSON; with more, memory grows with the number of requests
_KEYS_PER_REQUEST = 1_000
_ADOPTED_PER_REQUEST = 200  # rows that are written, with all indexes that the app has on them


@dataclass(frozen=True)
class Saved:
    """What step 3 changed: rows inserted or updated, rows left as they were, rows deleted.

    `kept`: source → conversations that the export lacks and that stay, because they are more than an import removes
    unasked, or because not all of the export could be read. `left_out`: what of the export was not.
    """

    written: int
    unchanged: int
    pruned: int
    kept: dict[str, int] = field(default_factory=dict)
    left_out: LeftOut = field(default_factory=LeftOut)

    def figures(self) -> dict[str, int]:
        kept = sum(self.kept.values())
        found = {"written": self.written, "unchanged": self.unchanged, "pruned": self.pruned}
        return {**found, **({"kept_conversations": kept} if kept else {})}

    def warnings(self) -> list[str]:
        reason = (
            f"because {self.left_out.unread} parts of it could not be read"
            if self.left_out.unread
            else "more than a fifth of all that are stored of it"
        )
        return [
            f"Kept: {count} conversations of `{source}` that this export lacks, {reason}. If they are to go, deliver "
            'the export again with `"replace": true`.'
            for source, count in self.kept.items()
        ]


async def save(
    table: ChunkTable,
    user_id: UUID,
    run_id: str,
    chunks_file: Path,
    replace: bool = False,
    upload: Import | None = None,
) -> Saved:
    """Makes the user's rows of the export's sources the chunks of the file: first new ones, then what is gone goes.

    At no moment is the user without chunks, and rows that stay are not written. Of a source whose export lacks more
    than a fifth of its conversations, these stay; so do all when some of the export could not be read. `replace`: they
    go, and with them at once what models answered about chunks that are gone. `upload` is remembered as what holds the
    chunks.
    """
    left_out = writing.left_out(chunks_file)
    held = _held(chunks_file)
    held.whole, held.unwanted = not left_out.unread, set(left_out.unwanted)
    plan = sources.plan(held, await _stored(table, user_id, held), replace)
    # Before the rows that show whose these are: a run that is killed in between is followed by one that sees the same.
    for source, adopted in plan.adopted.items():
        for keys in _portions(adopted, _ADOPTED_PER_REQUEST):
            await table.adopt(user_id, run_id, source, keys)
    written, unchanged = await _write(table, user_id, run_id, chunks_file, plan)
    if upload is not None:
        upload.sources, upload.conversations = sorted(set(plan.sources.values())), len(held.conversations)
        for keys in _portions(list(held.keys), _KEYS_PER_REQUEST):
            await table.add_to_import(user_id, run_id, upload, keys)
    pruned = 0
    for keys in _portions(plan.gone, _KEYS_PER_REQUEST):
        pruned += await table.prune(user_id, run_id, keys)
    pruned += await table.end_import(user_id, run_id, plan.kept, erase=replace)
    kept = {source: count for source, count in plan.kept.items() if count}
    return Saved(written, unchanged, pruned, kept, left_out)


def _held(chunks_file: Path) -> Held:
    held = Held()
    for chunk in spool.read(chunks_file, ChunkRecord):
        held.keys.add(bytes.fromhex(chunk.chunk_key))  # half of what the text would take
        held.conversations[chunk.conversation_id] = chunk.import_source
    return held


async def _stored(table: ChunkTable, user_id: UUID, held: Held) -> Stored:
    stored: Stored = {}
    async for chunk in table.stored(user_id, "chunk_key,conversation_id,import_source"):
        keys = stored.setdefault(chunk.import_source, {}).setdefault(chunk.conversation_id, [])
        if (key := bytes.fromhex(chunk.chunk_key)) not in held.keys:
            keys.append(key)
    return stored


async def _write(table: ChunkTable, user_id: UUID, run_id: str, chunks_file: Path, plan: Plan) -> tuple[int, int]:
    """Returns how many rows were written, and how many were there as they are."""
    recent_from = (datetime.now(UTC) - _RECENT).isoformat()
    written = unchanged = 0
    for rows in by_count(spool.read(chunks_file, SpooledChunk), _ROWS_PER_REQUEST):
        for row in rows:
            row.is_recent = bool(row.created_at and row.created_at >= recent_from)
            row.import_source = plan.sources[row.import_source]
        changed = await table.save(user_id, run_id, rows)
        written += changed
        unchanged += len(rows) - changed
    return written, unchanged


def _portions(keys: list[bytes], size: int) -> Iterator[list[str]]:
    return by_count((key.hex() for key in sorted(keys)), size)
