"""Facts as a model writes them and as prompts hold them."""

import datetime
import json
import re
from collections.abc import Iterable, Iterator
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, Field

from flows.records import Kind, KnownFact

_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")  # Postgres rejects NUL, UTF-8 has no lone surrogates
_DAY = len("2024-05-01")
_NAME_CHARACTERS = 200  # of whom or what a fact is about
_ISO_DATE = re.compile(r"(\d{4})(?:-(\d{2})(?:-(\d{2}))?)?")

#: The years that something in a life can have. Outside lie placeholders (0001-01-01, 9999-12-31) and other calendars:
#: the Persian and the Islamic year are still below, the Buddhist, the Hebrew and the Holocene above.
_YEARS = range(1500, 2400)


def real_date(text: str | None) -> str | None:
    """The date, if the calendar has it: YYYY, YYYY-MM or YYYY-MM-DD, whatever script its digits are of; else None.

    Models also write "spring 2024" or 2024-02-30. The text says it anyway.
    """
    if text is None or not (parts := _ISO_DATE.fullmatch(text)):
        return None
    year, month, day = (int(part or 1) for part in parts.groups())
    try:
        return datetime.date(year, month, day).isoformat()[: len(text)] if year in _YEARS else None
    except ValueError:
        return None


def _real_or_none(value: Any) -> Any:
    return real_date(value) if isinstance(value, str) else value


def _storable(value: Any) -> Any:
    return _UNSTORABLE.sub("\ufffd", value).strip() if isinstance(value, str) else value


def _named_or_none(value: Any) -> Any:
    return _storable(value)[:_NAME_CHARACTERS] or None if isinstance(value, str) else value


Storable = Annotated[str, BeforeValidator(_storable)]
RealDate = Annotated[str | None, BeforeValidator(_real_or_none)]
Named = Annotated[str | None, BeforeValidator(_named_or_none)]


class Fact(BaseModel):
    kind: Kind
    text: Storable = Field(min_length=1, max_length=1_000)
    date: RealDate = Field(description="YYYY, YYYY-MM or YYYY-MM-DD if the fact itself has a date, else null")


def prompt_lines(facts: Iterable[KnownFact]) -> Iterator[str]:
    """Facts as a prompt holds them: one JSON object a line, numbered from 1, without sources."""
    for number, fact in enumerate(facts, 1):
        shown = {
            "n": number,
            "kind": fact.kind,
            "text": fact.text,
            "about": fact.subject,
            "stance": None if fact.stance == "stated" else fact.stance,
            "date": fact.valid_from,
            "until": fact.valid_to,
            "seen": fact.said_last and fact.said_last[:_DAY],
        }
        yield json.dumps({key: value for key, value in shown.items() if value}, ensure_ascii=False)
