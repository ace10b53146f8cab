"""Which facts are worth asking a model about: those that may say the same, contradict or replace each other.

No measure of likeness tells a fact said again from its opposite, so nothing is decided here. Facts are drawn together,
within one subject, by what they are about:

1. All facts of a subject of which few are known.
2. Facts of one slot, up to a cluster's size: Berlin, Lisbon and Porto share no word. Of a slot that holds more, those
   that are most alike, and then those said one after the other.
3. Facts that share stems, the rarer the better, the most alike first.

A cluster that is full takes no more. Nothing depends on the order of the input, and little on the other facts: how rare
a stem is counts in powers of two, and ties are broken by the keys. So a new fact leaves nearly all clusters as they
were, and what a model has said of them is not paid for again.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from itertools import pairwise

from flows.memory.likeness import Likeness
from flows.memory.statements import Statement
from flows.memory.stems import folded

LARGEST = 20


def clusters(statements: Sequence[Statement]) -> list[list[int]]:
    """Indices of statements that may have to do with each other: disjoint, 2 to 20 each, in the order of the keys."""
    order = sorted(range(len(statements)), key=lambda index: (statements[index].key, statements[index].text))
    place = {index: position for position, index in enumerate(order)}
    subjects: defaultdict[str, list[int]] = defaultdict(list)
    for index in order:
        subjects[folded(statements[index].subject or "")].append(index)
    found = [
        [indices[position] for position in cluster]
        for indices in subjects.values()
        for cluster in _of_one_subject([statements[index] for index in indices])
    ]
    return sorted(found, key=lambda cluster: place[cluster[0]])


def _of_one_subject(facts: list[Statement]) -> list[list[int]]:
    joined = _Joined(len(facts))
    if len(facts) <= LARGEST:
        joined.join_all(range(len(facts)))
        return joined.clusters()
    slots = _slots(facts)
    large = {fact: name for name, slot in slots.items() if len(slot) > LARGEST for fact in slot}
    pairs = Likeness(_about(fact) for fact in facts).pairs()
    for _, first, second in pairs:
        if first in large and large[first] == large.get(second):
            joined.join(first, second)
    for slot in slots.values():
        joined.join_all(slot)
        joined.pack(slot)
    for _, first, second in pairs:
        joined.join(first, second)
    return joined.clusters()


def _about(fact: Statement) -> str:
    """Its text, and what a slot is named after: project:Kestrel finds "Kestrel" where no slot was told."""
    return f"{fact.text} {(fact.slot or '').partition(':')[2]}"


def _slots(facts: list[Statement]) -> dict[str, list[int]]:
    """The facts of each slot, as they were said."""
    slots: defaultdict[str, list[int]] = defaultdict(list)
    for position, fact in enumerate(facts):
        if fact.slot:
            slots[folded(fact.slot)].append(position)
    for slot in slots.values():
        slot.sort(key=lambda position: (facts[position].said_first or "", position))
    return slots


class _Joined:
    """Disjoint sets of facts, none larger than a cluster."""

    def __init__(self, facts: int):
        self._parents = list(range(facts))
        self._sizes = [1] * facts

    def join(self, first: int, second: int) -> None:
        first, second = self._root(first), self._root(second)
        if first != second and self._sizes[first] + self._sizes[second] <= LARGEST:
            first, second = sorted((first, second), key=self._largest_first)
            self._parents[second] = first
            self._sizes[first] += self._sizes[second]

    def join_all(self, facts: Iterable[int]) -> None:
        for first, second in pairwise(facts):
            self.join(first, second)

    def pack(self, facts: Iterable[int]) -> None:
        """Joins what of these still fits together, so that of their sets no two would."""
        by_size: list[list[int]] = [[] for _ in range(LARGEST + 1)]
        for root in sorted({self._root(fact) for fact in facts}, key=self._largest_first):
            fitting = next((size for size in range(LARGEST - self._sizes[root], 0, -1) if by_size[size]), 0)
            if fitting:
                self.join(by_size[fitting].pop(), root)
            by_size[self._sizes[self._root(root)]].append(self._root(root))

    def clusters(self) -> list[list[int]]:
        members: defaultdict[int, list[int]] = defaultdict(list)
        for fact in range(len(self._parents)):
            members[self._root(fact)].append(fact)
        return [cluster for cluster in members.values() if len(cluster) > 1]

    def _root(self, fact: int) -> int:
        parents = self._parents
        while parents[fact] != fact:
            parents[fact] = fact = parents[parents[fact]]
        return fact

    def _largest_first(self, root: int) -> tuple[int, int]:
        return -self._sizes[root], root
