"""Statements: what is said in the same words of the same person, with all that say it."""

from msgspec import Struct

from flows.records import FoundFact, Kind, Stance


class Statement(Struct):
    """A statement as it is compared with others."""

    key: bytes  # 16; the same words of the same person on the same date always have the same
    text: str
    subject: str | None
    kind: Kind
    slot: str | None
    stance: Stance
    language: str | None
    date: str | None
    until: str | None
    said_first: str | None  # ISO 8601, UTC, to the second
    said_last: str | None


class Said(Struct):
    """A statement, or several that are one, and everything that says it."""

    statement: Statement
    sources: list[FoundFact]
    keys: list[str]  # of each of the statements, as hex digits; sorted
