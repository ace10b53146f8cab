"""Step 5: facts that say the same become one, with all that say it."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

from flows import spool
from flows.memory.facts import real_date
from flows.memory.fingerprint import fingerprint
from flows.records import FoundFact, Kind, KnownFact

_KINDS: tuple[Kind, ...] = get_args(Kind)


@dataclass(frozen=True)
class Consolidated:
    facts: int  # that were read
    unique: int


def consolidate(found: Path, to: Path) -> Consolidated:
    """Writes the unique facts with all their sources, the one said last at the end.

    Facts are equal when their texts have one fingerprint and their own dates do not differ; what kind they are said to
    be is no part of it. Wording and kind are those found most often. In whichever order the facts are read, the rows
    are the same.
    """
    said: defaultdict[bytes, list[FoundFact]] = defaultdict(list)
    count = 0
    for fact in spool.read(found, FoundFact):
        count += 1
        fact.date = real_date(fact.date)  # answers that were stored earlier were looked at less closely
        said[fingerprint(fact.text)].append(fact)
    unique: list[KnownFact] = []
    while said:
        unique += _known(said.popitem()[1])
    unique.sort(key=lambda fact: (fact.seen or "", fact.text, fact.date or ""))
    spool.write(to, unique)
    return Consolidated(count, len(unique))


def _known(facts: list[FoundFact]) -> Iterator[KnownFact]:
    """What facts of one text come to: one fact, or one for each of the days on which it happened."""
    exact = _most_exact({fact.date or "" for fact in facts})
    by_date: defaultdict[str, list[FoundFact]] = defaultdict(list)
    for fact in facts:
        by_date[exact[fact.date or ""]].append(fact)
    for date, same in by_date.items():
        yield _merged(same, date or None)


def _most_exact(dates: set[str]) -> dict[str, str]:
    """Each date → the most exact one that it can mean: itself, unless exactly one of the others lies within it.

    "" stands for no date, and every date lies within it.
    """
    within: defaultdict[str, list[str]] = defaultdict(list)
    for exact in dates - {wider for date in dates for wider in _wider(date)}:
        for wider in _wider(exact):
            within[wider].append(exact)
    return {date: within[date][0] if len(within[date]) == 1 else date for date in dates}


def _wider(date: str) -> set[str]:
    return {"", date[:4], date[:7]} - {date}


def _merged(facts: list[FoundFact], date: str | None) -> KnownFact:
    chunks = sorted({(fact.seen or "", fact.chunk_key) for fact in facts})
    sources = list(dict.fromkeys(key for _, key in chunks))
    kinds = Counter(fact.kind for fact in facts)
    return KnownFact(
        kind=max(_KINDS, key=lambda kind: kinds[kind]),  # of several, the first of the list
        text=_most_frequent(fact.text for fact in facts),
        date=date,
        seen=chunks[-1][0] or None,
        mentions=len(sources),
        sources=sources,
    )


def _most_frequent(texts: Iterable[str]) -> str:
    """Of several, the first in the order of code points: it begins with a capital."""
    counts = Counter(texts)
    return min(counts, key=lambda text: (-counts[text], text))
