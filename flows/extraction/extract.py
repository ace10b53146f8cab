"""Step 4: the facts of every chunk, asked for once, with as many calls at a time as the limit of the tag allows.

Each `extract_batch` task run carries the tag `extraction` and holds one of its slots while it makes one call after the
other; a task run per call would spend more time on taking slots than on calls. What a call answers is stored before
the next one begins: whatever happens to the run, only calls that were under way are paid for twice.
"""

import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID

import msgspec
from msgspec.structs import asdict
from prefect import get_client, task
from prefect.cache_policies import NO_CACHE

from flows import masking, spool
from flows.errors import FullPassError, IncompleteExtraction, describe
from flows.extraction import message_batches, question
from flows.extraction.pending import PendingChunks
from flows.extraction.question import PROMPT_VERSION
from flows.extraction.slot_sharing import Slot, SlotSharing
from flows.llm.client import current_model
from flows.records import ChunkOutcome, FoundFact, RunFile, Step, StoredChunk
from flows.runs.tag_slots import SLOT_TAG
from flows.settings import ModelSettings, PassSettings
from flows.steps import StepFigures, require_run, run_id
from flows.store.client import current_store

_OLDER_AT_ONCE = 200
_NO_DAY = "1970-01-01"  # stands for none in an older schema

Write = Callable[[msgspec.Struct], None]


@dataclass
class Extracted:
    """What step 4 has: a file of FoundFact records, and how many chunks of all the user's it covers."""

    facts_file: Path
    chunks: int = 0
    answered: int = 0
    refused: int = 0
    #: Chunks of earlier imports about which nobody can be asked, and that no earlier answer is about either.
    unasked: int = 0
    facts: int = 0
    unsupported: int = 0  # facts that models told, and no words of the person's own say
    errors: Counter[str] = field(default_factory=Counter)  # type → chunks that have no answer because of it

    @property
    def failed(self) -> int:
        return self.chunks - self.answered - self.refused

    def figures(self) -> dict[str, int | str]:
        return {
            "chunks": self.chunks,
            "answered": self.answered,
            "refused": self.refused,
            "failed": self.failed,
            "coverage": f"{self.answered / max(self.chunks, 1):.2%}",
            "facts": self.facts,
            "unsupported": self.unsupported,
            **({"unasked": self.unasked} if self.unasked else {}),
        }

    def count(self, answer: ChunkOutcome) -> None:
        self.chunks += 1
        self.answered += answer.outcome == "facts"
        self.refused += answer.outcome == "refused"
        self.facts += len(answer.facts)
        self.unsupported += answer.unsupported
        if answer.outcome == "failed":
            self.errors[(answer.error or "").partition(":")[0]] += 1

    def require_coverage(self) -> None:
        """Raises IncompleteExtraction when too many chunks are without an answer."""
        if self.failed > self.chunks * PassSettings().extraction_max_failed_percent / 100:
            reasons = ", ".join(f"{reason}: {count}" for reason, count in self.errors.most_common(3))
            raise IncompleteExtraction(
                f"{self.failed} of {self.chunks} chunks have no answer ({reasons}); the next run asks about just those"
            )


async def extract(user_id: UUID, chunks_file: Path, figures: StepFigures) -> Extracted:
    """Asks about all chunks that have no answer yet, then collects the answers of all.

    Raises what stopped the calls (BudgetReached, ModelRefusedAccess, OutOfRetries), or IncompleteExtraction.
    """
    model = ModelSettings().extraction_model
    pending = await PendingChunks.of(user_id, chunks_file, model)
    in_batches = PassSettings().extraction_mode == "batch"
    figures.add({"asked": pending.chunk_count})
    share_of_price = message_batches.SHARE_OF_PRICE if in_batches else 1
    estimate = pending.estimated_cost(share_of_price, cached=not in_batches)
    figures.add({"estimate": "unknown" if estimate is None else f"${estimate:.4f}"})
    current_model().retry.pause(model, await current_store().answers.pause(model, 0))
    try:
        if in_batches:
            pending = await message_batches.answer(pending)
        await _answer_from_slots(pending)
    finally:
        figures.add(current_model().usage.total(Step.EXTRACT_FACTS).figures())
    extracted = await _collected(user_id, model, chunks_file)
    figures.add(extracted.figures())
    extracted.require_coverage()
    return extracted


