"""Facts as a model writes them and as prompts hold them."""

import json
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, Field

from flows import spool
from flows.llm import tokens
from flows.records import Kind, KnownFact

_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")  # Postgres rejects NUL, UTF-8 has no lone surrogates
_ISO_DATE = re.compile(r"\d{4}(-\d{2}(-\d{2})?)?")


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


def prompt_lines(facts: Iterable[KnownFact]) -> Iterator[str]:
    """Facts as the prompts hold them: one JSON object a line, without sources."""
    for fact in facts:
        shown = {"kind": fact.kind, "text": fact.text, "date": fact.date, "seen": fact.seen}
        yield json.dumps({key: value for key, value in shown.items() if value}, ensure_ascii=False)


def token_count(path: Path) -> int:
    """Tokens of a spooled file of facts as a prompt would hold it."""
    return sum(tokens.estimate(line) + 1 for line in prompt_lines(spool.read(path, KnownFact)))
