"""How much of what is rare two facts share, for those pairs of many facts that can be near each other.

A fact is known here by its rank in the order of its rarest stems, so that those beside each other are alike.
"""

from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from heapq import nlargest
from itertools import chain, combinations
from math import sqrt
from typing import NamedTuple, TypeVar
from zlib import crc32

from flows.memory.stems import stems

#: With how many facts one is compared for each of its stems: all that have it, or so many before and after it. For
#: what is too frequent by itself, also those that have two such stems.
_COMPARED = 32
_BESIDE = 3
_JOINT = 3  # the rarest of the frequent stems that are taken by twos
_STEMS = 24  # of a fact, the rarest: what hostile text can cost
_PROMISING = 12  # facts of those compared with one that are measured
_NEAREST = 3  # of those, that one may be joined with
_LEVELS = 32  # of likeness: what is nearly as like counts as like, or each new fact would change the order
_ALIKE = 4  # of these levels, below which facts have nothing to do with each other
_NEARLY_BEST = 0.6  # of a fact's best, below which a likeness counts no more
_FEW = 512  # facts: among fewer, what nearly all of them hold still counts for something
_SLOTS_OF_FILTER = 1 << 22

_Key = TypeVar("_Key", str, int)


class Pair(NamedTuple):
    """Two positions in the list of texts; pairs sort by how alike they are, the most alike first."""

    unlike: int
    first: int
    second: int


class Likeness:
    def __init__(self, texts: Iterable[str]):
        found = [stems(text) for text in texts]
        self._weights = _weights(found)
        by_rarity = [self._by_rarity(of_fact) for of_fact in found]
        del found
        self._positions = sorted(range(len(by_rarity)), key=lambda position: (by_rarity[position], position))
        self._stems = [by_rarity[position] for position in self._positions]
        self._lengths = [sqrt(sum(map(self._weights.__getitem__, of_fact))) or 1 for of_fact in self._stems]
        self._having = _ranks(self._stems)
        self._joint = _without_single([self._joint_stems(of_fact) for of_fact in self._stems])
        self._having_joint = _ranks(self._joint)

    def pairs(self) -> list[Pair]:
        """Those of which each is among the other's nearest, and neither has one that is far nearer."""
        nearest = [self._nearest(rank) for rank in range(len(self._stems))]
        best = [max(near.values(), default=0) for near in nearest]
        return sorted(
            Pair(_LEVELS - level, *sorted((self._positions[rank], self._positions[other])))
            for rank, near in enumerate(nearest)
            for other, level in near.items()
            if rank < other and rank in nearest[other] and level >= _NEARLY_BEST * max(best[rank], best[other])
        )

    def _by_rarity(self, of_fact: set[str]) -> tuple[str, ...]:
        weights = self._weights
        return tuple(sorted(of_fact & weights.keys(), key=lambda stem: (-weights[stem], stem))[:_STEMS])

    def _joint_stems(self, of_fact: tuple[str, ...]) -> list[int]:
        frequent = [stem for stem in of_fact if len(self._having[stem]) > _COMPARED][:_JOINT]
        return [crc32(second.encode(), crc32(first.encode())) for first, second in combinations(sorted(frequent), 2)]

    def _nearest(self, rank: int) -> dict[int, int]:
        """Ranks of the facts most like it, and their level of likeness."""
        own = frozenset(self._stems[rank])
        alike = ((self._level(rank, own, other), -self._positions[other], other) for other in self._promising(rank))
        return {other: level for level, _, other in nlargest(_NEAREST, alike) if level >= _ALIKE}

    def _promising(self, rank: int) -> list[int]:
        shared: defaultdict[int, int] = defaultdict(int)
        for stem in self._stems[rank]:
            weight = self._weights[stem]
            for other in _beside(rank, self._having[stem]):
                shared[other] += weight
        for joint in self._joint[rank]:
            for other in _beside(rank, self._having_joint[joint]):
                shared[other] += 1
        shared.pop(rank, None)
        return nlargest(_PROMISING, shared, key=shared.__getitem__)

    def _level(self, rank: int, own: frozenset[str], other: int) -> int:
        """The cosine of what they hold, each stem by its weight."""
        common = sum(map(self._weights.__getitem__, own.intersection(self._stems[other])))
        return int(_LEVELS * common / (self._lengths[rank] * self._lengths[other]) + 1e-9)


def _weights(found: list[set[str]]) -> dict[str, int]:
    """How rare each stem is, in powers of two, so that few change with a new fact; nothing for what nearly all have.

    Squared, as in the cosine of tf-idf: else a sentence's frame of frequent words outweighs what it is about.
    """
    most = max(len(found), _FEW).bit_length()
    counts = Counter(chain.from_iterable(found))
    return {stem: (most - count.bit_length()) ** 2 for stem, count in counts.items() if count.bit_length() < most}


def _ranks(of_facts: Sequence[Sequence[_Key]]) -> dict[_Key, list[int]]:
    having: defaultdict[_Key, list[int]] = defaultdict(list)
    for rank, keys in enumerate(of_facts):
        for key in keys:
            having[key].append(rank)
    return having


def _beside(rank: int, having: list[int]) -> list[int]:
    if len(having) <= _COMPARED:
        return having
    place = bisect_left(having, rank)
    return having[max(0, place - _BESIDE) : place + _BESIDE + 1]


def _without_single(of_facts: list[list[int]]) -> list[list[int]]:
    """Most pairs of stems are in one fact only; a filter of bytes leaves them out before they cost a list each."""
    seen = bytearray(_SLOTS_OF_FILTER)
    for joint in chain.from_iterable(of_facts):
        slot = joint % _SLOTS_OF_FILTER
        seen[slot] = min(seen[slot] + 1, 2)
    return [[joint for joint in joints if seen[joint % _SLOTS_OF_FILTER] > 1] for joints in of_facts]
