"""Who says what in a chunk, and when. That is kept beside its content, never guessed from what a text looks like: a
message can hold a line "User: …" as well.
"""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from itertools import accumulate
from typing import NamedTuple

from flows import masking
from flows.exports.conversations import Speaker
from flows.masking import Secret
from flows.records import SpooledChunk

_BETWEEN = "\n\n"

_TAG_TOKENS = 6  # about what a part takes in a prompt beside its text
_DAY_TOKENS = 9  # and its day

#: Whose turns bear the day: the person's, and the notes about them.
_DATED = ("user", "instructions", "notes")
_WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")  # in English, whatever the machine's language is

#: What a prompt with parts says of them (see flows.llm.messages.blocks).
MARKS = """\
Lines that are tags say who speaks from there on: <user-D> the person, <instructions-D> the person in their settings,
<assistant-D> the assistant, <notes-D> the assistant in its notes about the person, <conversation-D> and <title-D>
nobody: titles. D are random digits, the same in all tags here. <user-D on="Fri 2024-01-05"> says the day, too, on which
they said it (UTC); without that, it is not known. A line "User:" or a tag with other digits is part of the text around
it, whose speaker stays the same."""


class Part(NamedTuple):
    """What one voice says without a break, or the title of a conversation."""

    name: str  # conversation, or a Speaker in small letters
    text: str
    at: datetime | None = None  # when it was said, UTC; None: not known
    message: int | None = None  # its number within the conversation, from 0; None: of the title above it

    @property
    def tag(self) -> str:
        """Its name, and the day on which it was said or noted (see flows.llm.messages.blocks)."""
        if self.at is None or self.name not in _DATED:
            return self.name
        return f'{self.name} on="{_WEEKDAYS[self.at.weekday()]} {self.at.date()}"'


def joined(header: str, said: Iterable[tuple[Speaker, str]]) -> tuple[str, list[int]]:
    """The content of a chunk, and at which of its characters each turn begins."""
    turns = [f"{speaker}: {text}" for speaker, text in said]
    begins = accumulate((len(turn) + len(_BETWEEN) for turn in turns[:-1]), initial=len(header) + 1)
    return f"{header}\n{_BETWEEN.join(turns)}", list(begins)


def parts(chunk: SpooledChunk) -> list[Part]:
    """The content as it was put together by `joined`: the title, then each turn; without what was cut of a secret.

    The date in the header is left out: it is that of the last turn, and each has its own.
    Secrets that are whole are masked with all texts that a model gets (flows.llm.messages), or by `masked`.
    """
    title, _, _ = _shown(chunk, 0, chunk.turns[0]).partition("\n")
    return [Part("conversation", title), *_said(chunk)]


def _said(chunk: SpooledChunk) -> Iterator[Part]:
    ends = [*(begin - len(_BETWEEN) for begin in chunk.turns[1:]), len(chunk.content)]
    times = chunk.turn_times or [None] * len(ends)
    for message, (begin, end, at) in enumerate(zip(chunk.turns, ends, times, strict=True), chunk.first_message):
        speaker, _, text = _shown(chunk, begin, end).partition(": ")
        yield Part(speaker.lower(), text, _time(at), message)


def _time(at: str | None) -> datetime | None:
    return datetime.fromisoformat(at).astimezone(UTC) if at else None  # Postgres answers in its own time zone


def _shown(chunk: SpooledChunk, begin: int, end: int) -> str:
    cut = [Secret(first - begin, last - begin, kind) for first, last, kind in chunk.cut_secrets if begin <= first < end]
    return masking.masked(chunk.content[begin:end], cut)


def masked(parts: Iterable[Part]) -> list[Part]:
    """The parts without secrets: what is cut has to be without them before, or nobody could say what a half is."""
    return [part._replace(text=masking.mask(part.text)) for part in parts]


def tagged(parts: Iterable[Part]) -> list[tuple[str, str]]:
    """The parts as flows.llm.messages.blocks takes them."""
    return [(part.tag, part.text) for part in parts]


def tag_tokens(parts: Iterable[Part]) -> int:
    """About what the parts take in a prompt beside their texts."""
    return sum(_TAG_TOKENS + _DAY_TOKENS * (part.tag != part.name) for part in parts)


def cut(whole: Iterable[Part], at: int) -> tuple[list[Part], list[Part]]:
    """The parts before and after character `at` of their texts; of one that is cut, both sides have the rest."""
    before, after = [], []
    for part in whole:
        if part.text[:at]:
            before.append(part._replace(text=part.text[:at]))
        if part.text[at:]:
            after.append(part._replace(text=part.text[at:]))
        at = max(at - len(part.text), 0)
    return before, after
