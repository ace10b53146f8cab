"""Step 5: what is said becomes facts that last. Each has an id that stays, its time, and everything that says it."""

import asyncio
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

from flows import spool
from flows.memory import fact_rows, grouping, merging
from flows.records import FactRow, FoundFact, KnownFact, StoredRow
from flows.store.client import current_store


@dataclass(frozen=True)
class Consolidated:
    facts: int  # that were read
    statements: int  # of other words each
    current: int
    superseded: int
    withdrawn: int
    clusters: int  # about which a model decides
    asked: int
    undecided: int

    def figures(self) -> dict[str, int]:
        """For the log line; what is told of step 4 is left out, and what is seldom when there is none."""
        seldom = {"withdrawn": self.withdrawn, "undecided": self.undecided}
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

    erase: facts that nothing says any more are deleted, not only withdrawn. Raises what `merging.merge` raises.
    """
    said = await asyncio.to_thread(lambda: grouping.grouped(spool.read(found, FoundFact)))
    facts, statements = sum(len(each.sources) for each in said), len(said)
    merged = await merging.merge(user_id, said)
    stored = [row async for row in current_store().facts.stored(user_id)]
    rows = await asyncio.to_thread(fact_rows.rows, user_id, merged, stored)
    withdrawn = await _save(user_id, run_id, rows, stored, erase)
    current = [row for row in reversed(rows) if row.status == "current"]
    spool.write(
        to, (KnownFact(**{name: getattr(row, name) for name in KnownFact.__struct_fields__}) for row in current)
    )
    return Consolidated(
        facts=facts,
        statements=statements,
        current=len(current),
        superseded=len(rows) - len(current),
        withdrawn=withdrawn,
        clusters=merged.clusters,
        asked=merged.asked,
        undecided=merged.undecided,
    )


async def _save(user_id: UUID, run_id: str, rows: list[FactRow], stored: list[StoredRow], erase: bool) -> int:
    """Writes what has changed; returns how many facts nothing says any more."""
    digests: dict[UUID | None, str | None] = {row.id: row.digest for row in stored}
    table = current_store().facts
    await table.save(user_id, run_id, [row for row in rows if digests.get(row.id) != row.digest])
    kept = {row.id for row in rows}
    gone = [row.id for row in stored if row.id not in kept and row.status in ("current", "superseded")]
    return await table.withdraw(user_id, run_id, gone, erase)
