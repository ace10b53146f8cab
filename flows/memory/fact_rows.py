"""The rows of memory_facts: what was merged, with ids that stay, and with the time of what has been replaced."""

import hashlib
from collections.abc import Iterable, Mapping
from uuid import UUID, uuid5

import msgspec

from flows.memory import placing, traces
from flows.memory.merging import Merged
from flows.memory.statements import Said, Statement
from flows.records import FactRow, FactSource, StoredRow

_DIGEST_BYTES = 16
_DAY = len("2024-05-01")


def rows(user_id: UUID, merged: Merged, stored: Iterable[StoredRow]) -> list[FactRow]:
    """All facts, the one said last first, so that each comes after that which supersedes it; without digests."""
    ids = _ids(user_id, merged.said.values(), stored)
    successors = merged.successors()
    made = [_row(said, ids, merged.said.get(successors.get(key, b""))) for key, said in merged.said.items()]
    made.sort(key=lambda row: (row.said_last or "", row.text, row.valid_from or "", row.id), reverse=True)
    return made


def sealed(rows: list[FactRow]) -> list[FactRow]:
    """With the digest of each, by which is known whether it has changed."""
    for row in rows:
        row.digest = ""
        row.digest = hashlib.blake2b(msgspec.json.encode(row), digest_size=_DIGEST_BYTES).hexdigest()
    return rows


def _ids(user_id: UUID, all_said: Iterable[Said], stored: Iterable[StoredRow]) -> dict[bytes, UUID]:
    """Key of a statement → its id: that of a stored fact with a wording of it, else one that is made of the key.

    Where facts have become one, it is the lowest of their ids; where one has become several, that which was said first
    keeps it.
    """
    known: dict[str, UUID] = {}
    for row in sorted(stored, key=lambda row: row.id, reverse=True):
        known |= dict.fromkeys(row.statement_keys, row.id)
    ids: dict[bytes, UUID] = {}
    taken: set[UUID] = set()
    for said in sorted(all_said, key=lambda said: (said.statement.said_first or "9", said.statement.key)):
        key = said.statement.key
        free = {known[name] for name in said.keys if name in known} - taken
        ids[key] = min(free) if free else _new(user_id, key, taken)
        taken.add(ids[key])
    return ids


def _new(user_id: UUID, key: bytes, taken: set[UUID]) -> UUID:
    made = uuid5(user_id, key.hex())
    while made in taken:  # another fact bears it, which was one with this before
        made = uuid5(made, key.hex())
    return made


def _row(said: Said, ids: Mapping[bytes, UUID], successor: Said | None) -> FactRow:
    statement, newer = said.statement, successor.statement if successor else None
    sources = _sources(said)
    return FactRow(
        kind=statement.kind,
        text=statement.text,
        id=ids[statement.key],
        subject=statement.subject,
        slot=statement.slot,
        language=statement.language,
        stance=statement.stance,
        status="superseded" if newer else "current",
        superseded_by=ids[newer.key] if newer else None,
        valid_from=statement.date,
        valid_to=_end(statement, newer),
        said_first=statement.said_first,
        said_last=statement.said_last,
        mentions=len({(source.conversation_id, _message(source)) for source in sources}),
        conversations=len({source.conversation_id for source in sources}),
        section=placing.section(statement.kind, statement.subject, statement.slot),
        statement_keys=said.keys,
        traces=traces.traces(statement),
        digest="",
        sources=sources,
    )


def _message(source: FactSource) -> int | str:
    return source.chunk_key if source.message is None else source.message


def _end(statement: Statement, newer: Statement | None) -> str | None:
    """When it ceased to hold: as it was said, else when what holds instead began, else when that was said."""
    if statement.until or newer is None:
        return statement.until
    ends = (newer.date, newer.said_first and newer.said_first[:_DAY], newer.said_last and newer.said_last[:_DAY])
    began = statement.date or ""
    return next((end for end in ends if end and end >= began[: len(end)]), None)


def _sources(said: Said) -> list[FactSource]:
    found = {
        FactSource(fact.chunk_key, fact.conversation_id, fact.message, fact.quote, fact.said, fact.noted)
        for fact in said.sources
    }
    return sorted(found, key=lambda source: (source.said_at or "", msgspec.json.encode(source)))
