"""Whether the person's own words say a fact, or the notes that an assistant keeps about them.

A model that tells what nobody said, or what the assistant said, is not believed: a fact quotes the words that say it,
and what stands in no message of the person's own is dropped. Notes are the exception, because the person sees and
corrects them where they are kept: a fact that no message of their own says, and a note does, is `noted`.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import regex

from flows import masking
from flows.chunks.turns import Part
from flows.memory import wording
from flows.memory.fingerprint import folded
from flows.memory.names import lacks, names
from flows.memory.quantities import calendar_names, numbers
from flows.memory.words import plain

QUOTE_CHARACTERS = 500  # at most; more is a copy of the message

#: How much of a fact its quote has to hold: of 229 labelled facts (tests/eval) all hold as much of theirs, and two of
#: those of another fact in the same language.
_LEAST_SHARED = 0.35

#: Who can say a fact: the person, and the assistant in the notes that it keeps about them.
_OWN = ("user", "instructions", "notes")
_NOTES = "notes"
_AROUND_QUOTE = " \"'.,;:!?…。、！？()[]"
_UNSPACED = regex.compile(rf"[{wording.UNSPACED}]")


@dataclass(frozen=True, slots=True)
class Claim:
    """A fact as a model tells it."""

    text: str
    quote: str
    subject: str | None = None
    language: str = "en"
    dates: tuple[str | None, ...] = ()


class OwnWords:
    """What the person says in one excerpt, as the model was given it."""

    def __init__(self, parts: Iterable[Part]):
        own = sorted((part for part in parts if part.name in _OWN), key=lambda part: part.name == _NOTES)
        self._turns = [(part, folded(masking.mask(part.text))) for part in own]
        self._all = "\n".join(text for _, text in self._turns)

    def turn_that_says(self, claim: Claim) -> Part | None:
        """The first turn that holds the quote, if that holds the fact's names, numbers and much of its words.

        The names of the subject need only be somewhere among the person's words.
        """
        quote = folded(claim.quote).strip(_AROUND_QUOTE)
        if not quote or len(quote) > QUOTE_CHARACTERS or not self._knows(claim) or not _says(quote, claim):
            return None
        return next((part for part, said in self._turns if _holds(said, quote)), None)

    def _knows(self, claim: Claim) -> bool:
        if claim.subject is None:
            return True
        own = names(f"x {claim.subject}", claim.language)
        known = folded(claim.subject) in self._all or wording.share(claim.subject, self._all) >= _LEAST_SHARED
        return known and not lacks(self._all, own, claim.language)


def _says(quote: str, claim: Claim) -> bool:
    """What can be worked out from when it was said, the parts of the fact's dates, need not be in the quote."""
    said = f"{quote} {claim.subject or ''}"
    counted = {part for date in claim.dates for part in _parts_of(date)}
    months = set() if counted else calendar_names(claim.text) - calendar_names(said)
    return (
        not months
        and _numbers(claim.text, claim) <= _numbers(said, claim) | counted
        and not lacks(said, names(claim.text, claim.language), claim.language)
        and wording.share(claim.text, said) >= _LEAST_SHARED
    )


def _numbers(text: str, claim: Claim) -> set[str]:
    return {number for number, _ in numbers(plain(text), claim.language)}


def _parts_of(date: str | None) -> set[str]:
    """A date and its parts as numbers in a text."""
    if not date:
        return set()
    parts = date.split("-")
    return {date, *parts, *(str(int(part)) for part in parts)}


def _holds(text: str, quote: str) -> bool:
    """Whether the quote stands in the text, from the beginning of a word to the end of one."""
    start = text.find(quote)
    while start >= 0:
        if not _within_word(text, start) and not _within_word(text, start + len(quote)):
            return True
        start = text.find(quote, start + 1)
    return False


def _within_word(text: str, at: int) -> bool:
    around = text[max(at - 1, 0) : at + 1]
    return len(around) == 2 and at > 0 and around.isalnum() and not _UNSPACED.search(around)
