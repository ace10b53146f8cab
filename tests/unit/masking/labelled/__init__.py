"""Texts with a secret, and texts with what only looks like one."""

from pathlib import Path
from typing import NamedTuple

_FOLDER = Path(__file__).parent


class Labelled(NamedTuple):
    text: str
    kind: str
    start: int
    end: int

    @property
    def secret(self) -> str:
        return self.text[self.start : self.end]


def positives() -> list[Labelled]:
    return [_labelled(*line.split("\t", 1)) for line in _lines("positives.txt")]


def look_alikes() -> list[str]:
    return [_unescaped(line) for line in _lines("look_alikes.txt")]


def _lines(name: str) -> list[str]:
    lines = (_FOLDER / name).read_text(encoding="utf-8").split("\n")
    return [line for line in lines if line and not line.startswith("# ")]


def _labelled(kind: str, line: str) -> Labelled:
    before, secret, after = _unescaped(line).replace("⟧", "⟦").split("⟦")
    return Labelled(before + secret + after, kind, len(before), len(before) + len(secret))


def _unescaped(line: str) -> str:
    return line.replace("·", "").replace(r"\\n", "\0").replace(r"\n", "\n").replace("\0", r"\n")
