"""Step 4: the facts of every chunk, asked for once, with as many calls at a time as the limit of the tag allows.

Each `extract_batch` task run carries the tag `extraction` and holds one of its slots while it makes one call after the
other; a task run per call would spend more time on taking slots than on calls. What a call answers is stored before
the next one begins: whatever happens to the run, only calls that were under way are paid for twice.
"""

import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID

from prefect import task
from prefect.cache_policies import NO_CACHE

from flows import spool
from flows.errors import IncompleteExtraction
from flows.extraction import message_batches, question
from flows.extraction.pending import Unanswered
from flows.extraction.question import PROMPT_VERSION
from flows.extraction.slot_sharing import TAG, Turn, Turns
from flows.llm.client import current_model
from flows.settings import ModelSettings, PassSettings
from flows.steps import run_id
from flows.store.client import current_store


@dataclass
class Extracted:
    """What step 4 has: a file of `{kind, text, date, seen, chunk_key}` records, and how many chunks it covers."""

    facts: Path
    chunks: int
    answered: int = 0
    refused: int = 0
    errors: Counter[str] = field(default_factory=Counter)  # type → chunks that have no answer because of it

    @property
    def failed(self) -> int:
        return self.chunks - self.answered - self.refused

    def metrics(self) -> dict[str, Any]:
        return {
            "chunks": self.chunks,
            "answered": self.answered,
            "refused": self.refused,
            "failed": self.failed,
            "coverage": f"{self.answered / max(self.chunks, 1):.2%}",
        }


async def extract(user_id: UUID, chunks: Path, metrics: dict[str, Any]) -> Extracted:
    """Asks about all chunks that have no answer yet, then collects the answers of all; figures go into `metrics`.

    Raises what stopped the calls (BudgetReached, ModelRefusedAccess, OutOfRetries), or IncompleteExtraction when too
    many chunks are without an answer at the end.
    """
    settings = PassSettings()
    model = ModelSettings().extraction_model
    left = await Unanswered.of(user_id, chunks, model)
    metrics["asked"], batch = left.chunks, settings.extraction_mode == "batch"
    estimate = left.estimated_cost(message_batches.SHARE_OF_PRICE if batch else 1)
    metrics["estimate"] = "unknown" if estimate is None else f"${estimate:.4f}"
    current_model().patience.pause(model, await current_store().pause(model, 0))
    try:
        if batch:
            left = await message_batches.extract(left)
        await _in_turns(left)
    finally:
        metrics |= current_model().ledger.metrics("extract_facts")
    extracted = await _collected(user_id, model, chunks)
    metrics |= extracted.metrics()
    if extracted.failed > extracted.chunks * settings.extraction_max_failed_percent / 100:
        reasons = ", ".join(f"{reason}: {count}" for reason, count in extracted.errors.most_common(3))
        raise IncompleteExtraction(
            f"{extracted.failed} of {extracted.chunks} chunks have no answer ({reasons}); "
            "the next run asks about just those"
        )
    return extracted


async def _in_turns(left: Unanswered) -> None:
    number = 0

    async def begin(turn: Turn) -> None:
        nonlocal number
        number += 1
        await extract_batch(number, left, turn)

    await Turns(run_id(), begin, left.more).run(left.tick)


@task(tags=[TAG], task_run_name="extract_batch-{number:05d}", cache_policy=NO_CACHE)
async def extract_batch(number: int, left: Unanswered, turn: Turn) -> int:
    """Calls one after the other while this task run holds its slot; returns about how many chunks."""
    ends = time.monotonic() + PassSettings().extraction_turn_seconds
    chunks = 0
    while time.monotonic() < ends and not turn.is_over() and (pack := left.take()):
        await left.save(await question.ask(pack, left.model))
        chunks += len(pack)
    return chunks


async def _collected(user_id: UUID, model: str, chunks: Path) -> Extracted:
    """The stored facts of the chunks of this export, in a file."""
    seen = {bytes.fromhex(chunk["chunk_key"]): (chunk["created_at"] or "")[:10] for chunk in spool.read(chunks)}
    extracted = Extracted(chunks.with_name("facts.jsonl"), chunks=len(seen))
    with spool.writing(extracted.facts) as write:
        rows = current_store().chunk_facts(user_id, PROMPT_VERSION, model, "chunk_key,outcome,facts,error")
        async for row in rows:
            date = seen.get(bytes.fromhex(row["chunk_key"]))
            if date is None:  # of an earlier export
                continue
            extracted.answered += row["outcome"] == "facts"
            extracted.refused += row["outcome"] == "refused"
            if row["outcome"] == "failed":
                extracted.errors[row["error"].partition(":")[0]] += 1
            for fact in row["facts"]:
                write({**fact, "seen": date or None, "chunk_key": row["chunk_key"]})
    return extracted
