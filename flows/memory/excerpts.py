"""What the person says in the conversations that show most of them: the beginning, the middle and the end of each.

The richest are those with the most words of their own, taken in turn from all years, two of the last for one of each
before, so that neither one long talk nor one busy year is all that is seen.
"""

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from uuid import UUID

from flows.chunks import turns
from flows.chunks.turns import Part
from flows.llm import tokens
from flows.store.client import current_store

RICHEST = 200  # conversations
_READ_AT_ONCE = 20  # conversations
_OF_LAST_YEAR = 2  # for one of each year before
_YEAR = len("2024")
_OWN = ("user", "instructions")
_HEAD_TOKENS = 12  # of the line above a conversation, and of a gap


@dataclass(slots=True)
class Talk:
    """A conversation, as far as choosing goes."""

    conversation_id: str
    own_tokens: int = 0
    last_position: int = 0
    year: str = ""  # "": unknown

    def positions(self) -> list[int]:
        """Of its first chunk, one in the middle and the last one."""
        return sorted({0, self.last_position // 2, self.last_position})


async def excerpts(user_id: UUID, room_tokens: int) -> list[Part]:
    """The person's own words, masked, of all their imports; about as many tokens as there is room for."""
    chosen = richest(await _talks(user_id))
    room = max(room_tokens - _HEAD_TOKENS * len(chosen), 0)
    shares = list(_shares([talk.own_tokens for talk in chosen], room))
    found: list[Part] = []
    for start in range(0, len(chosen), _READ_AT_ONCE):
        own = await _read(user_id, chosen[start : start + _READ_AT_ONCE])
        for number, (said, share) in enumerate(zip(own, shares[start:], strict=False), start + 1):
            if kept := _within(said, share):
                found += [Part("conversation", str(number)), *kept]
    return found


async def _read(user_id: UUID, talks: list[Talk]) -> list[list[Part]]:
    """Of each conversation what the person says in it, but for what they have taken back (see MemoryTable.untold)."""
    own = await asyncio.gather(*(_said(user_id, talk) for talk in talks))
    said = {(talk.conversation_id, part.message) for talk, parts in zip(talks, own, strict=True) for part in parts}
    untold = await current_store().memory.untold(user_id, sorted(said))
    return [
        [part for part in parts if (talk.conversation_id, part.message) not in untold]
        for talk, parts in zip(talks, own, strict=True)
    ]


async def _talks(user_id: UUID) -> list[Talk]:
    """Chunk by chunk, so that memory holds some numbers of each conversation and one page of texts."""
    talks: dict[str, Talk] = {}
    async for chunk in current_store().chunks.texts(user_id):
        if own := _tokens(_own(turns.parts(chunk))):
            talk = talks.setdefault(chunk.conversation_id, Talk(chunk.conversation_id))
            talk.own_tokens += own
            talk.last_position = max(talk.last_position, chunk.position)
            talk.year = max(talk.year, (chunk.created_at or "")[:_YEAR])
    return list(talks.values())


def richest(talks: Iterable[Talk], count: int | None = None) -> list[Talk]:
    """The last year's first; those of a year by the person's own words."""
    of_year: defaultdict[str, list[Talk]] = defaultdict(list)
    for talk in sorted(talks, key=lambda talk: (talk.own_tokens, talk.conversation_id)):
        of_year[talk.year].append(talk)
    years = sorted(of_year, reverse=True)
    chosen: list[Talk] = []
    while any(of_year.values()):
        for year in years:
            taken = _OF_LAST_YEAR if year == years[0] else 1
            chosen += [of_year[year].pop() for _ in range(min(taken, len(of_year[year])))]
    return chosen[: RICHEST if count is None else count]


def _shares(sizes: list[int], room: int) -> Iterator[int]:
    """Of the room, all equally; what a short one leaves is the others'."""
    left, level = room, 0
    for done, size in enumerate(sorted(sizes)):
        level = left // (len(sizes) - done)
        if size > level:
            break
        left -= size
    else:
        level = max(sizes, default=0)
    yield from (min(size, level) for size in sizes)


async def _said(user_id: UUID, talk: Talk) -> list[Part]:
    chunks = await current_store().chunks.at(user_id, talk.conversation_id, talk.positions())
    return [part for chunk in chunks for part in _own(turns.masked(turns.parts(chunk)))]


def _within(own: list[Part], room: int) -> list[Part]:
    count = _tokens(own)
    if count <= room:
        return own
    each = sum(len(part.text) for part in own) * room // count // 3
    while each > 0:
        kept = _ends_and_middle(own, each)
        if (count := _tokens(kept)) <= room:
            return kept
        each = min(each * room // count, each - 1)  # texts differ in how many tokens a character is
    return []


def _ends_and_middle(own: list[Part], each: int) -> list[Part]:
    """So many characters of the beginning, of the middle and of the end."""
    characters = sum(len(part.text) for part in own)
    beginning, rest = turns.cut(own, each)
    middle = turns.cut(turns.cut(rest, (characters - 3 * each) // 2)[1], each)[0]
    end = turns.cut(own, characters - each)[1]
    gap = [Part("conversation", "…")]
    return [*beginning, *gap, *middle, *gap, *end]


def _own(parts: Iterable[Part]) -> list[Part]:
    return [part for part in parts if part.name in _OWN]


def _tokens(parts: list[Part]) -> int:
    return turns.tag_tokens(parts) + sum(tokens.estimate(part.text) for part in parts)
