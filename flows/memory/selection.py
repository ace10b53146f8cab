"""Step 6: which facts stand in MEMORY, chosen without a model, so that a fact may only enter or leave for a reason.

The person's own come first. Of the others count in how many conversations they are said, how lately, and what they
are; and those that stand already stay unless another clearly outranks them. Each section with something to say has a
share, and what is new takes the place of what is in its own section before that of others: one more conversation
changes the sections that it is about. What is not chosen stays in memory_facts and is found there.
"""

import asyncio
import datetime
import heapq
import math
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple
from uuid import UUID

from flows import spool
from flows.memory import entry_form
from flows.memory.entry_form import may_stand, section
from flows.records import Kind, KnownFact, MemorySection, StoredEntry
from flows.settings import PassSettings
from flows.store.client import current_store

#: Of the headings, whichever there are.
_FRAME_TOKENS = 65
_FLOOR = 1 / 16  # of the room, for each section
_SLACK = 1 / 10  # of the room, that is left as it is: what a shorter fact leaves is no reason to change other sections

#: What makes a fact outrank another, in doublings of the number of conversations that say it.
_YEAR = 0.5
_STANDING = 0.5
_KINDS: dict[Kind, float] = {"preference": 0.2, "project": 0.2, "decision": 0.1, "date": 0.1, "belief": 0.0}
_SLOT = 0.3  # what fills a slot of the person's life says who they are

_NOBODY_KNOWS = 2022.0  # when it was said: about when these chats began
_DAYS_OF_A_YEAR = 365.25


class Rank(NamedTuple):
    """The greater one goes first; no two facts have the same."""

    is_persons: bool
    weight: float
    said: str
    identity: str


class Candidate(NamedTuple):
    rank: Rank
    tokens: int
    fact: KnownFact


class Chosen(NamedTuple):
    chosen: int  # facts
    left: int  # that do not stand in MEMORY
    tokens: int  # that MEMORY has at most

    def figures(self) -> dict[str, int]:
        return self._asdict()


async def choose(user_id: UUID, source: Path, to: Path) -> Chosen:
    """Writes the facts of MEMORY in the order of its sections, in each the first first."""
    entries = await current_store().memory.entries(user_id)
    return await asyncio.to_thread(_chosen, source, to, entries)


def _chosen(source: Path, to: Path, entries: Sequence[StoredEntry]) -> Chosen:
    selection = Selection(PassSettings().memory_max_tokens, entries)
    count = 0
    for fact in spool.read(source, KnownFact):
        count += 1
        selection.offer(fact)
    chosen = selection.chosen()
    spool.write(to, (each.fact for each in chosen))
    return Chosen(len(chosen), count - len(chosen), _FRAME_TOKENS + sum(each.tokens for each in chosen))


class Selection:
    """The best of the facts that were offered, in whatever order."""

    def __init__(self, limit: int, entries: Iterable[StoredEntry] = ()):
        self._room = limit - _FRAME_TOKENS
        self._standing = {identity for entry in entries for identity in entry.fact_ids}
        self._sections = {name: _Section(self._room) for name in MemorySection}

    def offer(self, fact: KnownFact) -> None:
        if fact.status == "current" and not fact.suppressed:
            self._sections[section(fact)].offer(self._rank(fact), fact)

    def chosen(self) -> list[Candidate]:
        """In the order of the sections, in each the highest rank first; as many as fit."""
        ranked = sorted((each for of in self._sections.values() for each in of.best), reverse=True)
        shares = _Shares(self._room)
        standing = Counter[MemorySection]()
        for each in ranked:
            if each.fact.id in self._standing:
                standing[section(each.fact)] += each.tokens
        floor = int(self._room * _FLOOR)
        shares_of = {name: standing[name] if standing[name] > floor / 2 else floor for name in MemorySection}
        shares.fill((each for each in ranked if each.rank.is_persons), dict.fromkeys(MemorySection, self._room))
        shares.fill(ranked, {name: min(floor, share) for name, share in shares_of.items()})
        shares.fill(ranked, shares_of)
        if not standing or shares.left > self._room * _SLACK:
            shares.fill(ranked, dict.fromkeys(MemorySection, self._room))
        order = list(MemorySection)
        return sorted(shares.taken.values(), key=lambda each: (order.index(section(each.fact)), _descending(each.rank)))

    def _rank(self, fact: KnownFact) -> Rank:
        weight = math.log2(1 + fact.conversations) + _YEAR * _year(fact.said_last)
        weight += _SLOT if fact.slot and not fact.subject else _KINDS[fact.kind]
        weight += _STANDING if fact.id in self._standing else 0
        return Rank(fact.origin == "person", round(weight, 6), fact.said_last or "", f"{fact.text} {fact.id}")


class _Section:
    """The best facts of a section, as many as MEMORY could hold if it held no others."""

    def __init__(self, room: int):
        self.best: list[Candidate] = []
        self._room, self._tokens = room, 0

    def offer(self, rank: Rank, fact: KnownFact) -> None:
        if self._tokens >= self._room and rank < self.best[0].rank:
            return
        if not may_stand(fact) or (size := entry_form.room([fact])) > self._room:
            return
        heapq.heappush(self.best, Candidate(rank, size, fact))
        self._tokens += size
        while self._tokens - self.best[0].tokens >= self._room:
            self._tokens -= heapq.heappop(self.best).tokens


class _Shares:
    """The room of MEMORY, given away."""

    def __init__(self, room: int):
        self.taken: dict[Rank, Candidate] = {}
        self.left = room
        self._used = Counter[MemorySection]()

    def fill(self, ranked: Iterable[Candidate], limits: dict[MemorySection, int]) -> None:
        """Takes what fits, up to the limit of each section; the first of a section may be above it."""
        for each in ranked:
            name = section(each.fact)
            fits = self._used[name] + each.tokens <= limits[name] or not self._used[name]
            if each.rank not in self.taken and fits and each.tokens <= self.left:
                self.taken[each.rank] = each
                self.left -= each.tokens
                self._used[name] += each.tokens


def _descending(rank: Rank) -> tuple[bool, float, list[int], str]:
    return not rank.is_persons, -rank.weight, [-ord(each) for each in rank.said], rank.identity


def _year(said: str | None) -> float:
    try:
        day = datetime.date.fromisoformat((said or "")[: len("2024-05-01")])
    except ValueError:
        return _NOBODY_KNOWS
    return day.toordinal() / _DAYS_OF_A_YEAR
