"""The rows of which the page is made, as they are in the database."""

from collections.abc import AsyncIterator, Collection, Iterable
from typing import Any
from uuid import UUID

import msgspec
from msgspec import Struct, field

from flows.records import EntryOrigin, Kind, MemorySection, Origin, Stance
from flows.store.requests import Query, Requests, Row, pages

_BEFORE_ALL = str(UUID(int=0))
_IDS_AT_ONCE = 100  # in the address of one request
_SHOWN = ["current", "superseded"]  # what is withdrawn or forgotten is nobody's memory


class EntryRow(Struct):
    """Of memory_entries."""

    id: UUID
    section: MemorySection
    position: int
    text: str
    fact_ids: list[UUID]
    origin: EntryOrigin
    updated_at: str | None = None


class FactRow(Struct):
    """Of memory_facts."""

    id: UUID
    kind: Kind
    text: str
    subject: str | None = None
    language: str | None = None
    stance: Stance = "stated"
    status: str = "current"
    superseded_by: UUID | None = None
    origin: Origin = "chats"
    valid_from: str | None = None
    valid_to: str | None = None


class SourceRow(Struct):
    """Of memory_fact_sources."""

    fact_id: UUID
    conversation_id: str
    message: int | None = None
    quote: str | None = None
    said_at: str | None = None
    noted: bool | None = None  # the quote is an assistant's note about the person


class MemoryRows(Struct):
    """All that is shown of a person's memory."""

    entries: list[EntryRow] = field(default_factory=list)
    facts: list[FactRow] = field(default_factory=list)  # that entries are made from, and what was true before them
    sources: list[SourceRow] = field(default_factory=list)  # of these facts
    titles: dict[str, str | None] = field(default_factory=dict)  # conversation → title; none of those not stored
    known: int = 0  # current facts, also those that are not in MEMORY


async def read(requests: Requests, user_id: UUID) -> MemoryRows:
    """The user's memory. Raises StoreError, when the database cannot be reached or refuses."""
    person = {"user_id": str(user_id)}
    entries = [row async for row in _all(requests, "memory_entries", EntryRow, person)]
    facts = await _facts(requests, person, {fact_id for entry in entries for fact_id in entry.fact_ids})
    ids = [str(fact.id) for fact in facts]
    asked = "id,fact_id,conversation_id,message,quote,said_at,noted"
    sources = [row async for row in _among(requests, "memory_fact_sources", asked, person, "fact_id", ids, after="0")]
    return MemoryRows(
        entries,
        facts,
        msgspec.convert(sources, list[SourceRow]),
        await _titles(requests, person, {source["conversation_id"] for source in sources}),
        await _count(requests, {**person, "status": "current"}),
    )


async def _facts(requests: Requests, person: dict[str, str], cited: Collection[UUID]) -> list[FactRow]:
    """Those that are cited, those that these have superseded, and so on."""
    found: dict[UUID, FactRow] = {}
    column, wanted = "id", set(cited)
    while wanted:
        ids = sorted(map(str, wanted))
        rows = _among(requests, "memory_facts", ",".join(FactRow.__struct_fields__), person, column, ids)
        new = msgspec.convert([_without_nulls(row) async for row in rows if row["status"] in _SHOWN], list[FactRow])
        wanted = {fact.id for fact in new} - found.keys()
        found |= {fact.id: fact for fact in new}
        column = "superseded_by"
    return list(found.values())


async def _titles(requests: Requests, person: dict[str, str], conversations: Iterable[str]) -> dict[str, str | None]:
    table, columns, of = "conversation_chunks", "id,conversation_id,title", "conversation_id"
    rows = _among(requests, table, columns, {**person, "position": "0"}, of, sorted(conversations))
    return {row["conversation_id"]: row["title"] async for row in rows}


async def _count(requests: Requests, equal: dict[str, str]) -> int:
    return (await requests.select(Query("memory_facts", "id", equal=equal, limit=1, counted=True))).total or 0


async def _all(requests: Requests, table: str, kind: type[EntryRow], equal: dict[str, str]) -> AsyncIterator[EntryRow]:
    query = Query(table, ",".join(kind.__struct_fields__), equal=equal, order="id", after=_BEFORE_ALL)
    async for row in pages(requests, query):
        yield msgspec.convert(row, kind)


async def _among(
    requests: Requests,
    table: str,
    columns: str,
    equal: dict[str, str],
    column: str,
    values: list[str],
    after: str = _BEFORE_ALL,
) -> AsyncIterator[Row]:
    for start in range(0, len(values), _IDS_AT_ONCE):
        among = {column: values[start : start + _IDS_AT_ONCE]}
        async for row in pages(requests, Query(table, columns, equal, among, order="id", after=after)):
            yield row


def _without_nulls(row: Row) -> dict[str, Any]:
    return {name: value for name, value in row.items() if value is not None}
