"""The person's last word on facts: what they told the app, corrected and erased, against what their chats say.

Told to the app, a fact takes the place of what the chats have said before, of the same slot, in the same words or in
others. What they say later takes its place in turn. What was erased is left out in all of its wordings, and what it had
taken the place of stays the past.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from flows.memory import guards, traces
from flows.memory.fingerprint import fingerprint
from flows.memory.statements import Statement
from flows.memory.stems import folded
from flows.records import ErasedStatement, FactRow, KnownFact, PersonFact, StoredRow
from flows.store.client import current_store

_DAY = len("2024-05-01")
_SECONDS = len("2024-05-01T10:00:00")


@dataclass
class Heard:
    """What the chats say and the person has left standing."""

    rows: list[FactRow]
    person: list[PersonFact]  # what they told the app, current or superseded
    settled: list[PersonFact]  # of these, what has changed
    erased: list[FactRow]


async def heard(user_id: UUID, rows: list[FactRow], stored: Sequence[StoredRow]) -> Heard:
    """Changes status, successor and end of the rows. Writes nothing."""
    table = current_store().memory
    told = [fact async for fact in table.person_facts(user_id)]
    before = [(fact.status, fact.superseded_by, fact.valid_to, fact.traces) for fact in told]
    for fact in told:
        fact.said_first = fact.said_last = f"{(fact.said_last or '')[:_SECONDS]}Z"
        fact.traces = traces.traces(_statement(fact))
    erasures = await _erasures(user_id, [*rows, *told])
    rows, erased = _without_erased(rows, erasures)
    corrected = _corrected(told, stored)
    persons = {fact.id for fact in told}
    for fact in sorted(told, key=lambda fact: (fact.said_last or "", fact.id)):
        _hold(fact, corrected.get(fact.id, []), rows)
        if past := erasures.get(fact.id):
            fact.status, fact.superseded_by, fact.valid_to = "superseded", None, _end(fact, past.since)
        elif fact.superseded_by not in persons:
            _settle(fact, corrected.get(fact.id, []), rows, told)
    changed = [
        fact
        for fact, was in zip(told, before, strict=True)
        if was != (fact.status, fact.superseded_by, fact.valid_to, fact.traces)
    ]
    return Heard(rows, told, changed, erased)


async def _erasures(user_id: UUID, facts: Sequence[FactRow | PersonFact]) -> dict[UUID | None, ErasedStatement]:
    """What is known of facts by what the person has erased; nothing of most."""
    table = current_store().memory
    if not (facts and await table.has_erased(user_id)):
        return {}
    return {UUID(each.key): each for each in await table.erased(user_id, [_asked(fact) for fact in facts])}


def _asked(fact: FactRow | PersonFact) -> dict[str, Any]:
    names = ("text", "traces", "subject", "slot", "stance", "said_last")
    keys = fact.statement_keys if isinstance(fact, FactRow) else []
    return {"key": str(fact.id), "keys": keys, **{name: getattr(fact, name) for name in names}}


def _without_erased(
    rows: list[FactRow], erasures: Mapping[UUID | None, ErasedStatement]
) -> tuple[list[FactRow], list[FactRow]]:
    """Those that are left, and those that say what was erased."""
    gone = {row.id for row in rows if row.id in erasures and erasures[row.id].erased}
    left = [row for row in rows if row.id not in gone]
    for row in left:
        if row.superseded_by in gone:
            row.superseded_by = None
        if row.id in erasures and row.status == "current":
            row.status = "superseded"
            row.valid_to = row.valid_to or _end(row, erasures[row.id].since)
    return left, [row for row in rows if row.id in gone]


def _corrected(told: Iterable[PersonFact], stored: Iterable[StoredRow]) -> dict[UUID, list[StoredRow]]:
    """What the person has said → the stored facts in whose place it was put."""
    of: dict[UUID, list[StoredRow]] = {fact.id: [] for fact in told}
    for row in stored:
        if row.superseded_by in of and row.statement_keys:
            of[row.superseded_by].append(row)
    return of


def _hold(fact: PersonFact, corrected: list[StoredRow], rows: Iterable[FactRow]) -> None:
    """Puts the person's word in the place of what the chats have said until then."""
    keys = {key for row in corrected for key in row.statement_keys}
    statement = _statement(fact)
    for row in rows:
        if row.superseded_by is not None and row.superseded_by == fact.id:
            continue
        replaced = row.status == "current" and guards.may_replace(statement, _statement(row))
        wrong = _is_no_later(row, fact) and (keys & set(row.statement_keys) or _says_one_of(row, corrected))
        if replaced or wrong or (row.status == "current" and _say_the_same(fact, row)):
            row.status, row.superseded_by = "superseded", fact.id
            row.valid_to = row.valid_to or _end(row, fact.said_last)


