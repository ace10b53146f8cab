"""How MEMORY is written of facts that are known: whether they say it, and whether what counts is there."""

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any
from uuid import UUID, uuid5

from msgspec.structs import replace

from flows import spool
from flows.memory import document, selection
from flows.records import Entry, KnownFact
from flows.store.client import use_store
from tests.eval import pairs
from tests.recorded.groups import groups
from tests.recorded.judging import unsupported
from tests.unit.fake_supabase import USER, FakeSupabase

_MENTIONED = 5  # conversations, from which on a fact is among the most mentioned
_CONVERSATIONS = (1, 2, 1, 3, 8, 1, 5)  # that say a fact, by its place


def known() -> list[KnownFact]:
    """Facts of made-up people in fifteen languages, then what in the labelled pairs another fact has replaced."""
    facts = [fact for group in groups() for fact in group.facts]
    said = [replace(fact, conversations=_CONVERSATIONS[place % 7]) for place, fact in enumerate(facts)]
    return [*said, *(fact for pair in pairs.read() if pair.relation == "replaces" for fact in _replaced(pair))]


def _replaced(pair: pairs.Pair) -> Iterator[KnownFact]:
    old, new = pair.statements()
    ids = [uuid5(USER, f"{pair.id} {which}") for which in ("first", "second")]
    for statement, identity, successor in ((old, ids[0], ids[1]), (new, ids[1], None)):
        yield KnownFact(
            statement.kind,
            statement.text,
            identity,
            subject=statement.subject,
            slot=statement.slot,
            language=statement.language,
            stance=statement.stance,
            status="superseded" if successor else "current",
            superseded_by=successor,
            valid_from=statement.date,
            valid_to=statement.until,
            said_last=statement.said_last,
            conversations=1,
        )


async def remembered() -> dict[str, Any]:
    """`{entries, written, unsupported, mentioned, mentioned_told, superseded, superseded_told, again, verbatim}`.

    All are counts. written: entries in the model's own words. unsupported: those of them that their facts do not say,
    as a judge says that shares nothing with the check of step 7.
    """
    facts = known()
    with tempfile.TemporaryDirectory() as name, use_store(FakeSupabase().store()):
        unique, chosen, made = (Path(name) / each for each in ("unique", "chosen", "made"))
        spool.write(unique, facts)
        await selection.choose(USER, unique, chosen)
        done = await document.generate(USER, chosen, made)
        entries = list(spool.read(made, Entry))
    return _figures(facts, entries) | {"again": done.again, "verbatim": done.verbatim}


def _figures(facts: Sequence[KnownFact], entries: Sequence[Entry]) -> dict[str, Any]:
    by_id = {fact.id: fact for fact in facts}
    written = [entry for entry in entries if entry.origin == "model"]
    told: set[UUID | None] = {identity for entry in entries for identity in entry.fact_ids}
    mentioned = [fact for fact in facts if fact.conversations >= _MENTIONED]
    superseded = [fact for fact in facts if fact.status == "superseded"]
    return {
        "entries": len(entries),
        "written": len(written),
        "unsupported": sum(
            unsupported(entry.text, [by_id[each] for each in entry.fact_ids]) is not None for entry in written
        ),
        "mentioned": len(mentioned),
        "mentioned_told": sum(fact.id in told for fact in mentioned),
        "superseded": len(superseded),
        "superseded_told": sum(
            fact.id in told or any(fact.text in entry.text for entry in entries) for fact in superseded
        ),
    }


def printed(run: Mapping[str, Any]) -> Iterator[str]:
    memory = run["memory"]
    supported = memory["written"] - memory["unsupported"]
    yield f"MEMORY: {memory['entries']} entries, {memory['written']} in the model's words"
    yield f"  {'said by their facts':40}{_share(supported, memory['written']):>8} of those"
    yield f"  {'questions asked a second time':40}{memory['again']:>8}"
    yield f"  {'facts in their own words after that':40}{memory['verbatim']:>8}"
    yield f"  {'most mentioned facts that are there':40}{_share(memory['mentioned_told'], memory['mentioned']):>8}"
    yield f"  {'superseded facts that are there':40}{memory['superseded_told']:>8} of {memory['superseded']}"


def _share(part: int, of: int) -> str:
    return f"{part / of:.1%}" if of else "-"
