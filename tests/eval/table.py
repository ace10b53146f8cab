"""The figures of a run, as a table and as JSON that a later run can be compared with."""

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from tests.eval.matching import Judged

_WORST = 10
_ACCURACIES = ("kind", "slot", "stance", "date", "until")

Group = dict[str, int]
Figures = dict[str, Any]


def figures(judged: Sequence[Judged]) -> Figures:
    """`{"all": counts, "trap" | "kind" | "language": {name: counts}, "accuracy": {field: [right, of]}, …}`."""
    groups: Figures = {"all": _group(judged)}
    groups["trap"] = {
        name: _of_trap(judged, name) for name in _sorted(trap for each in judged for trap in _traps(each))
    }
    groups["language"] = {
        name: _group([each for each in judged if each.excerpt.language == name])
        for name in _sorted(each.excerpt.language for each in judged)
    }
    groups["kind"] = {name: _of_kind(judged, name) for name in _sorted(_kinds(judged))}
    groups["forbidden"] = {
        why: {
            "found": sum(forbidden.why == why for each in judged for forbidden, _ in each.wrong),
            "of": sum(forbidden.why == why for each in judged for forbidden in each.excerpt.forbidden),
        }
        for why in _sorted(forbidden.why for each in judged for forbidden in each.excerpt.forbidden)
    }
    groups["accuracy"] = {name: _accuracy(judged, name) for name in _ACCURACIES}
    groups["without_answer"] = [each.excerpt.id for each in judged if each.failed]
    return groups


def printed(run: Figures, before: Figures | None = None) -> Iterator[str]:
    """The lines of the table; with `before`, how much each share has changed."""
    head = "  (percentage points since the run before)" if before else ""
    yield f"{'':28}{'precision':>16}{'recall':>16}{'expected':>10}{'found':>7}{'wrong':>7}{head}"
    yield _row("all", run["all"], before and before["all"])
    for by in ("trap", "kind", "language"):
        yield f"by {by}"
        for name, group in run[by].items():
            yield _row(f"  {name}", group, before and before[by].get(name))
    yield "forbidden facts found, of those that are labelled"
    yield from (f"  {why:26}{each['found']:>4} of {each['of']}" for why, each in run["forbidden"].items())
    yield "right of the matched facts"
    yield from (f"  {name:26}{_share(*each):>7} of {each[1]}" for name, each in run["accuracy"].items())
    yield f"without an answer: {len(run['without_answer'])} excerpts"


def worst(judged: Iterable[Judged]) -> Iterator[str]:
    """The excerpts with most that was missed or wrongly found."""
    ranked = sorted(judged, key=lambda each: (-_harm(each), each.excerpt.id))
    for each in ranked[:_WORST]:
        if not _harm(each):
            return
        yield f"{each.excerpt.id} ({', '.join(each.excerpt.traps)}){' has no answer' if each.failed else ''}"
        yield from (f"    missed     {fact.text}" for fact in each.missed)
        yield from (f"    {wrong.why:10} {fact.text}" for wrong, fact in each.wrong)
        yield from (f"    extra      {fact.text}" for fact in each.extra)


def as_json(run: Figures) -> str:
    return json.dumps(run, indent=1, ensure_ascii=False) + "\n"


def _harm(each: Judged) -> int:
    return len(each.missed) + 2 * len(each.wrong) + len(each.extra)


def _group(judged: Sequence[Judged]) -> Group:
    return {
        "expected": sum(len(each.excerpt.expected) for each in judged),
        "found": sum(each.found for each in judged),
        "matched": sum(len(each.matched) for each in judged),
        "wrong": sum(len(each.wrong) for each in judged),
    }


def _of_trap(judged: Sequence[Judged], name: str) -> Group:
    """Recall is of the facts that are labelled with the trap, precision of all that was found in its excerpts."""
    if name == "nothing":
        return _group([each for each in judged if not each.excerpt.expected])
    mine = [each for each in judged if name in _traps(each)]
    return _group(mine) | {
        "expected": sum(each.excerpt.trap_of(fact) == name for each in mine for fact in each.excerpt.expected),
        "recalled": sum(each.excerpt.trap_of(fact) == name for each in mine for fact, _ in each.matched),
    }


def _of_kind(judged: Sequence[Judged], name: str) -> Group:
    return {
        "expected": sum(fact.kind == name for each in judged for fact in each.excerpt.expected),
        "found": sum(kind == name for each in judged for kind in _found_kinds(each)),
        "matched": sum(fact.kind == name for each in judged for _, fact in each.matched),
        "recalled": sum(fact.kind == name for each in judged for fact, _ in each.matched),
        "wrong": sum(fact.kind == name for each in judged for _, fact in each.wrong),
    }


def _traps(each: Judged) -> list[str]:
    return each.excerpt.traps + ([] if each.excerpt.expected else ["nothing"])


def _kinds(judged: Iterable[Judged]) -> Iterator[str]:
    for each in judged:
        yield from (fact.kind for fact in each.excerpt.expected)
        yield from _found_kinds(each)


def _found_kinds(each: Judged) -> list[str]:
    return [fact.kind for fact in [*(f for _, f in each.matched), *(f for _, f in each.wrong), *each.extra]]


def _accuracy(judged: Sequence[Judged], name: str) -> tuple[int, int]:
    """Right, of how many: of slots and dates only those that are labelled or found."""
    value: Callable[[Any], Any] = lambda fact: getattr(fact, name)  # noqa: E731
    pairs = [(value(fact), value(found)) for each in judged for fact, found in each.matched]
    told = [pair for pair in pairs if pair != (None, None)]
    return sum(_equal(*pair) for pair in told), len(told)


def _equal(expected: str | None, found: str | None) -> bool:
    if expected and found and expected.startswith("project:"):
        return found.startswith("project:")  # its name is the model's to choose
    return expected == found


def _sorted(names: Iterable[str]) -> list[str]:
    return sorted(set(names))


def _share(part: int, of: int) -> str:
    return f"{part / of:.1%}" if of else "-"


def _row(name: str, group: Group, before: Group | None) -> str:
    shares = "".join(f"{_changed(kind, group, before):>16}" for kind in (_precision, _recall))
    return f"{name:28}{shares}{group['expected']:>10}{group['found']:>7}{group['wrong']:>7}"


def _changed(kind: Callable[[Group], float | None], group: Group, before: Group | None) -> str:
    share, old = kind(group), kind(before) if before else None
    if share is None:
        return "-"
    return f"{share:.1%}" + ("" if old is None else f" ({100 * (share - old):+.1f})")


def _precision(group: Group) -> float | None:
    return group["matched"] / group["found"] if group["found"] else None


def _recall(group: Group) -> float | None:
    return group.get("recalled", group["matched"]) / group["expected"] if group["expected"] else None