def _settle(fact: PersonFact, corrected: list[StoredRow], rows: Iterable[FactRow], told: Iterable[PersonFact]) -> None:
    """Finds what was said later and holds in its place, if anything is."""
    keys = {key for row in corrected for key in row.statement_keys}
    later: list[FactRow | PersonFact] = [row for row in rows if _is_said_after(row, fact, keys, corrected)]
    later += [other for other in told if guards.may_replace(_statement(other), _statement(fact))]
    successor = min(later, key=lambda each: (each.said_last or "", str(each.id)), default=None)
    fact.status = "superseded" if successor else "current"
    fact.superseded_by = successor.id if successor else None
    fact.valid_to = _end(fact, successor.valid_from or successor.said_last) if successor else None


def _is_said_after(row: FactRow, fact: PersonFact, keys: set[str], corrected: list[StoredRow]) -> bool:
    if row.superseded_by == fact.id or row.stance == "past":
        return False
    if guards.may_replace(_statement(row), _statement(fact)):
        return True
    again = bool(keys & set(row.statement_keys)) or _says_one_of(row, corrected)
    return again and not _is_no_later(row, fact) and not _say_the_same(fact, row)


def _is_no_later(row: FactRow, fact: PersonFact) -> bool:
    return (row.said_last or "")[:_SECONDS] <= (fact.said_last or "")[:_SECONDS]


def _says_one_of(row: FactRow, corrected: Iterable[StoredRow]) -> bool:
    return any(traces.say_the_same(row.traces, other.traces) for other in corrected if other.traces)


def _say_the_same(fact: PersonFact, row: FactRow) -> bool:
    same_words = fingerprint(fact.text) == fingerprint(row.text)
    same_subject = folded(fact.subject or "") == folded(row.subject or "")
    return (same_words and same_subject) or traces.say_the_same(fact.traces or [], row.traces)


def _end(fact: KnownFact, since: str | None) -> str | None:
    """When it ceased to hold: the day since which something else does, unless it began later."""
    end, began = (since or "")[:_DAY], fact.valid_from or ""
    return end if end and end >= began[: len(end)] else None


def _statement(fact: KnownFact) -> Statement:
    return Statement(
        key=b"",
        text=fact.text,
        subject=fact.subject,
        kind=fact.kind,
        slot=fact.slot,
        stance=fact.stance,
        language=fact.language,
        date=fact.valid_from,
        until=fact.valid_to,
        said_first=fact.said_first,
        said_last=fact.said_last,
    )


def known(heard: Heard, stored: Iterable[StoredRow]) -> list[KnownFact]:
    """What holds, the fact said last at the end; with what the person has taken out of MEMORY marked."""
    suppressed = {row.id for row in stored if row.suppressed}
    facts = [
        KnownFact(**{name: getattr(fact, name) for name in KnownFact.__struct_fields__})
        for fact in (*heard.rows, *heard.person)
        if fact.status == "current"
    ]
    for fact in facts:
        fact.suppressed = fact.suppressed or fact.id in suppressed
    return sorted(
        facts, key=lambda fact: (fact.said_last or "", fact.text, fact.valid_from or "", fact.id or UUID(int=0))
    )
