"""Cutting a conversation into chunks of about 2,000 tokens that overlap by about 200.

A chunk reads

    # Title of the conversation
    Date: 2024-05-01

    User: what the person said

    Assistant: the answer

Messages are kept whole where they fit; a longer one is cut after a paragraph, else a sentence, else a word, and each
part repeats who speaks. No text is left out.
"""

import hashlib
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from flows import tokens
from flows.conversations import Conversation, Speaker

CHUNK_TOKENS = 2_000
OVERLAP_TOKENS = 200

# Units are what chunks are packed from: at most as large as the overlap, so that the overlap is whole units.
_UNIT_TOKENS = OVERLAP_TOKENS
_UNIT_CHARACTERS = _UNIT_TOKENS * 4
_PARAGRAPH_END = re.compile(r"\n\s*\n")
_SENTENCE_END = re.compile(r"""[.!?…]["'”’)\]]*\s+|[。！？]["'”’」』）]*|\n""")
_WORD_END = re.compile(r"\s+")
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")  # Postgres rejects NUL, UTF-8 has no lone surrogates


@dataclass(frozen=True, slots=True)
class Chunk:
    key: str  # 32 hex digits; the same conversation with the same text always gives the same keys
    conversation_id: str
    title: str
    content: str
    token_count: int
    message_count: int
    at: datetime | None  # of its last message, UTC


@dataclass(frozen=True, slots=True)
class _Unit:
    message: int
    speaker: Speaker
    text: str
    tokens: int
    at: datetime | None


def chunks(conversation: Conversation) -> Iterator[Chunk]:
    """The chunks of one conversation, in order."""
    title = _storable(conversation.title).strip()
    fallback = conversation.updated_at or conversation.created_at
    occurrences: dict[str, int] = {}
    for units in _packed(_units(conversation)):
        at = max((unit.at for unit in units if unit.at), default=fallback)
        content = _render(title, at, units)
        # The same text can stand twice in a conversation; the second one is still a chunk of its own.
        occurrence = occurrences[content] = occurrences.get(content, -1) + 1
        yield Chunk(
            key=_key(conversation.id, content, occurrence),
            conversation_id=_storable(conversation.id),
            title=title,
            content=content,
            token_count=tokens.estimate(content),
            message_count=len({unit.message for unit in units}),
            at=at,
        )


def _units(conversation: Conversation) -> Iterator[_Unit]:
    for number, message in enumerate(conversation.messages):
        for text in split(_storable(message.text)):
            yield _Unit(number, message.speaker, text, tokens.estimate(text), message.at)


def split(text: str) -> Iterator[str]:
    """Parts of at most about 200 tokens that, joined, are `text` again."""
    start = 0
    while start < len(text):
        end = _end_of_unit(text, start)
        yield text[start:end]
        start = end


def _end_of_unit(text: str, start: int) -> int:
    size = _UNIT_CHARACTERS
    window = text[start : start + size]
    while len(window) > 1 and tokens.estimate(window) > _UNIT_TOKENS + 1:
        window = window[: max(1, len(window) * _UNIT_TOKENS // tokens.estimate(window))]
    if start + len(window) >= len(text):
        return len(text)
    # A paragraph's end is worth a shorter unit, but not a tiny one; a sentence is kept whole wherever that is possible.
    for boundary, least in ((_PARAGRAPH_END, len(window) // 2), (_SENTENCE_END, 0), (_WORD_END, 0)):
        end = max((match.end() for match in boundary.finditer(window)), default=0)
        if end > least:
            return start + end
    end = start + len(window)
    while end - start > 1 and _joins(text, end):
        end -= 1
    return end if end - start > 1 else start + len(window)


def _joins(text: str, position: int) -> bool:
    """Whether the characters around `position` are one for the reader: combining marks, emoji of several parts."""
    after, before = text[position], text[position - 1]
    return (
        bool(unicodedata.combining(after))
        or after in "\u200d\ufe0e\ufe0f"
        or before == "\u200d"
        or ("\U0001f3fb" <= after <= "\U0001f3ff")
    )


def _packed(units: Iterator[_Unit]) -> Iterator[list[_Unit]]:
    chunk: list[_Unit] = []
    size = fresh = 0  # fresh: how many units are not the overlap with the chunk before
    for unit in units:
        if fresh and size + unit.tokens > CHUNK_TOKENS:
            yield chunk
            chunk = _overlap(chunk)
            size, fresh = sum(kept.tokens for kept in chunk), 0
        chunk.append(unit)
        size += unit.tokens
        fresh += 1
    if fresh:
        yield chunk


def _overlap(chunk: list[_Unit]) -> list[_Unit]:
    kept: list[_Unit] = []
    size = 0
    for unit in reversed(chunk):
        size += unit.tokens
        if size > OVERLAP_TOKENS:
            break
        kept.append(unit)
    kept.reverse()
    return kept


def _render(title: str, at: datetime | None, units: list[_Unit]) -> str:
    lines = [f"# {title or 'Untitled'}\n"]
    if at:
        lines.append(f"Date: {at:%Y-%m-%d}\n")
    message = None
    for unit in units:
        if unit.message != message:
            message = unit.message
            lines.append(f"\n\n{unit.speaker}: " if len(lines) > 2 else f"\n{unit.speaker}: ")
        lines.append(unit.text)
    return "".join(lines)


def _key(conversation_id: str, content: str, occurrence: int) -> str:
    identity = f"{conversation_id}\n{occurrence}\n{content}"
    return hashlib.sha256(identity.encode("utf-8", "replace")).hexdigest()[:32]


def _storable(text: str) -> str:
    return _UNSTORABLE.sub("\ufffd", text)
