"""Cutting a conversation into chunks of about 2,000 tokens that overlap by about 200.

A chunk reads

    # Title of the conversation
    Date: 2024-05-01

    User: what the person said

    Assistant: the answer

It ends between two messages where that wastes little of it. A message that does not fit is cut after a paragraph, else
a sentence, else a word, else between two characters as the reader sees them, and each part repeats who speaks. No text
is left out: the spans of a conversation's chunks, the overlap counted once, are its messages from end to end. Beside
the content stands where its turns begin (`turns`), because a message can hold such labels, too; when each was said,
because the date is only that of the last; and what is in it of secrets that its ends have cut in two: of the halves
alone nobody could say what they are.
"""

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

import regex

from flows import masking
from flows.chunks import turns
from flows.exports.conversations import Conversation, Message, Speaker
from flows.llm import tokens
from flows.masking import Secret

CHUNK_TOKENS = 2_000  # at most, with the header and the speakers
OVERLAP_TOKENS = 200  # at most
#: Characters of a title in the header and in the row; a longer one is also the first text of the conversation.
TITLE_CHARACTERS = 150
_ID_CHARACTERS = 200

# Units are what chunks are packed from: at most as large as the overlap, so that the overlap is whole units.
_UNIT_TOKENS = OVERLAP_TOKENS
_UNIT_CHARACTERS = _UNIT_TOKENS * 4
_SPEAKER_TOKENS = 8  # "\n\nInstructions: "
_FULL_ENOUGH = 0.75  # a chunk that holds this much ends before a message that does not fit rather than within it

_ANY_DAY = datetime(2000, 1, 1)

# Each matches up to the last of its kind.
_PARAGRAPH_END = re.compile(r"(?s:.*)\n\s*\n")
_SENTENCE_END = re.compile(r"""(?s:.*)(?:[.!?…]["'”’)\]]*\s+|[。！？]["'”’」』）]*|\n)""")
_WORD_END = re.compile(r"(?s:.*)\s")
_CHARACTER = regex.compile(r"\X")  # an extended grapheme cluster, Unicode Annex 29
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")  # Postgres rejects NUL, UTF-8 has no lone surrogates


class Span(NamedTuple):
    """A part of a message: characters `start` to `end` of message number `message`, from 0."""

    message: int
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Chunk:
    key: str  # 32 hex digits; the same conversation with the same text always gives the same keys
    conversation_id: str
    title: str
    position: int  # of the chunk within the conversation, from 0
    content: str
    turns: list[int]  # at which characters of the content a speaker's label begins
    times: list[datetime | None]  # of each turn, UTC, as the export has it
    cut_secrets: list[tuple[int, int, str]]  # first character in the content, end, kind
    token_count: int
    spans: list[Span]  # what of the messages it holds, in order
    at: datetime | None  # of its last message that has a time, UTC

    @property
    def message_count(self) -> int:
        return len({span.message for span in self.spans})


class _Unit(NamedTuple):
    number: int
    message: Message
    text: str  # of the whole message, storable
    start: int
    end: int
    tokens: int


def messages(conversation: Conversation) -> Iterator[Message]:
    """What is cut: the messages, and before them a title that is too long for the header."""
    if len(conversation.title) > TITLE_CHARACTERS:
        yield Message(Speaker.TITLE, conversation.title, None)
    yield from conversation.messages


def cut(conversation: Conversation) -> Iterator[Chunk]:
    """The chunks of one conversation, in order."""
    title = _short_title(_storable(conversation.title))
    cut_in_title = _cut_in_title(_storable(conversation.title))
    secrets = _SecretsOfMessages()
    identity = short_identity(_storable(conversation.id))
    fallback = conversation.updated_at or conversation.created_at
    occurrences: dict[bytes, int] = {}
    for position, units in enumerate(_packed(conversation)):
        at = max((unit.message.at for unit in units if unit.message.at), default=fallback)
        spans = _spans(units)
        by_number = {unit.number: unit for unit in units}
        content, begins = _render(title, at, spans, by_number)
        # The same text can stand twice in a conversation; the second one is still a chunk of its own.
        digest = hashlib.sha256(content.encode()).digest()
        occurrence = occurrences[digest] = occurrences.get(digest, -1) + 1
        yield Chunk(
            key=hashlib.sha256(f"{identity}\n{occurrence}\n".encode() + digest).hexdigest()[:32],
            conversation_id=identity,
            title=title,
            position=position,
            content=content,
            turns=begins,
            times=[by_number[span.message].message.at for span in spans],
            cut_secrets=[*cut_in_title, *secrets.cut(spans, begins, by_number)],
            token_count=tokens.estimate(content),
            spans=spans,
            at=at,
        )


def split(text: str) -> Iterator[tuple[int, int, int]]:
    """(start, end, tokens) of parts of at most 200 tokens that follow each other from the start to the end of `text`.

    Only a single character as the reader sees it (with its combining marks) can be larger, and is cut at 800.
    """
    start = 0
    while start < len(text):
        end, size = _end_of_unit(text, start)
        yield start, end, size
        start = end


