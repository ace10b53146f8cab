"""Facts with what a model makes of them: faithful, or with a fault."""

from pathlib import Path
from typing import NamedTuple

from flows.memory.entry_form import Fault
from flows.records import KnownFact

_FAULTS = {
    "=": None,
    "#": Fault.NUMBER,
    "#date": Fault.DATE,
    "@": Fault.NAME,
    "!": Fault.NEGATION,
    "~": Fault.WORDS,
}


class Labelled(NamedTuple):
    language: str
    fact: KnownFact
    entry: str
    fault: Fault | None


def labelled() -> list[Labelled]:
    lines = Path(__file__).with_name("entries.txt").read_text(encoding="utf-8").splitlines()
    return [each for line in lines if line and not line.startswith("# ") for each in _of(line)]


def _of(line: str) -> list[Labelled]:
    language, text, *entries = (part.strip() for part in line.split(" | "))
    fact = KnownFact("belief", text, language=None if language == "en" else language)
    return [Labelled(language, fact, entry, _FAULTS[mark]) for mark, entry in (each.split(" ", 1) for each in entries)]
