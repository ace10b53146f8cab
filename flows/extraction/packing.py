"""What one extraction call asks about: the excerpts of a few chunks, packed together or cut in half."""

from collections.abc import Container, Iterable, Iterator
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path

from flows import spool
from flows.chunks import turns
from flows.chunks.turns import Part
from flows.llm import tokens
from flows.portions import by_size
from flows.records import SpooledChunk

_SMALLEST_HALF = 200  # characters; what is still too much for a reply is no text


@dataclass(frozen=True, slots=True)
class Excerpt:
    """The text of a chunk, or a part of it."""

    chunk_key: str
    parts: list[Part]  # the title and at least one turn
    tokens: int


Pack = list[Excerpt]


def whole(chunk: SpooledChunk) -> Excerpt:
    return Excerpt(chunk.chunk_key, turns.parts(chunk), chunk.token_count)


def packs(chunks_file: Path, known: Iterable[Container[bytes]], up_to: int) -> Iterator[Pack]:
    """The chunks whose key is in none of `known`, each once, in packs of at most `up_to` tokens or of one chunk."""
    excerpts = map(whole, _unknown(chunks_file, known))
    return by_size(excerpts, lambda excerpt: excerpt.tokens, up_to)


def _unknown(chunks_file: Path, known: Iterable[Container[bytes]]) -> Iterator[SpooledChunk]:
    seen: set[bytes] = set()
    for chunk in spool.read(chunks_file, SpooledChunk):
        key = bytes.fromhex(chunk.chunk_key)
        if key not in seen and not any(key in keys for keys in known):
            seen.add(key)
            yield chunk


def halves(pack: Pack) -> tuple[Pack, Pack] | None:
    """The pack in two: its excerpts, or the text of the only one; None when that is too short to be cut.

    Both parts of a text have its title, and a message that is cut has the same speaker and day in both.
    """
    if len(pack) > 1:
        return pack[: len(pack) // 2], pack[len(pack) // 2 :]
    (excerpt,) = pack
    title, *said = turns.masked(excerpt.parts)
    if sum(len(part.text) for part in said) < 2 * _SMALLEST_HALF:
        return None
    first, second = turns.cut(said, _middle([part.text for part in said]))
    return [_part(excerpt, [title, *first])], [_part(excerpt, [title, *second])]


def _part(excerpt: Excerpt, parts: list[Part]) -> Excerpt:
    return Excerpt(excerpt.chunk_key, parts, sum(tokens.estimate(part.text) for part in parts))


def _middle(texts: list[str]) -> int:
    """Where near the middle a message ends, else a paragraph, else a line, else a word; else the middle itself."""
    text = "".join(texts)
    middle = len(text) // 2
    first, last = middle // 2, middle + middle // 2
    ends = [end for end in accumulate(map(len, texts)) if first < end < last]
    for mark in ("\n\n", "\n", " "):
        if ends:
            break
        found = text.rfind(mark, first, middle), text.find(mark, middle, last)
        ends = [position + len(mark) for position in found if position >= 0]
    return min(ends, key=lambda end: abs(end - middle), default=middle)
