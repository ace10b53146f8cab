"""Step 2: from the export on disk to chunks on disk, one conversation in memory at a time."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from flows import exports, spool
from flows.chunks import cutting
from flows.errors import ExportError
from flows.exports import Limits, timestamps
from flows.exports.conversations import Skipped
from flows.exports.once import OLDER
from flows.records import ChunkRecord, LeftOut, RunFile, SpooledChunk
from flows.settings import PassSettings

_MOST_KINDS = 30
_MOST_DESCRIPTIONS = 5


@dataclass
class Chunked:
    """What step 2 found."""

    conversations: int = 0
    messages: int = 0
    chunks: int = 0
    skipped: Counter[str] = field(default_factory=Counter)  # reason → entries of the export
    unread: int = 0  # of them, those that may hold conversations
    unopened: Counter[str] = field(default_factory=Counter)  # kind → files of a zip
    others: Counter[str] = field(default_factory=Counter)  # kind → what stands beside conversations
    repeated: int = 0  # messages that several conversations share, beside the first time
    replaced: set[str] = field(default_factory=set)  # conversations of which a newer version came later
    unwanted: set[str] = field(default_factory=set)  # conversations that the person does not want remembered
    descriptions: Counter[str] = field(default_factory=Counter)  # of entries that no format knows
    lost: Counter[str] = field(default_factory=Counter)  # kind → what could not be understood of messages

    def figures(self) -> dict[str, int]:
        return {
            "conversations": self.conversations,
            "messages": self.messages,
            "chunks": self.chunks,
            **{kind: count for kind, count in self.others.items()},
            **({"repeated_messages": self.repeated} if self.repeated else {}),
            **_counted("skipped", self.skipped),
            **(_counted("unopened", self.unopened) if self.unopened else {}),
            **(_counted("lost", self.lost) if self.lost else {}),
        }

    def left_out(self) -> LeftOut:
        unopened = {f"not opened: {kind}": count for kind, count in self.unopened.items()}
        lost = {f"in a message: {kind}": count for kind, count in self.lost.items()}
        repeated = {"repeated message": self.repeated} if self.repeated else {}
        unknown = {f"unknown: {what}": count for what, count in self.descriptions.most_common(_MOST_DESCRIPTIONS)}
        counts = {**self.skipped, **unknown, **repeated, **unopened, **lost}
        return LeftOut(counts, self.unread, sorted(self.unwanted))

    def lose(self, lost: Mapping[str, int]) -> None:
        """Counts what could not be understood of a conversation's messages; no more kinds than one can look at."""
        for kind, count in lost.items():
            known = kind in self.lost or len(self.lost) < _MOST_KINDS
            self.lost[kind if known else "further types"] += count


def _counted(name: str, counts: Counter[str]) -> dict[str, int]:
    return {name: counts.total(), **{f"{name}_{kind.replace(' ', '_')}": count for kind, count in counts.items()}}


def limits() -> Limits:
    """What an export may take, from the settings."""
    settings = PassSettings()
    return Limits(
        conversation_bytes=settings.export_max_conversation_mb * 1_000_000,
        uncompressed_bytes=settings.export_max_uncompressed_gb * 1_000_000_000,
        ratio=settings.export_max_compression_ratio,
        unwanted=settings.export_read_unremembered,
    )


def chunk_export(export: Path, to: Path, limits: Limits) -> Chunked:
    """Writes the chunks of the export as SpooledChunk lines, and beside them what was left out (`left_out`).

    Raises ExportError when the export cannot be read or has no usable conversation.
    """
    found = Chunked()
    found.chunks = spool.write(to, _records(export, limits, found))
    if found.replaced:
        found.chunks = spool.write(to, _newest(to, found))
    if not found.chunks:
        raise ExportError(_nothing_found(found))
    spool.write(to.with_name(RunFile.LEFT_OUT), [found.left_out()])
    return found


