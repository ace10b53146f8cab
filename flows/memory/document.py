"""Step 7: the entries of MEMORY. What stands and still holds stays word by word; only the rest is asked about.

MEMORY itself is rendered from them by the database, which renders it again when the person changes something in the
app (full_pass_save_entries).
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID, uuid5

from flows import masking, spool
from flows.errors import ExportError
from flows.memory import entries, entry_form
from flows.memory.entries import Draft, Written
from flows.memory.entry_form import section
from flows.records import Entry, EntryOrigin, KnownFact, MemorySection, StoredEntry
from flows.store.client import current_store


@dataclass(frozen=True)
class Generated:
    asked: int  # sections
    kept: int  # entries that stood already
    entries: int
    tokens: int  # of them
    dropped: int
    again: int
    verbatim: int

    def figures(self) -> dict[str, int]:
        """For the log line; what a model did wrong is left out when it did nothing wrong."""
        seldom = {"dropped": self.dropped, "again": self.again, "verbatim": self.verbatim}
        told = {"asked": self.asked, "kept": self.kept, "entries": self.entries, "tokens": self.tokens}
        return told | {name: count for name, count in seldom.items() if count}


async def generate(user_id: UUID, chosen: Path, to: Path) -> Generated:
    """Writes the entries of MEMORY, each of the chosen facts in one of them.

    Raises ExportError when there is nothing to write and nothing stands, and what `entries.write` raises.
    """
    facts = [_masked(fact) for fact in spool.read(chosen, KnownFact)]
    stored = await current_store().memory.entries(user_id)
    if not facts and not stored:
        raise ExportError("no facts were found in the conversations, so there is nothing to write a MEMORY from")
    kept = _kept(facts, stored)
    said = {identity for entry in kept for identity in entry.fact_ids}
    new = [fact for fact in facts if fact.id not in said]
    own, asked = [fact for fact in new if fact.origin == "person"], [fact for fact in new if fact.origin != "person"]
    sections = {section(fact) for fact in asked}
    written = await entries.write(user_id, asked, [entry.text for entry in kept if entry.section in sections])
    drafts = _in_order(facts, [*written.drafts, *map(entries.verbatim, own)])
    made = [*kept, *_entries(user_id, drafts, kept)]
    spool.write(to, made)
    return _generated(made, len(kept), len(sections), written)


def _masked(fact: KnownFact) -> KnownFact:
    """As the model reads it, and writes of it: older facts are of older masks."""
    fact.text = masking.mask(fact.text)
    return fact


def _generated(made: Sequence[Entry], kept: int, asked: int, written: Written) -> Generated:
    size = sum(entry_form.line_tokens(entry.text) for entry in made)
    return Generated(asked, kept, len(made), size, written.dropped, written.again, written.verbatim)


def _kept(facts: Iterable[KnownFact], stored: Iterable[StoredEntry]) -> list[Entry]:
    """Those that still hold, and of which all facts are chosen; a fact that two of them say is said by the first."""
    free = {fact.id for fact in facts}
    kept = []
    for entry in stored:
        if entry.fresh and free.issuperset(entry.fact_ids):
            free -= set(entry.fact_ids)
            kept.append(Entry(**{name: getattr(entry, name) for name in Entry.__struct_fields__}))
    return kept


def _entries(user_id: UUID, drafts: Iterable[Draft], kept: Iterable[Entry]) -> Iterator[Entry]:
    """Behind those that stand in their sections, in the order of the drafts."""
    last = Counter[MemorySection]()
    for entry in kept:
        last[entry.section] = max(last[entry.section], entry.position)
    for draft in drafts:
        name = section(draft.facts[0])
        last[name] += 1
        ids = sorted(fact.id for fact in draft.facts if fact.id)
        identity = uuid5(user_id, " ".join(map(str, ids)))
        yield Entry(identity, name, last[name], draft.text, ids, _origin(draft))


def _origin(draft: Draft) -> EntryOrigin:
    if draft.is_written:
        return "model"
    return "person" if draft.facts[0].origin == "person" else "facts"


def _in_order(facts: Iterable[KnownFact], drafts: Iterable[Draft]) -> list[Draft]:
    """As the first of each draft's facts stands among the facts."""
    places = {fact.id: place for place, fact in enumerate(facts)}
    return sorted(drafts, key=lambda draft: min(places[fact.id] for fact in draft.facts))
