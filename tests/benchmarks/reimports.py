"""What a further import of a later export asks, and what it changes in MEMORY."""

import asyncio
import copy
import difflib
import itertools
from collections.abc import Iterator
from pathlib import Path

from flows.records import RunFile, Step
from tests.benchmarks import whole_pass
from tests.benchmarks.growing_export import GrowingExport
from tests.benchmarks.whole_pass import Passed
from tests.unit.fake_supabase import FakeSupabase

NEW = (0.0, 0.05, 0.5)  # of the conversations of the first import
_ASKING = (Step.EXTRACT_FACTS, Step.CONSOLIDATE_FACTS, Step.HIERARCHICAL_REDUCE, Step.GENERATE_MEMORY, Step.SAVE_MEMORY)


def lines(
    folder: Path, export: GrowingExport, conversations: int, first: Passed, supabase: FakeSupabase
) -> Iterator[str]:
    """Each after the first import alone, whose tables are left as they are."""
    yield (
        "| new conversations | calls of step 4 | 5 | 6 | 7 | 8 | cost of 5 to 8 | of step 4 | step 9, calls"
        " | entries added, changed, removed | bytes of MEMORY changed | sections changed |"
    )
    yield "|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|"
    for new in NEW:
        again = folder / f"again-{new}"
        again.mkdir()
        export.write(again / RunFile.EXPORT, round(conversations * (1 + new)))
        passed = asyncio.run(whole_pass.run(again / RunFile.EXPORT, copy.deepcopy(supabase)))
        yield f"| {new:.0%} | {' | '.join(_cells(first, passed))} |"


def _cells(first: Passed, passed: Passed) -> Iterator[str]:
    usage = passed.usage
    yield from (f"{usage.total(step).calls:,}" for step in _ASKING)
    cost_4, *costs = (usage.total(step).cost_usd or 0.0 for step in _ASKING)
    yield f"${sum(costs):.4f}"
    yield f"{sum(costs) / cost_4:.1%}" if cost_4 else "–"
    yield f"{usage.total(Step.V2_REGENERATION).calls}"
    yield f"{passed.saved.added:,}, {passed.saved.changed:,}, {passed.saved.removed:,}"
    before, after = first.saved.memory_md, passed.saved.memory_md
    yield f"{_changed_bytes(before, after):,} of {len(after.encode()):,}"
    sections, sections_after = _sections(before), _sections(after)
    names = sections.keys() | sections_after.keys()
    changed = sum(sections.get(name) != sections_after.get(name) for name in names)
    yield f"{changed} of {len(names)}"


def _changed_bytes(before: str, after: str) -> int:
    """Of the lines that are taken out and put in."""
    lines = before.splitlines(keepends=True), after.splitlines(keepends=True)
    changes = difflib.SequenceMatcher(None, *lines, autojunk=False).get_opcodes()
    parts = (
        [*lines[0][start:end], *lines[1][start_after:end_after]]
        for kind, start, end, start_after, end_after in changes
        if kind != "equal"
    )
    return sum(len(line.encode()) for line in itertools.chain.from_iterable(parts))


def _sections(memory_md: str) -> dict[str, str]:
    return {part.partition("\n")[0]: part.strip() for part in memory_md.split("\n## ")[1:]}
