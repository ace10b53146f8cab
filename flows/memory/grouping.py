"""Which facts say the same in the same words, and what they come to, in whichever order they are read."""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from typing import get_args

import msgspec

from flows.memory.facts import real_date
from flows.memory.fingerprint import fingerprint
from flows.memory.statements import Said, Statement
from flows.records import FoundFact, Kind

_KINDS: tuple[Kind, ...] = get_args(Kind)
_KEY_BYTES = 16
_SECONDS = len("2024-05-01T10:00:00")


def grouped(found: Iterable[FoundFact]) -> list[Said]:
    """The statements, in the order of their keys.

    Facts are of one statement when their texts have one fingerprint, they are about the same person, and their own
    dates do not differ; what kind they are said to be is no part of it.
    """
    same: defaultdict[tuple[bytes, bytes], list[FoundFact]] = defaultdict(list)
    for fact in found:
        fact.date, fact.until = (
            real_date(fact.date),
            real_date(fact.until),
        )  # stored answers may be older than the check
        fact.said = f"{fact.said[:_SECONDS]}Z" if fact.said else None
        same[fingerprint(fact.subject) if fact.subject else b"", fingerprint(fact.text)].append(fact)
    said: list[Said] = []
    while same:
        words, facts = same.popitem()
        said += _statements(b"".join(words), facts)
    said.sort(key=lambda each: each.statement.key)
    return said


def as_one(parts: Iterable[Said]) -> Said:
    """Statements that say the same, as one: with the key of the one that was said first."""
    parts = sorted(parts, key=lambda part: (part.statement.said_first or "9", part.statement.key))
    sources = [source for part in parts for source in part.sources]
    # Of several dates one lies within all the others (see guards), or they would not say the same.
    date = max((part.statement.date or "" for part in parts), key=len)
    keys = sorted({key for part in parts for key in part.keys})
    return Said(_statement(parts[0].statement.key, sources, date or None), sources, keys)


def _statements(words: bytes, facts: list[FoundFact]) -> Iterator[Said]:
    """What facts of one text come to: one statement, or one for each of the days on which it happened."""
    exact = _most_exact({fact.date or "" for fact in facts})
    by_date: defaultdict[str, list[FoundFact]] = defaultdict(list)
    for fact in facts:
        by_date[exact[fact.date or ""]].append(fact)
    for date, same in by_date.items():
        keys = sorted({_key(words, fact.date or "").hex() for fact in same})
        yield Said(_statement(_key(words, date), same, date or None), same, keys)


def _key(words: bytes, date: str) -> bytes:
    return hashlib.blake2b(words + date.encode(), digest_size=_KEY_BYTES).digest()


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


def _statement(key: bytes, facts: list[FoundFact], date: str | None) -> Statement:
    facts.sort(key=lambda fact: (fact.said or "", msgspec.json.encode(fact)))
    kinds = Counter(fact.kind for fact in facts)
    times = [fact.said for fact in facts if fact.said]
    return Statement(
        key=key,
        text=_most_frequent(fact.text for fact in facts),
        subject=_most_frequent(fact.subject for fact in facts) or None,
        kind=max(_KINDS, key=lambda kind: kinds[kind]),  # of several, the first of the list
        slot=_most_frequent(fact.slot for fact in facts) or None,
        stance=facts[-1].stance,
        language=_most_frequent(fact.language for fact in facts) or None,
        date=date,
        until=next((fact.until for fact in reversed(facts) if fact.until), None),
        said_first=times[0] if times else None,
        said_last=times[-1] if times else None,
    )


def _most_frequent(texts: Iterable[str | None]) -> str:
    """Of several, the first in the order of code points: it begins with a capital. "" when there is none."""
    counts = Counter(text for text in texts if text)
    return min(counts, key=lambda text: (-counts[text], text), default="")
