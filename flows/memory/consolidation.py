"""Step 5: what is said becomes facts that last. Each has an id that stays, its time, and everything that says it."""

import asyncio
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

from flows import spool
from flows.memory import fact_rows, grouping, last_word, merging
from flows.memory.last_word import Heard
from flows.records import FoundFact, StoredRow
from flows.store.client import current_store


@dataclass(frozen=True)
class Consolidated:
    facts: int  # that were read
    statements: int  # of other words each
    current: int
    superseded: int
    withdrawn: int
    erased: int  # that say what the person wants forgotten
    clusters: int  # about which a model decides
    asked: int
    undecided: int

    def figures(self) -> dict[str, int]:
        """For the log line; what is told of step 4 is left out, and what is seldom when there is none."""
        seldom = {"withdrawn": self.withdrawn, "forgotten": self.erased, "undecided": self.undecided}
        return {
            "statements": self.statements,
            "current": self.current,
            "superseded": self.superseded,
            "clusters": self.clusters,
            "asked": self.asked,
            **{name: count for name, count in seldom.items() if count},
        }


async def consolidate(user_id: UUID, run_id: str, found: Path, to: Path, erase: bool = False) -> Consolidated:
    """Brings memory_facts up to date; writes the current facts, the one said last at the end.

    Takes over before what the person has changed in MEMORY itself: those facts are theirs, and have the last word.
    erase: facts that nothing says any more are deleted, not only withdrawn. Raises what `merging.merge` raises.
    """
    await current_store().memory.adopt_edits(user_id, run_id)
    said = await asyncio.to_thread(lambda: grouping.grouped(spool.read(found, FoundFact)))
    facts, statements = sum(len(each.sources) for each in said), len(said)
    merged = await merging.merge(user_id, said)
    stored = [row async for row in current_store().facts.stored(user_id)]
    rows = await asyncio.to_thread(fact_rows.rows, user_id, merged, stored)
    heard = await last_word.heard(user_id, rows, stored)
    withdrawn = await _save(user_id, run_id, heard, stored, erase)
    current = last_word.known(heard, stored)
    spool.write(to, current)
    return Consolidated(
        facts=facts,
        statements=statements,
        current=len(current),
        superseded=len(heard.rows) + len(heard.person) - len(current),
        withdrawn=withdrawn,
        erased=len(heard.erased),
        clusters=merged.clusters,
        asked=merged.asked,
        undecided=merged.undecided,
    )


async def _save(user_id: UUID, run_id: str, heard: Heard, stored: list[StoredRow], erase: bool) -> int:
    """Writes what has changed; returns how many facts nothing says any more."""
    digests: dict[UUID | None, str | None] = {row.id: row.digest for row in stored}
    store = current_store()
    await store.memory.erase_again(user_id, run_id, heard.erased)
    rows = await asyncio.to_thread(fact_rows.sealed, heard.rows)
    await store.facts.save(user_id, run_id, [row for row in rows if digests.get(row.id) != row.digest])
    await store.memory.settle_person_facts(user_id, run_id, heard.settled)
    kept = {fact.id for fact in (*rows, *heard.person, *heard.erased)}
    gone = [row.id for row in stored if row.id not in kept and row.status in ("current", "superseded")]
    return await store.facts.withdraw(user_id, run_id, gone, erase)