def _end_of_unit(text: str, start: int) -> tuple[int, int]:
    end = min(start + _UNIT_CHARACTERS, len(text))
    while (size := tokens.estimate(text[start:end])) > _UNIT_TOKENS and end - start > 1:
        end = start + max(1, (end - start) * _UNIT_TOKENS // (size + 1))
    if end == len(text):
        return end, size
    end = _boundary(text, start, end)
    return end, tokens.estimate(text[start:end])


def _boundary(text: str, start: int, latest: int) -> int:
    # A paragraph's end is worth a shorter unit, but not a tiny one; a sentence is kept whole wherever that is possible.
    for pattern, least in ((_PARAGRAPH_END, (latest - start) // 2), (_SENTENCE_END, 0), (_WORD_END, 0)):
        found = pattern.match(text, start, latest)
        if found and found.end() - start > least and not _within_character(text, found.end()):
            return found.end()
    # Some more than the window, so that the last character found is not cut short by its end.
    ends = [match.end() for match in _CHARACTER.finditer(text, start, min(latest + 50, len(text)))]
    return max((end for end in ends if end <= latest), default=latest)


def _within_character(text: str, position: int) -> bool:
    """Whether a mark at `position` belongs to the character before it."""
    if text[position : position + 1].isascii():
        return False
    character = _CHARACTER.match(text, position - 1)
    return character is not None and character.end() > position


def _packed(conversation: Conversation) -> Iterator[list[_Unit]]:
    limit = CHUNK_TOKENS - tokens.estimate(_header(_short_title(_storable(conversation.title)), _ANY_DAY))
    chunk: list[_Unit] = []
    size = fresh = 0  # fresh: how many units are not the overlap with the chunk before
    for number, message in enumerate(messages(conversation)):
        text = _storable(message.text)
        units = [_Unit(number, message, text, *part) for part in split(text)]
        ends_before = size + _SPEAKER_TOKENS + sum(unit.tokens for unit in units) > limit and size > (
            limit * _FULL_ENOUGH
        )
        for unit in units:
            cost = unit.tokens + (_SPEAKER_TOKENS if unit.start == 0 else 0)
            if fresh and (size + cost > limit or (ends_before and unit.start == 0)):
                yield chunk
                chunk = _overlap(chunk)
                size = sum(kept.tokens for kept in chunk) + _SPEAKER_TOKENS * (1 + len({k.number for k in chunk}))
                fresh = 0
            chunk.append(unit)
            size += cost
            fresh += 1
    if fresh:
        yield chunk


def _overlap(chunk: list[_Unit]) -> list[_Unit]:
    kept: list[_Unit] = []
    size = 0
    for unit in reversed(chunk):
        size += unit.tokens + (_SPEAKER_TOKENS if not kept or unit.number != kept[-1].number else 0)
        if size > OVERLAP_TOKENS + _SPEAKER_TOKENS:
            break
        kept.append(unit)
    kept.reverse()
    return kept


def _spans(units: list[_Unit]) -> list[Span]:
    spans: list[Span] = []
    for unit in units:
        if spans and spans[-1].message == unit.number:
            spans[-1] = Span(unit.number, spans[-1].start, unit.end)
        else:
            spans.append(Span(unit.number, unit.start, unit.end))
    return spans


def _render(title: str, at: datetime | None, spans: list[Span], units: dict[int, _Unit]) -> tuple[str, list[int]]:
    said = ((units[number].message.speaker, units[number].text[start:end]) for number, start, end in spans)
    return turns.joined(_header(title, at), said)


class _SecretsOfMessages:
    """Of one conversation: looked for once in each message that a chunk holds a part of."""

    def __init__(self) -> None:
        self._number = -1
        self._secrets: list[Secret] = []

    def cut(self, spans: list[Span], begins: list[int], units: dict[int, _Unit]) -> Iterator[tuple[int, int, str]]:
        """What the spans hold of secrets that go on before or after them, by its place in the content."""
        for span, begin in zip(spans, begins, strict=True):
            message = units[span.message]
            if span.end - span.start < len(message.text):
                offset = begin + len(f"{message.message.speaker}: ") - span.start
                for first, last, kind in _crossing(self._of(message), span.start, span.end):
                    yield first + offset, last + offset, kind

    def _of(self, unit: _Unit) -> list[Secret]:
        if unit.number != self._number:
            self._number, self._secrets = unit.number, masking.find(unit.text)
        return self._secrets


def _crossing(secrets: list[Secret], start: int, end: int) -> Iterator[Secret]:
    """The parts between `start` and `end` of what goes on outside."""
    for first, last, kind in secrets:
        if first < start < last or first < end < last:
            yield Secret(max(first, start), min(last, end), kind)


def _cut_in_title(title: str) -> list[tuple[int, int, str]]:
    title = " ".join(title.split())
    if len(title) <= TITLE_CHARACTERS:
        return []
    mark = len("# ")
    return [
        (first + mark, last + mark, kind)
        for first, last, kind in _crossing(masking.find(title), 0, TITLE_CHARACTERS - 1)
    ]


def _header(title: str, at: datetime | None) -> str:
    return f"# {title or 'Untitled'}\n" + (f"Date: {at.date()}\n" if at else "")


def _short_title(title: str) -> str:
    title = " ".join(title.split())
    return title if len(title) <= TITLE_CHARACTERS else f"{title[: TITLE_CHARACTERS - 1]}…"


def short_identity(identity: str) -> str:
    """The id as rows have it."""
    return identity if len(identity) <= _ID_CHARACTERS else hashlib.sha256(identity.encode()).hexdigest()


def _storable(text: str) -> str:
    return text if text.isascii() and "\x00" not in text else _UNSTORABLE.sub("\ufffd", text)
