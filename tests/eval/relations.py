"""What the question of step 5 makes of the labelled pairs, before and after the guards."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from flows.memory import decisions, guards
from flows.memory.decisions import Cluster, Decision
from tests.eval.pairs import Pair

RELATIONS = ("same", "replaces", "apart")


class Related(NamedTuple):
    """A pair, and what the model and the code make of it; none of both and unrelated changes a fact: they are apart."""

    expected: str
    told: str
    allowed: str


async def decided(labelled: Sequence[Pair], model: str) -> tuple[list[Related], int]:
    """Each pair as a cluster of its own, and about how many there was no answer that counts."""
    clusters = [Cluster.of(pair.statements(), model) for pair in labelled]
    answers: dict[str, Decision] = {}
    for question in decisions.questions(clusters):
        answers |= await decisions.ask(question)
    related = [
        _related(pair, cluster, answers[cluster.key])
        for pair, cluster in zip(labelled, clusters, strict=True)
        if cluster.key in answers
    ]
    return related, len(labelled) - len(related)


def _related(pair: Pair, cluster: Cluster, decision: Decision) -> Related:
    first, second = pair.statements()
    told = "apart"
    if len(decision.groups) == 1:
        told = "same"
    elif any(cluster.statements[each.newer - 1].key == second.key for each in decision.replaced):
        told = "replaces"
    may = {"same": guards.may_be_same(first, second), "replaces": guards.may_replace(second, first), "apart": True}
    expected = pair.relation if pair.relation in RELATIONS else "apart"
    return Related(expected, told, told if may[told] else "apart")


def figures(related: Sequence[Related]) -> dict[str, Any]:
    """`{relation: {"expected", "told", "told_right", "allowed", "allowed_right"}}`."""
    return {
        name: {
            "expected": sum(each.expected == name for each in related),
            "told": sum(each.told == name for each in related),
            "told_right": sum(each.told == each.expected == name for each in related),
            "allowed": sum(each.allowed == name for each in related),
            "allowed_right": sum(each.allowed == each.expected == name for each in related),
        }
        for name in RELATIONS
    }


def printed(run: Mapping[str, Any], before: Mapping[str, Any] | None = None) -> Iterator[str]:
    yield f"pairs of facts, prompt {run['pairs_prompt_version']}, without an answer: {run['undecided_pairs']}"
    yield f"{'':28}{'precision':>16}{'recall':>16}{'expected':>10}   after the guards"
    for name, counts in run["pairs"].items():
        old = before["pairs"][name] if before and "pairs" in before else None
        for stage in ("told", "allowed"):
            shares = "".join(f"{_share(counts, old, stage, of):>16}" for of in (stage, "expected"))
            yield f"  {name:26}{shares}{counts['expected']:>10}{'   yes' if stage == 'allowed' else ''}"


def _share(counts: Mapping[str, int], old: Mapping[str, int] | None, stage: str, of: str) -> str:
    if not counts[of]:
        return "-"
    share = counts[f"{stage}_right"] / counts[of]
    change = f" ({100 * (share - old[f'{stage}_right'] / old[of]):+.1f})" if old and old[of] else ""
    return f"{share:.1%}{change}"