def _nothing_found(found: Chunked) -> str:
    """Why there are no chunks, and what to do."""
    reasons = ", ".join(f"{reason}: {count}" for reason, count in found.skipped.most_common(5))
    said = "the export has no conversation with text" + (f" (skipped {reasons})" if reasons else "")
    if found.unwanted and not found.unread:
        return f"{said}; those that are not to be remembered are read with EXPORT_READ_UNREMEMBERED=true"
    if found.descriptions:
        (most, _), *_ = found.descriptions.most_common(1)
        step = "" if "upload" in most else "; what to upload is the export's zip or its conversations.json"
        return f"{said}; it is {most}{step}"
    return f"{said}; upload the export's zip or its conversations.json"


def left_out(chunks_file: Path) -> LeftOut:
    """What of the export is not among its chunks."""
    beside = chunks_file.with_name(RunFile.LEFT_OUT)
    return next(spool.read(beside, LeftOut)) if beside.exists() else LeftOut()


def _records(export: Path, limits: Limits, found: Chunked) -> Iterator[SpooledChunk]:
    for conversation in exports.read(export, limits, found.unopened):
        if isinstance(conversation, Skipped):
            found.skipped[conversation.reason] += 1
            found.unread += conversation.unread
            found.descriptions.update([conversation.description] if conversation.description else [])
            if conversation.unwanted_id is not None:
                found.unwanted.add(name := cutting.short_identity(conversation.unwanted_id))
                found.replaced |= {name} if conversation.newer else set()
            continue
        if conversation.newer:
            found.replaced.add(name := cutting.short_identity(conversation.id))
            found.unwanted.discard(name)
        messages = 0
        for chunk in cutting.cut(conversation):
            messages = chunk.spans[-1].message + 1
            yield record(chunk, conversation.source)
        found.repeated += conversation.repeated
        if messages and conversation.kind != "conversation":
            found.others[conversation.kind] += 1
        elif messages:
            found.conversations += 1
            found.messages += messages
        elif conversation.repeated:
            found.skipped["nothing but repeated messages"] += 1
        else:
            found.skipped["no messages"] += 1
            found.unread += bool(conversation.lost)
        found.lose(conversation.lost)


def _newest(chunks_file: Path, found: Chunked) -> Iterator[SpooledChunk]:
    """The chunks without those of versions that were followed by a newer one."""
    older: Counter[str] = Counter({name: -1 for name in found.replaced - found.unwanted})
    for chunk in spool.read(chunks_file, ChunkRecord):
        if chunk.conversation_id in found.replaced:
            older[chunk.conversation_id] += chunk.position == 0
    counted = dict.fromkeys(found.replaced, 0)  # conversation → its messages in chunks that are gone
    for whole in spool.read(chunks_file, SpooledChunk):
        name = whole.conversation_id
        if name in found.replaced and whole.position == 0:
            older[name] -= 1
            counted[name] = 0
        if name not in found.replaced or older[name] < 0:
            yield whole
            continue
        if whole.position == 0:
            found.conversations -= 1
            found.skipped[OLDER.reason] += 1
        found.messages -= whole.last_message + 1 - counted[name]
        counted[name] = whole.last_message + 1


def record(chunk: cutting.Chunk, source: str) -> SpooledChunk:
    """The chunk as it lies in the spool."""
    return SpooledChunk(
        chunk_key=chunk.key,
        conversation_id=chunk.conversation_id,
        title=chunk.title,
        position=chunk.position,
        first_message=chunk.spans[0].message,
        last_message=chunk.spans[-1].message,
        message_count=chunk.message_count,
        content=chunk.content,
        turns=chunk.turns,
        turn_times=[_said(at) for at in chunk.times],
        cut_secrets=chunk.cut_secrets,
        token_count=chunk.token_count,
        created_at=chunk.at.isoformat() if chunk.at else None,
        import_source=source,
    )


def _said(at: datetime | None) -> str | None:
    at = timestamps.plausible(at)
    return at.isoformat(timespec="seconds") if at else None
