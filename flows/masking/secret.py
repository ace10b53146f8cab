"""A secret in a text, and how random a value looks."""

import re
from itertools import pairwise
from typing import NamedTuple

_PLACEHOLDER = re.compile(r"x{5}|\*{3}|•{3}|0{8}|1234567890|your|example|placeholder|changeme|\.\.\.|…", re.IGNORECASE)
_FEWEST_DISTINCT = 8
_LONGEST_STRETCH = 8  # characters of one kind in a row, on average: a word has more, random ones two


class Secret(NamedTuple):
    """Characters `start` to `end` of a text."""

    start: int
    end: int
    kind: str  # as the mask says it: "Stripe API key", "password"

    def mask(self) -> str:
        return f"[secret: {self.kind}]"  # folding knows it again


def is_placeholder(value: str) -> bool:
    """Whether a value only shows where one would stand."""
    return _PLACEHOLDER.search(value) is not None


def looks_random(value: str, at_least: int = 16) -> bool:
    """Whether so long a value was drawn, not written: letters and digits, or large and small ones, take turns often."""
    if len(value) < at_least or is_placeholder(value) or len(set(value)) < _FEWEST_DISTINCT:
        return False
    kinds = [_kind(character) for character in value if character.isalnum()]
    changes = sum(kind != after for kind, after in pairwise(kinds))
    return changes * _LONGEST_STRETCH >= len(value)


def _kind(character: str) -> int:
    return 0 if character.isdigit() else 1 if character.islower() else 2
