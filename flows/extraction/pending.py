"""The chunks that have no answer yet: what is left to ask in step 4, and where the answers go.

They are those of the export, and those that earlier imports of other sources left without an answer, or with one by
another prompt or model.
"""

from collections.abc import Container, Iterator
from pathlib import Path
from uuid import UUID

from flows import models, spool
from flows.extraction import packing, question
from flows.extraction.packing import Pack
from flows.extraction.question import PROMPT_VERSION
from flows.llm.client import current_model
from flows.portions import by_count
from flows.records import ChunkOutcome, ChunkRecord, Step
from flows.settings import ModelSettings, PassSettings
from flows.steps import Progress, run_id
from flows.store.client import current_store

_CHUNKS_PER_REQUEST = 50  # about 500 kB


class PendingChunks:
    """Shared by all slots of a run."""

    @classmethod
    async def of(cls, user_id: UUID, chunks_file: Path, model: str) -> "PendingChunks":
        known = current_store().answers.of_chunks(user_id, PROMPT_VERSION, model, "chunk_key,outcome")
        answered = {bytes.fromhex(chunk.chunk_key) async for chunk in known if chunk.outcome != "failed"}
        await _add_others(user_id, chunks_file, answered)
        return cls(user_id, chunks_file, model, answered)

    def __init__(self, user_id: UUID, chunks_file: Path, model: str, answered: set[bytes]):
        self.user_id, self.chunks_file, self.model, self.answered = user_id, chunks_file, model, answered
        self._pack_tokens = PassSettings().extraction_pack_tokens
        self._packs = self.packs()
        self._number = self._taken = 0
        self.chunk_count = self.call_count = self._prompt_tokens = 0
        for pack in self.packs():
            self.call_count += 1
            self.chunk_count += len(pack)
            self._prompt_tokens += question.prompt_tokens(pack)
        self._progress = Progress(Step.EXTRACT_FACTS, user_id, self.chunk_count)

    def packs(self, besides: Container[bytes] = frozenset()) -> Iterator[Pack]:
        """All of them from the start, without the chunks whose keys are in `besides`."""
        return packing.packs(self.chunks_file, (self.answered, besides), self._pack_tokens)

    def calls_left(self) -> int:
        return self.call_count - self._taken

    def take(self) -> Pack | None:
        """The next pack, for one slot only."""
        taken = next(self._packs, None)
        self._taken += taken is not None
        return taken

    def next_number(self) -> int:
        """The number of the call that the next task run begins with; another each time, also before one begins."""
        self._number = max(self._number, self._taken) + 1
        return self._number

    def estimated_cost(self, share_of_price: float = 1, *, cached: bool = True) -> float | None:
        """Dollars that the answers will cost, about; None when the model's price is not known.

        cached: whether the calls ask for their system prompt to be cached. Raises BudgetReached when the prompts alone
        would cost more than the run may spend.
        """
        calls, prompts = self.call_count, self._prompt_tokens
        beginning = question.cached_tokens(self.model) if cached else 0
        least = models.estimated_cost(self.model, calls=calls, prompt_tokens=prompts, cached=beginning)
        about = models.estimated_cost(
            self.model,
            calls=calls,
            prompt_tokens=prompts,
            cached=beginning,
            reply_share=models.EXPECTED_REPLY,
            thinking=ModelSettings().extraction_thinking,
        )
        if least is None or about is None:
            return None
        current_model().require_budget(least * share_of_price, "the prompts alone")
        return about * share_of_price

    async def save(self, outcomes: list[ChunkOutcome]) -> None:
        """Stores what a call has answered; a pause that another run has begun is kept from then on."""
        if not outcomes:
            return
        seconds = await current_store().answers.save(self.user_id, PROMPT_VERSION, self.model, outcomes)
        current_model().retry.pause(self.model, seconds)
        await self._progress.advance(len(outcomes))

    async def save_cost(self) -> None:
        """Writes down what the run has cost so far: a kill loses only the last seconds of it."""
        await current_store().passes.save_cost(self.user_id, run_id(), current_model().usage.as_json())


async def _add_others(user_id: UUID, chunks_file: Path, answered: Container[bytes]) -> None:
    """Adds to the file the user's chunks of other imports that are not answered."""
    here = {bytes.fromhex(chunk.chunk_key) for chunk in spool.read(chunks_file, ChunkRecord)}
    table = current_store().chunks
    keys = [key async for text in table.keys(user_id) if (key := bytes.fromhex(text)) not in here]
    missing = [key.hex() for key in keys if key not in answered]
    for some in by_count(missing, _CHUNKS_PER_REQUEST):
        spool.append(chunks_file, await table.whole(user_id, some))
