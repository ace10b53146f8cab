"""How much of what is planted in an export comes through: `make bench-memory`, three minutes.

planted → in a turn of the person's own in a chunk → told by the model → a row of memory_facts, by kind and by the place
where it was planted. The real steps 2, 4 and 5 with the real client, within one process; the stand-in finds what its
rules know, so a gap says that something is lost on the way, and not how well a model reads. What nobody can see (a
branch that was left, the assistant's words, a title) is planted, too, and is to come out nowhere.
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
from flows.chunks import turns, writing
from flows.extraction import extract, packing, question
from flows.llm import tokens
from flows.llm.client import current_model
from flows.memory import consolidation
from flows.records import FoundFact, RunFile, SpooledChunk, Step
from flows.settings import ModelSettings
from flows.store.client import current_store, use_store
from tests.sample.chatgpt_export import PlantedFact, write_export
from tests.unit.fake_model import KEY, InProcessModel
from tests.unit.fake_supabase import RUN, USER, FakeSupabase

_PACK_TOKENS = 4_000
_MODEL = ModelSettings.model_fields["extraction_model"].default


class CameThrough:
    """Which texts have come to each stage."""

    def __init__(self, planted: list[PlantedFact]):
        self.planted = planted
        self.in_chunks: set[str] = set()
        self.told: set[str] = set()
        self.rows: set[str] = set()

    def add_chunks(self, chunks_file: Path) -> None:
        texts = {fact.text for fact in self.planted}
        for chunk in spool.read(chunks_file, SpooledChunk):
            own = "\n".join(part.text for part in turns.parts(chunk) if part.name in ("user", "instructions"))
            self.in_chunks |= {text for text in texts - self.in_chunks if text in own}

    def lines(self) -> Iterator[str]:
        seen = [fact for fact in self.planted if _is_said(fact)]
        yield from self._table("kind", seen, "kind")
        yield from self._table("place", seen, "where")
        yield from self._table("not to be found", [fact for fact in self.planted if not _is_said(fact)], "where")

    def _table(self, title: str, facts: list[PlantedFact], by: str) -> Iterator[str]:
        yield from ("", f"| {title} | planted | in chunks | told | facts |", "|---|---:|---:|---:|---:|")
        names = sorted({getattr(fact, by) for fact in facts})
        for name in [*names, "all"]:
            texts = [fact.text for fact in facts if name in ("all", getattr(fact, by))]
            stages = (self.in_chunks, self.told, self.rows)
            counts = [len(texts), *(sum(text in stage for text in texts) for stage in stages)]
            yield f"| {name} | {' | '.join(f'{count:,}' for count in counts)} |"


def _is_said(fact: PlantedFact) -> bool:
    """By the person, where they still see it; titles are the provider's."""
    return fact.survives and fact.where != "title"


async def _read(folder: Path, conversations: int, api: InProcessModel, supabase: FakeSupabase) -> Iterator[str]:
    came = CameThrough(write_export(folder / "export.zip", conversations))
    began = time.monotonic()
    chunks_file = folder / RunFile.CHUNKS
    writing.chunk_export(folder / "export.zip", chunks_file, writing.limits())
    came.add_chunks(chunks_file)
    supabase.store_chunks(spool.read(chunks_file, SpooledChunk))
    async with api.connected():
        for pack in packing.packs(chunks_file, (), _PACK_TOKENS):
            outcomes = await question.ask(pack, _MODEL)
            await current_store().answers.save(USER, question.PROMPT_VERSION, _MODEL, outcomes)
        extracted = await extract._collected(USER, _MODEL, chunks_file)
        found = list(spool.read(extracted.facts_file, FoundFact))
        came.told = {fact.text for fact in found}
        counts = await consolidation.consolidate(USER, RUN, extracted.facts_file, folder / RunFile.UNIQUE_FACTS)
        usage = current_model().usage
        step_4, step_5 = (usage.total(step).cost_usd or 0.0 for step in (Step.EXTRACT_FACTS, Step.CONSOLIDATE_FACTS))
    came.rows = {row["text"] for row in supabase.tables["memory_facts"]}
    quotes = sum(tokens.estimate(json.dumps({"quote": fact.quote}, ensure_ascii=False)) for fact in found)
    quoted = models.cost(_MODEL, input=0, output=quotes, cache_write=0, cache_read=0) or 0.0
    return iter(
        [
            f"## {conversations:,} conversations: {time.monotonic() - began:.0f} s",
            "",
            f"{extracted.chunks:,} chunks, {counts.facts:,} facts told, {counts.statements:,} statements, "
            f"{counts.current:,} current and {counts.superseded:,} superseded facts; {counts.clusters:,} clusters.",
            f"Step 4: ${step_4:.4f}, of that {quoted / step_4:.1%} for quotes. Step 5: {step_5 / step_4:.1%} of it.",
            *came.lines(),
        ]
    )


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.planted", description=__doc__)
    parser.add_argument("--conversations", type=int, nargs="+", default=[500, 10_000])
    os.environ |= {"ANTHROPIC_API_KEY": KEY, "ANTHROPIC_BASE_URL": "http://stand-in"}
    for conversations in parser.parse_args().conversations:
        supabase = FakeSupabase()
        supabase.owned()
        with tempfile.TemporaryDirectory(prefix="soulprint-bench-") as folder, use_store(supabase.store()):
            print("\n".join(asyncio.run(_read(Path(folder), conversations, InProcessModel(), supabase))), flush=True)


if __name__ == "__main__":
    main()
