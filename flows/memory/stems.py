"""What of a text is likely to come back when the same is said in other words: the beginnings of its words.

No stemmer: those of Snowball know some twenty languages, and one must be told which. Cut to its first letters, a word
finds its other forms in all that inflect at the end; that two words meet by it only makes a stem less rare. What is
written without spaces, and Korean, whose particles stick to the words, goes by pairs of characters.
"""

import unicodedata
from collections.abc import Iterator

import regex

_LETTERS = 5  # of a word
_LONGEST_TEXT = 2_000  # characters that are looked at; a fact is a sentence
_UNSPACED = r"\p{Han}\p{Hiragana}\p{Katakana}ー\p{Hangul}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}"
_PIECE = regex.compile(rf"([{_UNSPACED}]+)|[^\W{_UNSPACED}_]+")
_MARK = regex.compile(r"\p{Mn}+")
#: "and", "with", "to", "like" and the article, written as one with the word.
_ARABIC_PREFIX = regex.compile(r"^(?:[وف]?(?:ال|بال|كال|لل)|و(?=...))(?=..)")


def stems(text: str) -> set[str]:
    """Without case and accents, whatever the script; empty for what has neither letters nor digits."""
    return set(_pieces(_folded(text[:_LONGEST_TEXT])))


def folded(text: str) -> str:
    """Equal for what case, width, accents and spaces alone make differ."""
    return " ".join(_folded(text).split())


def _folded(text: str) -> str:
    if text.isascii():
        return text.lower()
    parts = _MARK.sub("", unicodedata.normalize("NFKD", text))
    return unicodedata.normalize("NFC", parts).casefold()


def _pieces(text: str) -> Iterator[str]:
    for piece in _PIECE.finditer(text):
        word = piece[0]
        if piece[1] and len(word) > 1:
            yield from (word[start : start + 2] for start in range(len(word) - 1))
        elif "\u0620" <= word[0] <= "\u064a":
            yield _ARABIC_PREFIX.sub("", word)[:_LETTERS]
        else:
            yield word[:_LETTERS]
