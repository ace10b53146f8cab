"""A person of whom facts are known, and steps 6 to 8 for them, as often as wanted."""

import asyncio
import json
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, NamedTuple
from uuid import UUID, uuid5

import msgspec

from flows import spool
from flows.memory import document, selection
from flows.memory.document import Generated
from flows.memory.selection import Chosen
from flows.records import Entry, KnownFact, SavedMemory
from flows.store.client import current_store
from tests.unit.fake_model import InProcessModel
from tests.unit.fake_supabase import RUN, USER, FakeSupabase

Fault = dict[str, object]


class Pass(NamedTuple):
    chosen: Chosen
    generated: Generated
    saved: SavedMemory
    calls: int


class Remembered:
    def __init__(self, supabase: FakeSupabase, model: InProcessModel, folder: Path):
        self.supabase, self.model, self._folder = supabase, model, folder
        self.facts: list[KnownFact] = []
        self._ids = set[UUID | None]()
        supabase.owned()

    def know(self, text: str, **fields: Any) -> KnownFact:
        """One fact more."""
        defaults: dict[str, Any] = {"kind": "preference", "conversations": 1, "said_last": "2026-01-01T00:00:00Z"}
        fact = KnownFact(text=text, id=uuid5(USER, text), **defaults | fields)
        if fact.id in self._ids:
            self.facts = [each for each in self.facts if each.id != fact.id]
        self._ids.add(fact.id)
        self.facts.append(fact)
        return fact

    def remember(self, *faults: Fault) -> Pass:
        """Steps 6 to 8 of a run."""
        return self.run(self._steps(), *faults)

    def run(self, work: Coroutine[Any, Any, Pass], *faults: Fault) -> Pass:
        async def connected() -> Pass:
            async with self.model.connected():
                await self.model.behave(*faults)
                return await work

        return asyncio.run(connected())

    async def _steps(self) -> Pass:
        self._store()
        unique, chosen_facts, entries = (self._folder / name for name in ("unique", "chosen", "entries"))
        await current_store().memory.adopt_edits(USER, RUN)
        spool.write(unique, await self._known())
        before = (await self.model.counted())["calls"]["total"]
        chosen = await selection.choose(USER, unique, chosen_facts)
        generated = await document.generate(USER, chosen_facts, entries)
        saved = await current_store().memory.save(USER, RUN, list(spool.read(entries, Entry)))
        calls = (await self.model.counted())["calls"]["total"]
        return Pass(chosen, generated, saved, int(str(calls)) - int(str(before)))

    async def _known(self) -> list[KnownFact]:
        """As consolidation leaves it."""
        rows = self.supabase.tables["memory_facts"]
        out = {str(row["id"]) for row in rows if row.get("suppressed")}
        persons = [fact async for fact in current_store().memory.person_facts(USER)]
        chats = [fact for fact in self.facts if fact.origin == "chats"]
        return [fact for fact in (*chats, *persons) if str(fact.id) not in out]

    def _store(self) -> None:
        rows = {row["id"]: row for row in self.supabase.tables["memory_facts"]}
        for fact in self.facts:
            columns = json.loads(msgspec.json.encode({name: getattr(fact, name) for name in fact.__struct_fields__}))
            kept = {"suppressed": rows.get(str(fact.id), {}).get("suppressed", False)}
            rows[str(fact.id)] = {**columns, "user_id": str(USER), "statement_keys": [], "digest": None, **kept}
        self.supabase.tables["memory_facts"] = list(rows.values())

    @property
    def memory_md(self) -> str:
        return str(self.supabase.row().get("memory_md"))

    def edit(self, old: str, new: str) -> None:
        """The person changes MEMORY itself."""
        assert old in self.memory_md
        self.supabase.row()["memory_md"] = self.memory_md.replace(old, new)

    def sections(self) -> dict[str, str]:
        """Title → what stands below it."""
        _, *parts = self.memory_md.split("\n## ")
        return {title: text for title, _, text in (part.partition("\n") for part in parts)}

    def lines(self) -> list[str]:
        return [line[2:] for line in self.memory_md.splitlines() if line.startswith("- ")]
