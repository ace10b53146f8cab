"""A text as it is searched: what looks like an ASCII character is one, and what cannot be seen is not there.

Phones and word processors write no-break spaces, long dashes and soft hyphens, Asian keyboards wide letters and digits.
Letters of other scripts that look alike stay what they are: nobody types a key in Cyrillic by accident.
"""

import re
import unicodedata
from bisect import bisect_right
from functools import cached_property

from flows.masking.secret import Secret

_SPACES = "\u00a0\u2000-\u200a\u202f\u205f\u3000"
_DASHES = "\u2010-\u2015\u2212\ufe58\ufe63\uff0d"
_DIGITS = "\u0660-\u0669\u06f0-\u06f9\u0966-\u096f\u09e6-\u09ef\u0e50-\u0e59"  # Arabic, Persian, Hindi, Bengali, Thai
# U+0130 because it alone is two characters in small letters.
_LOOKS_LIKE_ASCII = re.compile(rf"[{_SPACES}{_DASHES}{_DIGITS}\uff01-\uff0c\uff0e-\uff5e\u0130]")
_LONG_RUN = re.compile(r"[A-Za-z0-9_\-+/.~:]{16,}+")
_MASK_BEGINS = "[secret: "
_MASK = re.compile(r"\[secret: [A-Za-z ]{2,30}\]")
_INVISIBLE = re.compile("[\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2064\ufeff]")


class Folded:
    """The text in the form that is searched."""

    def __init__(self, text: str):
        self._removed: list[int] = []  # where in the folded text something invisible stood
        if not text.isascii():
            text = _LOOKS_LIKE_ASCII.sub(_ascii, text)
            text = self._without_invisible(text)
        self.text = _MASK.sub(_placeholder, text) if _MASK_BEGINS in text else text

    @cached_property
    def lower(self) -> str:
        """In small letters, of the same length."""
        return self.text.lower()

    @cached_property
    def long_runs(self) -> list[tuple[int, int]]:
        """Where 16 or more characters stand together as they do in keys, paths and addresses."""
        return [match.span() for match in _LONG_RUN.finditer(self.text)]

    def original(self, secret: Secret) -> Secret:
        """Where the secret stands in the text as it was."""
        if not self._removed:
            return secret
        return secret._replace(start=self._place(secret.start), end=self._place(secret.end - 1) + 1)

    def _place(self, index: int) -> int:
        return index + bisect_right(self._removed, index)

    def _without_invisible(self, text: str) -> str:
        pieces = _INVISIBLE.split(text)
        length = 0
        for piece in pieces[:-1]:
            length += len(piece)
            self._removed.append(length)
        return "".join(pieces)


def _placeholder(mask: re.Match[str]) -> str:
    """What is one everywhere, as the words of a mask are no label of what follows; and no part of a word beside it."""
    return f"[{'x' * (len(mask.group()) - 2)}]"


def _ascii(match: re.Match[str]) -> str:
    character = match.group()
    if "\uff01" <= character <= "\uff5e":
        return chr(ord(character) - 0xFEE0)
    if character == "\u0130":
        return "I"
    if character.isspace():
        return " "
    digit = unicodedata.decimal(character, None)
    return "-" if digit is None else str(digit)
