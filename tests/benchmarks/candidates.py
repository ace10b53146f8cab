"""How long finding candidates takes, in how much memory, and how many pairs that are one come together: the second
half of `make bench-memory`.

A tenth of the facts say what an earlier one says, in another sentence of made-up words. The labelled pairs of
tests/eval are hidden among them, the languages in four persons. Each size has a process of its own; the seconds are of
its CPU. Of hostile facts, too, there are as many as of the largest size.
"""

import argparse
import multiprocessing
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from typing import Any, NamedTuple

from flows.memory.candidates import clusters
from flows.memory.statements import Statement
from tests.benchmarks.other_facts import planted
from tests.benchmarks.peak_memory import peak_mb
from tests.eval import pairs

_PERSONS = (("en",), ("de", "fr", "es", "pt"), ("ru", "tr", "hi"), ("zh", "ja", "ar"))
_FOUND = ("same", "replaces")
_HOSTILE: dict[str, Callable[[int], str]] = {
    "one stem in common": lambda number: f"tea {number:x}q{number:o}",
    "one word of a thousand letters": lambda number: f"a{number}" + "b" * 1_000,
    "all the same text": lambda number: "I like tea",
}


class Measured(NamedTuple):
    seconds: float
    peak_mb: float  # of the process
    before_mb: float  # of that, with the facts in memory
    clusters: int
    asked: float  # share of the facts that are in one
    repeated: float  # share of what is said again that is together
    labelled: float | None
    unchanged: float  # share of the clusters that a hundredth of new facts leaves as they were


def measured(count: int, is_labelled: bool) -> Measured:
    facts = planted(count + count // 100)
    known = facts.statements[:count]
    before, began = peak_mb(), time.process_time()
    found = clusters(known)
    seconds, peak = time.process_time() - began, peak_mb()
    of = {index: number for number, cluster in enumerate(found) for index in cluster}
    repeated = [pair for pair in facts.repeated if max(pair) < count]
    together = sum(of.get(first, -1) == of.get(second, -2) for first, second in repeated) / len(repeated)
    later = set(map(frozenset, clusters(facts.statements)))
    unchanged = sum(frozenset(cluster) in later for cluster in found) / len(found)
    labelled = _labelled(known) if is_labelled else None
    return Measured(seconds, peak, before, len(found), len(of) / count, together, labelled, unchanged)


def _labelled(others: list[Statement]) -> float:
    found = wanted = 0
    for languages in _PERSONS:
        theirs = [pair for pair in pairs.read() if pair.language in languages and pair.relation in _FOUND]
        statements = [fact for pair in theirs for fact in pair.statements()] + others
        of = {index: number for number, cluster in enumerate(clusters(statements)) for index in cluster}
        found += sum(of.get(2 * place, -1) == of.get(2 * place + 1, -2) for place in range(len(theirs)))
        wanted += len(theirs)
    return found / wanted


def hostile(name: str, count: int) -> tuple[float, float]:
    keys = (number.to_bytes(16, "big") for number in range(count))
    text = _HOSTILE[name]
    facts = [
        Statement(key, text(number), None, "belief", None, "stated", "en", None, None, None, None)
        for number, key in enumerate(keys)
    ]
    began = time.process_time()
    clusters(facts)
    return time.process_time() - began, peak_mb()


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.candidates", description=__doc__)
    parser.add_argument("--sizes", type=int, nargs="+", default=[1_000, 10_000, 100_000], metavar="FACTS")
    parser.add_argument("--labelled-up-to", type=int, default=20_000, metavar="FACTS", help="where pairs are hidden")
    arguments = parser.parse_args()
    print("| facts | CPU time | of a fact | growth | peak | with facts only | clusters | facts in them ", end="")
    print("| said again, found | labelled, found | unchanged by 1 % more |")
    print("|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|")
    last: tuple[int, Measured] | None = None
    for count in arguments.sizes:
        row = _in_own_process(measured, count, count <= arguments.labelled_up_to)
        growth = f"× {row.seconds / last[1].seconds:.1f} for × {count / last[0]:g}" if last else ""
        labelled = "" if row.labelled is None else f"{row.labelled:.1%}"
        print(
            f"| {count:,} | {row.seconds:.2f} s | {row.seconds / count * 1e6:.0f} µs | {growth} | {row.peak_mb:.0f} MB "
            f"| {row.before_mb:.0f} MB | {row.clusters:,} | {row.asked:.0%} | {row.repeated:.1%} | {labelled} "
            f"| {row.unchanged:.1%} |",
            flush=True,
        )
        last = count, row
    print("\n| hostile facts | | CPU time | peak |\n|---|---:|---:|---:|")
    for name in _HOSTILE:
        seconds, peak = _in_own_process(hostile, name, max(arguments.sizes))
        print(f"| {name} | {max(arguments.sizes):,} | {seconds:.2f} s | {peak:.0f} MB |", flush=True)


def _in_own_process(function: Callable[..., Any], *arguments: Any) -> Any:
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as process:
        return process.submit(function, *arguments).result()


if __name__ == "__main__":
    main()
