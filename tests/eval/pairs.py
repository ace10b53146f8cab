"""The labelled pairs of pairs.jsonl: what two facts are to each other."""

import hashlib
from pathlib import Path
from typing import Literal

import msgspec
from msgspec import Struct

from flows.memory.statements import Statement
from flows.records import Kind, Stance

PAIRS = Path(__file__).with_name("pairs.jsonl")


class LabelledFact(Struct, forbid_unknown_fields=True):
    """What of a statement matters for the pair."""

    text: str
    kind: Kind
    said: str  # ISO 8601, UTC
    subject: str | None = None
    slot: str | None = None
    stance: Stance = "stated"
    date: str | None = None
    until: str | None = None


class Pair(Struct, forbid_unknown_fields=True):
    id: str
    language: str
    trap: str
    first: LabelledFact
    second: LabelledFact
    relation: Literal["same", "replaces", "both", "unrelated"]  # replaces: the second the first

    def statements(self) -> tuple[Statement, Statement]:
        return self._statement(self.first, "first"), self._statement(self.second, "second")

    def _statement(self, fact: LabelledFact, which: str) -> Statement:
        return Statement(
            key=hashlib.blake2b(f"{self.id} {which}".encode(), digest_size=16).digest(),
            text=fact.text,
            subject=fact.subject,
            kind=fact.kind,
            slot=fact.slot,
            stance=fact.stance,
            language=self.language,
            date=fact.date,
            until=fact.until,
            said_first=fact.said,
            said_last=fact.said,
        )


def read() -> list[Pair]:
    return [msgspec.json.decode(line, type=Pair) for line in PAIRS.read_bytes().splitlines()]
