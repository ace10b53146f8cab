"""Facts: what a reply that holds them looks like, how they lie in the spool, and how equal ones become one."""

import hashlib
import json
import re
import unicodedata
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, Field

from flows import spool
from flows.llm import tokens

Kind = Literal["preference", "project", "date", "belief", "decision"]

#: What a model may find in one excerpt; more than this is no longer reading but copying.
MAX_FACTS = 200

_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")  # Postgres rejects NUL, UTF-8 has no lone surrogates
_ISO_DATE = re.compile(r"\d{4}(-\d{2}(-\d{2})?)?")
_MAX_SOURCES = 20  # chunks named per fact; a greeting repeated a thousand times needs no more


def _iso_or_none(value: Any) -> Any:
    """Models also write "spring 2024": the text says that, so the date need not."""
    return value if not isinstance(value, str) or _ISO_DATE.fullmatch(value) else None


def _storable(value: Any) -> Any:
    return _UNSTORABLE.sub("\ufffd", value).strip() if isinstance(value, str) else value


class Fact(BaseModel):
    kind: Kind
    text: Annotated[str, BeforeValidator(_storable)] = Field(min_length=1, max_length=1_000)
    date: Annotated[str | None, BeforeValidator(_iso_or_none)] = Field(
        description="YYYY, YYYY-MM or YYYY-MM-DD if the fact itself has a date, else null"
    )


class ExcerptFact(Fact):
    excerpt: int = Field(description="the number of the excerpt that says it")


class ChunkFacts(BaseModel):
    """The facts of the excerpts that one call asks about."""

    facts: list[ExcerptFact]


class ReducedFacts(BaseModel):
    """The facts of a group, fewer and shorter."""

    facts: list[Fact]


def consolidate(found: Path, to: Path) -> tuple[int, int]:
    """Writes the unique facts with their sources; returns (facts read, unique facts).

    Facts are equal when kind and text are, apart from case, spaces and punctuation. The first wording stays; of the
    dates, the latest. A record is `{kind, text, date, seen, mentions, sources}`: `seen` the date of the latest chunk
    that says so, `sources` chunk keys.
    """
    unique: dict[bytes, dict[str, Any]] = {}
    count = 0
    for fact in spool.read(found):
        count += 1
        known = unique.setdefault(
            _identity(fact),
            {
                "kind": fact["kind"],
                "text": fact["text"],
                "date": fact["date"],
                "seen": None,
                "mentions": 0,
                "sources": [],
            },
        )
        known["mentions"] += 1
        known["date"] = max(filter(None, (known["date"], fact["date"])), default=None)
        known["seen"] = max(filter(None, (known["seen"], fact["seen"])), default=None)
        if len(known["sources"]) < _MAX_SOURCES and fact["chunk_key"] not in known["sources"]:
            known["sources"].append(fact["chunk_key"])
    spool.write(to, unique.values())
    return count, len(unique)


def prompt_lines(facts: Iterable[dict[str, Any]]) -> Iterator[str]:
    """Facts as the prompts hold them: one JSON object a line, without sources."""
    for fact in facts:
        shown = {key: fact[key] for key in ("kind", "text", "date", "seen") if fact.get(key)}
        yield json.dumps(shown, ensure_ascii=False)


def token_count(path: Path) -> int:
    """Tokens of a spooled file of facts as a prompt would hold it."""
    return sum(tokens.estimate(line) + 1 for line in prompt_lines(spool.read(path)))


def _identity(fact: dict[str, Any]) -> bytes:
    text = unicodedata.normalize("NFKC", fact["text"]).casefold()
    words = "".join(character if character.isalnum() else " " for character in text).split()
    # A text of symbols only would leave nothing to tell it by.
    return hashlib.blake2b(f"{fact['kind']}\n{' '.join(words) or text}".encode(), digest_size=16).digest()
