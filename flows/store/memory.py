"""The entries of MEMORY, and what the person wants of it."""

from collections.abc import AsyncIterator, Sequence
from typing import Any
from uuid import UUID

import msgspec

from flows.portions import by_count
from flows.records import AdoptedEdits, Entry, ErasedStatement, FactRow, PersonFact, SavedMemory, StoredEntry
from flows.store.requests import Query, Requests, pages

_IDS_AT_ONCE = 1_000
_STATEMENTS_AT_ONCE = 500

_BEFORE_ALL = str(UUID(int=0))
_PERSON_FACT = ",".join(PersonFact.__struct_fields__)


class MemoryTable:
    """memory_entries and memory_erasures; and of memory_facts what the person has said to the app."""

    def __init__(self, requests: Requests):
        self._requests = requests

    async def entries(self, user_id: UUID) -> list[StoredEntry]:
        """MEMORY as it stands, in its order."""
        return msgspec.convert(
            await self._requests.rpc("full_pass_entries", {"p_user_id": str(user_id)}), list[StoredEntry]
        )

    async def save(self, user_id: UUID, run_id: str, entries: Sequence[Entry]) -> SavedMemory:
        """Makes these the entries of MEMORY, and renders `user_profiles.memory_md` from them.

        What the person has forgotten, deleted or corrected since the entries were read is left out, and what they have
        added since stays. Nothing is written where nothing differs. Raises NotOwner.
        """
        rows = [{name: getattr(entry, name) for name in Entry.__struct_fields__} for entry in entries]
        arguments = {"p_user_id": str(user_id), "p_run_id": run_id, "p_entries": msgspec.to_builtins(rows)}
        return msgspec.convert(await self._requests.rpc("full_pass_save_entries", arguments), SavedMemory)

    async def adopt_edits(self, user_id: UUID, run_id: str) -> AdoptedEdits:
        """Takes over what the person has changed in `user_profiles.memory_md` itself. Raises NotOwner."""
        arguments = {"p_user_id": str(user_id), "p_run_id": run_id}
        return msgspec.convert(await self._requests.rpc("full_pass_adopt_edits", arguments), AdoptedEdits)

    # What the person has said and erased

    async def person_facts(self, user_id: UUID) -> AsyncIterator[PersonFact]:
        """What the person has told the app, current or superseded, in the order of the ids."""
        asked = {"user_id": str(user_id), "origin": "person"}
        among = {"status": ["current", "superseded"]}
        query = Query("memory_facts", _PERSON_FACT, equal=asked, among=among, order="id", after=_BEFORE_ALL)
        async for row in pages(self._requests, query):
            yield msgspec.convert({name: value for name, value in row.items() if value is not None}, PersonFact)

    async def settle_person_facts(self, user_id: UUID, run_id: str, facts: Sequence[PersonFact]) -> None:
        """Writes whether each of these holds, by which fact it is superseded, and until when it held."""
        for some in by_count(facts, _IDS_AT_ONCE):
            rows: list[dict[str, Any]] = [
                {"id": str(fact.id), "status": fact.status, "superseded_by": _text(fact.superseded_by)}
                | {"valid_to": fact.valid_to, "traces": fact.traces}
                for fact in some
            ]
            arguments = {"p_user_id": str(user_id), "p_run_id": run_id, "p_facts": rows}
            await self._requests.rpc("full_pass_settle_person_facts", arguments)

    async def has_erased(self, user_id: UUID) -> bool:
        """Whether the person has erased anything."""
        query = Query("memory_erasures", "id", equal={"user_id": str(user_id)}, limit=1)
        return bool((await self._requests.select(query)).rows)

    async def erased_conversations(self, user_id: UUID, conversation_ids: Sequence[str]) -> set[str]:
        """Those of the conversations that the person has forgotten."""
        erased: set[str] = set()
        for some in by_count(conversation_ids, _IDS_AT_ONCE):
            arguments = {"p_user_id": str(user_id), "p_conversation_ids": some}
            erased |= set(await self._requests.rpc("full_pass_erased_conversations", arguments))
        return erased

    async def erased(self, user_id: UUID, statements: Sequence[dict[str, Any]]) -> list[ErasedStatement]:
        """Of the statements those that erasures say something of.

        A statement is {"key", "keys" of all its wordings, "text", "traces", "subject", "slot", "stance", "said_last"}.
        """
        found: list[ErasedStatement] = []
        for some in by_count(statements, _STATEMENTS_AT_ONCE):
            arguments = {"p_user_id": str(user_id), "p_statements": some}
            found += msgspec.convert(await self._requests.rpc("full_pass_erased", arguments), list[ErasedStatement])
        return found

    async def untold(self, user_id: UUID, messages: Sequence[tuple[str, int | None]]) -> set[tuple[str, int | None]]:
        """Of messages (conversation and number) those that say what the person has erased, corrected or taken out."""
        found: set[tuple[str, int | None]] = set()
        for some in by_count(messages, _STATEMENTS_AT_ONCE):
            asked = [{"conversation_id": conversation_id, "message": message} for conversation_id, message in some]
            answer = await self._requests.rpc("full_pass_untold", {"p_user_id": str(user_id), "p_messages": asked})
            found |= {(conversation_id, message) for conversation_id, message in answer}
        return found

    async def erase_again(self, user_id: UUID, run_id: str, rows: Sequence[FactRow]) -> None:
        """Deletes facts that say what was erased, and the answers that they come from."""
        for some in by_count(rows, _STATEMENTS_AT_ONCE):
            names = ("id", "text", "subject", "sources")
            facts = msgspec.to_builtins([{name: getattr(row, name) for name in names} for row in some])
            arguments = {"p_user_id": str(user_id), "p_run_id": run_id, "p_facts": facts}
            await self._requests.rpc("full_pass_erase_again", arguments)


def _text(identity: UUID | None) -> str | None:
    return str(identity) if identity else None
