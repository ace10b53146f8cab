"""Sentences by what they are: orders, wishes for how to be answered, and facts that look like either."""

from pathlib import Path
from typing import NamedTuple

_FOLDER = Path(__file__).parent


class Labelled(NamedTuple):
    language: str
    text: str


def sentences(name: str) -> list[Labelled]:
    """Of orders, answer_preferences or facts: a language and a sentence a line."""
    lines = (_FOLDER / f"{name}.txt").read_text(encoding="utf-8").splitlines()
    return [Labelled(*line.split(" ", 1)) for line in lines if line and not line.startswith("#")]
