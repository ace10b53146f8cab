"""Recorded replies, and the entries that can be made of one, whatever the model wrote instead of JSON."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

from msgspec import Struct
from msgspec import json as struct_json

FILE = Path(__file__).with_name("memory_entries.jsonl")

_OBJECT = re.compile(r"\{[^{}]*\}")
_TEXT = re.compile(r'"text"\s*:\s*"((?:[^"\\]|\\.)*)"')
_NUMBERS = re.compile(r'"(?:facts|n)"\s*:\s*\[?([\d,\s]+)')
_OF_LINE = re.compile(r"\(?facts?:?\s*\[?([\d,\s]+)\]?\)?", re.IGNORECASE)
_MARK = re.compile(r"^\s*(?:[-*•]|(\d{1,2})[.):])\s*")


class Entry(Struct):
    text: str
    facts: list[int]  # their numbers, from 1


class Recorded(Struct):
    """One reply to the question about one group of facts."""

    group: str
    form: str  # of what was asked for, see record.FORMS
    model: str
    version: str  # of the package that holds it
    prompt: str  # SHA-256 of what was asked, in hexadecimal
    ended: str  # stop, or length: it would have gone on
    raw: str
    entries: list[Entry]  # read from it


def recorded() -> list[Recorded]:
    return [struct_json.decode(line, type=Recorded) for line in FILE.read_text(encoding="utf-8").splitlines()]


def entries(raw: str) -> list[Entry]:
    """From JSON, from what there is of broken JSON, or from lines of prose, in this order."""
    return list(_of_objects(raw)) or list(_of_lines(raw))


def _of_objects(raw: str) -> Iterator[Entry]:
    for found in _OBJECT.finditer(raw):
        text, numbers = _TEXT.search(found[0]), _NUMBERS.search(found[0])
        if text and numbers:
            yield _entry(_unescaped(text[1]), numbers[1])


def _unescaped(text: str) -> str:
    try:
        return str(json.loads(f'"{text}"'))
    except ValueError:
        return text


def _of_lines(raw: str) -> Iterator[Entry]:
    """Of a line without numbers, its place among the lines is the number."""
    lines = [line for line in raw.splitlines() if re.search(r"\w", line)]
    for place, line in enumerate(lines, 1):
        of_line, mark = _OF_LINE.search(line), _MARK.search(line)
        numbers = of_line[1] if of_line else mark and mark[1]
        yield _entry(_MARK.sub("", _OF_LINE.sub("", line)).strip(), numbers or str(place))


def _entry(text: str, numbers: str) -> Entry:
    return Entry(text, [int(number) for number in re.findall(r"\d{1,6}", numbers)])
