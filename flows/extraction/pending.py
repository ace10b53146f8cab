"""The chunks that have no answer yet: what is left to ask in step 4, and where the answers go."""

from collections.abc import Container, Iterator
from pathlib import Path
from uuid import UUID

from flows import prices
from flows.extraction import packing, question
from flows.extraction.packing import Pack
from flows.extraction.question import PROMPT_VERSION, Outcome
from flows.llm import tokens
from flows.llm.client import current_model
from flows.settings import PassSettings
from flows.steps import Progress, run_id
from flows.store.client import current_store

_EXPECTED_REPLY = 0.1  # tokens of a reply for each of its prompt; the sample's is less


def prompt_tokens(pack: Pack) -> int:
    return sum(excerpt.tokens for excerpt in pack) + tokens.estimate(question.SYSTEM)


def cost(model: str, calls: int, prompts: int, reply: float = 0) -> float | None:
    """Dollars of calls whose prompts have so many tokens together, with `reply` tokens of a reply for each of them;
    None when the model's price is not known."""
    # By one call's price tier, so that many small prompts are not taken for a large one.
    each = prompts // max(calls, 1)
    one = prices.cost(model, input=each, output=int(each * reply))
    return None if one is None else one * calls


class Unanswered:
    """Shared by all turns of a run."""

    @classmethod
    async def of(cls, user_id: UUID, chunks: Path, model: str) -> "Unanswered":
        rows = current_store().chunk_facts(user_id, PROMPT_VERSION, model, "chunk_key,outcome")
        answered = {bytes.fromhex(row["chunk_key"]) async for row in rows if row["outcome"] != "failed"}
        return cls(user_id, chunks, model, answered)

    def __init__(self, user_id: UUID, chunks: Path, model: str, answered: set[bytes]):
        self.user_id, self.chunks_file, self.model, self.answered = user_id, chunks, model, answered
        self._up_to = PassSettings().extraction_pack_tokens
        self._packs = self.packs()
        self._next = next(self._packs, None)
        self.chunks = self.calls = self._prompt_tokens = 0
        for pack in self.packs():
            self.calls += 1
            self.chunks += len(pack)
            self._prompt_tokens += prompt_tokens(pack)
        self._progress = Progress("extract_facts", user_id, self.chunks)

    def packs(self, besides: Container[bytes] = frozenset()) -> Iterator[Pack]:
        """All of them from the start, without the chunks whose keys are in `besides`."""
        return packing.packs(self.chunks_file, (self.answered, besides), self._up_to)

    def more(self) -> bool:
        return self._next is not None

    def take(self) -> Pack | None:
        """The next pack, for one turn only."""
        taken, self._next = self._next, next(self._packs, None)
        return taken

    def estimated_cost(self, share_of_price: float = 1) -> float | None:
        """Dollars that the answers will cost, about; None when the model's price is not known.

        Raises BudgetReached when the prompts alone would cost more than the run may spend.
        """
        least = cost(self.model, self.calls, self._prompt_tokens)
        about = cost(self.model, self.calls, self._prompt_tokens, _EXPECTED_REPLY)
        if least is None or about is None:
            return None
        current_model().require_budget(least * share_of_price, "the prompts alone")
        return about * share_of_price

    async def save(self, outcomes: list[Outcome]) -> None:
        """Stores what a call has answered; a pause that another run has begun is kept from then on."""
        seconds = await current_store().save_facts(self.user_id, PROMPT_VERSION, self.model, outcomes)
        current_model().patience.pause(self.model, seconds)
        await self._progress.advance(len(outcomes))

    async def tick(self) -> None:
        """Writes down what the run has cost so far: a kill loses only the last seconds of it."""
        await current_store().save_cost(self.user_id, run_id(), current_model().ledger.as_json())
