"""Statements that say the same in other words become one, and of those that cannot both hold the newer one holds.

A model decides about clusters of candidates (`decisions`). It is not the last word: `guards` forbids what cannot be.
"""

import asyncio
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from uuid import UUID

from flows.memory import candidates, decisions, grouping, guards
from flows.memory.decisions import Cluster, Decision
from flows.memory.statements import Said, Statement
from flows.settings import ModelSettings

_ROUNDS = 3  # clusters are small: what is one may lie in several of them, and meets in the next round


@dataclass
class Merged:
    """Statements that say different things."""

    said: dict[bytes, Said]  # by the keys of their statements
    replaced: list[tuple[bytes, bytes]] = field(default_factory=list)  # (older, newer)
    clusters: int = 0
    asked: int = 0  # of them
    undecided: int = 0  # of those, about which the model gave no answer that counts
    _became: dict[bytes, bytes] = field(default_factory=dict)  # what is part of another → that

    def apply(self, cluster: Cluster, decision: Decision) -> None:
        """As far as the guards allow. What one has replaced does not say the same, whatever group it is in."""
        keys = [statement.key for statement in cluster.statements]
        replaced = [(keys[pair.older - 1], keys[pair.newer - 1]) for pair in decision.replaced]
        for group in decision.groups:
            for same in _may_be_one([self.said[keys[number - 1]] for number in sorted(group)], replaced):
                self._unite([self.said.pop(key) for key in same])
        self.replaced += replaced

    def _unite(self, parts: list[Said]) -> None:
        one = grouping.as_one(parts)
        key = one.statement.key
        self._became |= {part.statement.key: key for part in parts if part.statement.key != key}
        self.said[key] = one

    def successors(self) -> dict[bytes, bytes]:
        """What holds no more → what came to hold in its place, the first of several."""
        found: dict[bytes, bytes] = {}
        for older, newer in ((self._of(one), self._of(other)) for one, other in self.replaced):
            if not guards.may_replace(self.said[newer].statement, self.said[older].statement):
                continue
            if older not in found or self._order(newer) < self._order(found[older]):
                found[older] = newer
        return found

    def _order(self, key: bytes) -> tuple[str, bytes]:
        return self.said[key].statement.said_last or "", key

    def _of(self, key: bytes) -> bytes:
        while key in self._became:
            key = self._became[key]
        return key


async def merge(user_id: UUID, said: list[Said]) -> Merged:
    """Raises what `decisions.decide` raises."""
    merged = Merged({each.statement.key: each for each in said})
    asked: dict[bytes, int] = {}  # key → the number of the cluster in which it was asked about
    for _ in range(_ROUNDS):
        clusters = await asyncio.to_thread(_clusters, merged.said, asked)
        if not clusters:
            break
        decided = await decisions.decide(user_id, clusters)
        merged.clusters += len(clusters)
        merged.asked += decided.asked
        asked = {}
        for number, cluster in enumerate(clusters):
            asked |= {statement.key: number for statement in cluster.statements}
            if decision := decided.by_key.get(cluster.key):
                merged.apply(cluster, decision)
            else:
                merged.undecided += 1
    return merged


def _clusters(said: dict[bytes, Said], asked: dict[bytes, int]) -> list[Cluster]:
    """What may belong together, but for what has just been asked about in one cluster."""
    statements = [said[key].statement for key in sorted(said)]
    found = []
    for indices in candidates.clusters(statements):
        members = [statements[index] for index in indices]
        before = {asked.get(member.key) for member in members}
        if len(before) > 1 or before == {None}:
            found.append(Cluster.of(members, ModelSettings().extraction_model))
    return found


def _may_be_one(group: Iterable[Said], replaced: Collection[tuple[bytes, bytes]]) -> Iterator[list[bytes]]:
    """The keys of those that may be one, each with all others of its part."""

    def may(one: Statement, other: Statement) -> bool:
        pairs = (one.key, other.key), (other.key, one.key)
        return guards.may_be_same(one, other) and not any(pair in replaced for pair in pairs)

    parts: list[list[Said]] = []
    for said in group:
        for part in parts:
            if all(may(said.statement, other.statement) for other in part):
                part.append(said)
                break
        else:
            parts.append([said])
    yield from ([said.statement.key for said in part] for part in parts if len(part) > 1)
