"""What of planted facts comes through, what that costs, and what a further import changes: `make bench-memory`.

planted → in a turn of the person's own in a chunk → told by the model → a row of memory_facts → in MEMORY → found by
search_memory, by kind and by the place where it was planted. The steps are the real ones within one process; the
stand-in finds what its rules know, so a gap says that something is lost on the way, and not how well a model reads.
What nobody can see (a branch that was left, the assistant's words, a title) is planted, too, and is to come out
nowhere.
"""

import argparse
import asyncio
import json
import os
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from flows import models, spool
from flows.chunks import turns
from flows.llm import tokens
from flows.llm.usage import RunUsage
from flows.records import RunFile, SpooledChunk, Step
from flows.settings import PassSettings
from tests.benchmarks import findable, reimports, whole_pass
from tests.benchmarks.growing_export import GrowingExport
from tests.benchmarks.whole_pass import MODEL, Passed
from tests.sample.chatgpt_export import PlantedFact
from tests.unit.fake_model import KEY
from tests.unit.fake_supabase import FakeSupabase

_STEPS = list(Step)[list(Step).index(Step.EXTRACT_FACTS) :]
_STAGES = ("in chunks", "told", "facts", "in MEMORY", "found by search", "in either")


class CameThrough:
    """Which texts have come to each stage."""

    def __init__(self, planted: list[PlantedFact]):
        self.planted = planted
        self._stages: dict[str, set[str]] = {}

    def add_pass(self, chunks_file: Path, passed: Passed, supabase: FakeSupabase) -> None:
        rows = supabase.tables["memory_facts"]
        entries = supabase.tables["memory_entries"]
        standing = {
            identity for entry in entries if entry["text"] in passed.saved.memory_md for identity in entry["fact_ids"]
        }
        self._stages |= {
            "in chunks": self._in_chunks(chunks_file),
            "told": {fact.text for fact in passed.found()},
            "facts": {row["text"] for row in rows},
            "in MEMORY": {row["text"] for row in rows if row["id"] in standing},
        }

    def search(self, supabase: FakeSupabase) -> None:
        found = findable.findable(supabase, [fact.text for fact in self.planted])
        self._stages |= {"found by search": found, "in either": found | self._stages["in MEMORY"]}

    def lines(self) -> Iterator[str]:
        seen = [fact for fact in self.planted if _is_said(fact)]
        yield from self._table("kind", seen, "kind")
        yield from self._table("place", seen, "where")
        yield from self._table("not to be found", [fact for fact in self.planted if not _is_said(fact)], "where")
        for fact in seen:
            if fact.text not in self._stages["in either"]:
                yield f"lost: {fact}"

    def _in_chunks(self, chunks_file: Path) -> set[str]:
        left, found = {fact.text for fact in self.planted}, set[str]()
        for chunk in spool.read(chunks_file, SpooledChunk):
            own = "\n".join(part.text for part in turns.parts(chunk) if part.name in ("user", "instructions"))
            found |= {text for text in left if text in own}
            left -= found
        return found

    def _table(self, title: str, facts: list[PlantedFact], by: str) -> Iterator[str]:
        yield from ("", f"| {title} | planted | {' | '.join(_STAGES)} |", f"|---|{'---:|' * (1 + len(_STAGES))}")
        names = sorted({getattr(fact, by) for fact in facts})
        for name in [*names, "all"]:
            texts = [fact.text for fact in facts if name in ("all", getattr(fact, by))]
            counts = [len(texts), *(sum(text in self._stages[stage] for text in texts) for stage in _STAGES)]
            yield f"| {name} | {' | '.join(f'{count:,}' for count in counts)} |"


def _is_said(fact: PlantedFact) -> bool:
    """By the person, where they still see it; titles are the provider's."""
    return fact.survives and fact.where != "title"


def _summary(passed: Passed) -> Iterator[str]:
    counts, found = passed.consolidated, passed.found()
    quotes = sum(tokens.estimate(json.dumps({"quote": fact.quote}, ensure_ascii=False)) for fact in found)
    quoted = models.cost(MODEL, input=0, output=quotes, cache_write=0, cache_read=0) or 0.0
    yield (
        f"{passed.extracted.chunks:,} chunks, {counts.facts:,} facts told, {counts.statements:,} statements, "
        f"{counts.current:,} current and {counts.superseded:,} superseded facts; {counts.clusters:,} clusters."
    )
    yield (
        f"MEMORY: {passed.generated.entries:,} entries, {tokens.estimate(passed.saved.memory_md):,} tokens of at most "
        f"{PassSettings().memory_max_tokens:,}; {passed.generated.dropped} dropped, {passed.generated.again} questions "
        f"again, {passed.generated.verbatim} facts in their own words."
    )
    yield f"Quotes are {quoted / (passed.usage.total(Step.EXTRACT_FACTS).cost_usd or 1):.1%} of step 4's cost."


def _costs(usage: RunUsage) -> Iterator[str]:
    yield from ("", "| step | calls | tokens read | written | cost | of step 4 |", "|---|---:|---:|---:|---:|---:|")
    whole = usage.total(Step.EXTRACT_FACTS).cost_usd or 1
    for number, step in enumerate(_STEPS, 4):
        used = usage.total(step)
        yield (
            f"| {number} {step} | {used.calls:,} | {used.prompt_tokens:,} | {used.output_tokens:,} | {used.dollars()}"
            f" | {(used.cost_usd or 0) / whole:.1%} |"
        )


def _read(folder: Path, conversations: int) -> Iterator[str]:
    supabase = FakeSupabase()
    supabase.owned()
    export = GrowingExport(round(conversations * (1 + max(reimports.NEW))))
    came = CameThrough(export.write(folder / RunFile.EXPORT, conversations))
    began = time.monotonic()
    passed = asyncio.run(whole_pass.run(folder / RunFile.EXPORT, supabase))
    yield f"## {conversations:,} conversations: {time.monotonic() - began:.0f} s\n"
    came.add_pass(folder / RunFile.CHUNKS, passed, supabase)
    yield from _summary(passed)
    yield from _costs(passed.usage)
    came.search(supabase)
    yield from came.lines()
    yield ""
    yield from reimports.lines(folder, export, conversations, passed, supabase)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.planted", description=__doc__)
    parser.add_argument("--conversations", type=int, nargs="+", default=[500, 10_000])
    os.environ |= {"ANTHROPIC_API_KEY": KEY, "ANTHROPIC_BASE_URL": "http://stand-in"}
    for conversations in parser.parse_args().conversations:
        with tempfile.TemporaryDirectory(prefix="soulprint-bench-") as folder:
            for line in _read(Path(folder), conversations):
                print(line, flush=True)


if __name__ == "__main__":
    main()
