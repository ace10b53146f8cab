"""What is known of a person, and what was decided about it."""

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any
from uuid import UUID

import msgspec

from flows.portions import by_count, by_size
from flows.records import FactRow, KnownFact, StoredRow
from flows.store.requests import Query, Requests, pages

_FACTS_AT_ONCE = 500
_BYTES_AT_ONCE = 1_000_000
_KEYS_AT_ONCE = 1_000

_BEFORE_ALL = str(UUID(int=0))
_PREFERENCE = "id,kind,text,subject,language,stance,said_last,suppressed"
_STORED = ",".join(StoredRow.__struct_fields__)


class FactTable:
    """memory_facts, memory_fact_sources and memory_decisions."""

    def __init__(self, requests: Requests):
        self._requests = requests

    async def stored(self, user_id: UUID) -> AsyncIterator[StoredRow]:
        """By what the user's facts are known again, in the order of their ids."""
        query = Query("memory_facts", _STORED, equal={"user_id": str(user_id)}, order="id", after=_BEFORE_ALL)
        async for row in pages(self._requests, query):
            yield msgspec.convert(row, StoredRow)

    async def preferences(self, user_id: UUID) -> AsyncIterator[KnownFact]:
        """What the person likes and wants now, in the order of the ids."""
        asked = {"user_id": str(user_id), "kind": "preference", "status": "current"}
        query = Query("memory_facts", _PREFERENCE, equal=asked, order="id", after=_BEFORE_ALL)
        async for row in pages(self._requests, query):
            yield msgspec.convert({name: value for name, value in row.items() if value is not None}, KnownFact)

    async def save(self, user_id: UUID, run_id: str, rows: Sequence[FactRow]) -> None:
        """Inserts or updates facts with their sources; a fact comes after that which supersedes it."""
        for some in by_size(map(msgspec.json.encode, rows), len, _BYTES_AT_ONCE, _FACTS_AT_ONCE):
            facts = [msgspec.json.decode(row) for row in some]
            arguments = {"p_user_id": str(user_id), "p_run_id": run_id, "p_facts": facts}
            await self._requests.rpc("full_pass_save_memory_facts", arguments)

    async def withdraw(self, user_id: UUID, run_id: str, ids: Sequence[UUID], erase: bool) -> int:
        """Withdraws facts, or deletes them; returns how many."""
        withdrawn = 0
        for some in by_count(map(str, ids), _KEYS_AT_ONCE):
            arguments = {"p_user_id": str(user_id), "p_run_id": run_id, "p_ids": some, "p_erase": erase}
            withdrawn += int(await self._requests.rpc("full_pass_withdraw_facts", arguments))
        return withdrawn

    async def decisions(self, user_id: UUID, question_keys: Sequence[str]) -> dict[str, Any]:
        """What was decided about questions, by their keys; none of those that were not asked."""
        known: dict[str, Any] = {}
        for some in by_count(question_keys, _KEYS_AT_ONCE):
            arguments = {"p_user_id": str(user_id), "p_question_keys": some}
            known |= await self._requests.rpc("full_pass_decisions", arguments)
        return known

    async def save_decisions(self, user_id: UUID, decisions: Mapping[str, Any]) -> None:
        """Keeps decisions by the keys of their questions."""
        if decisions:
            arguments = {"p_user_id": str(user_id), "p_decisions": dict(decisions)}
            await self._requests.rpc("full_pass_save_decisions", arguments)
