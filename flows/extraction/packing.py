"""What one extraction call asks about: the excerpts of a few chunks, packed together or cut in half."""

import re
from collections.abc import Container, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from flows import spool
from flows.exports.conversations import Speaker
from flows.llm import tokens
from flows.records import ChunkRecord

_SMALLEST_HALF = 200  # characters; what is still too much for a reply is no text
_SPEAKER = re.compile(rf"\n\n({'|'.join(Speaker)}): ")


@dataclass(frozen=True, slots=True)
class Excerpt:
    """The text of a chunk, or a part of it."""

    chunk_key: str
    text: str
    tokens: int


Pack = list[Excerpt]


def packs(chunks_file: Path, known: Iterable[Container[bytes]], up_to: int) -> Iterator[Pack]:
    """The chunks whose key is in none of `known`, each once, in packs of at most `up_to` tokens or of one chunk."""
    pack: Pack = []
    size = 0
    seen: set[bytes] = set()
    for chunk in spool.read(chunks_file, ChunkRecord):
        key = bytes.fromhex(chunk.chunk_key)
        if key in seen or any(key in keys for keys in known):
            continue
        seen.add(key)
        if pack and size + chunk.token_count > up_to:
            yield pack
            pack, size = [], 0
        pack.append(Excerpt(chunk.chunk_key, chunk.content, chunk.token_count))
        size += chunk.token_count
    if pack:
        yield pack


def halves(pack: Pack) -> tuple[Pack, Pack] | None:
    """The pack in two: its excerpts, or the text of the only one; None when that is too short to be cut."""
    if len(pack) > 1:
        return pack[: len(pack) // 2], pack[len(pack) // 2 :]
    (excerpt,) = pack
    if len(excerpt.text) < 2 * _SMALLEST_HALF:
        return None
    first, second = _cut(excerpt.text)
    return [_part(excerpt, first)], [_part(excerpt, second)]


def _part(excerpt: Excerpt, text: str) -> Excerpt:
    return Excerpt(excerpt.chunk_key, text, tokens.estimate(text))


def _break_near(middle: int, text: str) -> int:
    """Where the nearest paragraph ends, else line, else word; `middle` itself when none does in the middle half."""
    for mark in ("\n\n", "\n", " "):
        breaks = text.rfind(mark, middle // 2, middle), text.find(mark, middle, middle + middle // 2)
        if found := [position for position in breaks if position > 0]:
            return min(found, key=lambda position: abs(position - middle))
    return middle


def _cut(text: str) -> tuple[str, str]:
    """The text in two near its middle; the second part repeats the header and who speaks (see flows.chunks.cutting)."""
    at = _break_near(len(text) // 2, text)
    header = text.partition("\n\n")[0]
    rest = text[at:].lstrip("\n")
    speakers = [] if _SPEAKER.match(f"\n\n{rest}") else _SPEAKER.findall(text, 0, at)
    return text[:at], f"{header}\n\n{speakers[-1] + ': ' if speakers else ''}{rest}"