async def _answer_from_slots(pending: PendingChunks) -> None:
    async def hold(slot: Slot) -> None:
        try:
            await extract_batch(pending.next_number(), pending.call_count, pending, slot)
        except BatchFailed as failed:
            raise failed.error from None

    async def on_look() -> None:
        limiter.share = sharing.part
        if sharing.is_missing:
            await require_run()
        await pending.save_cost()

    limiter, sharing = current_model().rate_limiter, SlotSharing(run_id(), hold, pending.calls_left)
    async with get_client() as prefect:
        try:
            await sharing.run(prefect, on_look)
        finally:
            limiter.share = 1.0  # the few calls of the later steps do not count among those that share


@task(tags=[SLOT_TAG], task_run_name="extract_facts {number}/{of}", cache_policy=NO_CACHE)
async def extract_batch(number: int, of: int, pending: PendingChunks, slot: Slot) -> int:
    """Calls one after the other while this task run holds its slot; returns about how many chunks.

    Its name says at which of all calls it begins.
    """
    slot.take()
    ends = time.monotonic() + PassSettings().extraction_turn_seconds
    chunk_count = 0
    while time.monotonic() < ends and not slot.should_release() and (pack := pending.take()):
        try:
            await pending.save(await question.ask(pack, pending.model))
        except FullPassError:
            raise
        except Exception as error:
            raise BatchFailed(error) from None
        chunk_count += len(pack)
    slot.release()
    return chunk_count


class BatchFailed(Exception):
    """Something unexpected in a task run, whose state has the message of what it raises: a library's may quote text."""

    def __init__(self, error: Exception):
        super().__init__(describe(error))
        self.error = error


async def _collected(user_id: UUID, model: str, chunks_file: Path) -> Extracted:
    """The stored facts of all the user's chunks, of whatever import, in a file."""
    extracted = Extracted(chunks_file.with_name(RunFile.FOUND_FACTS))
    older: list[StoredChunk] = []
    with spool.writing(extracted.facts_file) as write:
        async for chunk, answer in _with_answers(user_id, model):
            if answer is not None:
                extracted.count(answer)
            elif chunk.turns is not None:
                extracted.chunks += 1
            if answer is not None and answer.outcome == "facts":
                _write_facts(write, chunk, answer)
            else:
                older.append(chunk)
            if len(older) == _OLDER_AT_ONCE:
                await _collect_older(user_id, older, extracted, write)
                older = []
        await _collect_older(user_id, older, extracted, write)
    return extracted


async def _with_answers(user_id: UUID, model: str) -> AsyncIterator[tuple[StoredChunk, ChunkOutcome | None]]:
    """Each of the user's chunks and its answer. Both are read in the order of the keys, so that neither is held."""
    answers = current_store().answers.of_chunks(
        user_id, PROMPT_VERSION, model, "chunk_key,outcome,facts,error,unsupported"
    )
    answer = await anext(answers, None)
    async for chunk in current_store().chunks.stored(user_id, "chunk_key,conversation_id,created_at,turns"):
        while answer is not None and answer.chunk_key < chunk.chunk_key:  # of a chunk that has gone
            answer = await anext(answers, None)
        yield chunk, answer if answer is not None and answer.chunk_key == chunk.chunk_key else None


async def _collect_older(user_id: UUID, chunks: list[StoredChunk], extracted: Extracted, write: Write) -> None:
    """The last facts of chunks that have no answer now: asking failed, or cannot be, as nobody knows who speaks."""
    answers = await current_store().answers.older(user_id, [chunk.chunk_key for chunk in chunks]) if chunks else []
    found = {answer.chunk_key: answer for answer in answers}
    for chunk in chunks:
        answer = found.get(chunk.chunk_key)
        if answer:
            _write_facts(write, chunk, answer)
        if chunk.turns is None and answer:
            extracted.count(answer)
        elif chunk.turns is None:
            extracted.unasked += 1


def _write_facts(write: Write, chunk: StoredChunk, answer: ChunkOutcome) -> None:
    """Masked again: an answer can be older than a rule of what is a secret."""
    for fact in answer.facts:
        found = FoundFact(**asdict(fact), chunk_key=chunk.chunk_key, conversation_id=chunk.conversation_id or "")
        found.text = masking.mask(fact.text)
        if fact.quote is not None:
            found.quote = masking.mask(fact.quote)
        elif not (chunk.created_at or "").startswith(_NO_DAY):  # of an answer from before messages had their own dates
            found.said = chunk.created_at
        write(found)
