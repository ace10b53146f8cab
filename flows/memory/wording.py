"""How much of one text stands in another, in any language and script, without understanding either."""

from collections.abc import Iterator

import regex

from flows.memory.fingerprint import folded

#: Scripts that put no space between words.
UNSPACED = r"\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}"
_RUN = regex.compile(
    rf"(?P<unspaced>[{UNSPACED}][{UNSPACED}\p{{M}}]*)|[\p{{L}}--[{UNSPACED}]][[\p{{L}}\p{{M}}]--[{UNSPACED}]]*",
    regex.V1,
)


def share(text: str, of: str) -> float:
    """How much of the text stands in the other one, from 0 to 1: of the parts of its words, three letters each.

    So inflected words count nearly whole. Of Chinese, Japanese and others without spaces it is every two characters.
    """
    parts = list(_parts(text))
    there = set(_parts(of))
    return sum(part in there for part in parts) / len(parts) if parts else 0.0


def _parts(text: str) -> Iterator[str]:
    for run in _RUN.finditer(folded(text)):
        word, size = (run[0], 2) if run["unspaced"] else (f" {run[0]} ", 3)
        yield from (word[at : at + size] for at in range(max(len(word) - size + 1, 1)))
