"""EXTRACTION_MODE=batch: the questions of step 4 as Message Batches, which cost half and are answered within 24 hours.

A batch that has been handed in is remembered in `extraction_batches` until its answers are stored, so a run that is
killed, or ends, while a batch is being worked on loses nothing: the next one waits for the same batch. Only between
handing in and remembering, a moment, a kill would pay for a batch twice.

Source: Anthropic's API reference, "Message Batches": at most 100,000 requests or 256 MB; results in any order.
"""

import asyncio
import hashlib
import json
from collections.abc import AsyncIterator, Iterator
from typing import Any

from anthropic import NotFoundError
from anthropic.types.messages import MessageBatch, MessageBatchIndividualResponse

from flows.errors import InvalidReply, Refused
from flows.extraction import pending, question
from flows.extraction.packing import Pack
from flows.extraction.pending import Unanswered
from flows.extraction.question import PROMPT_VERSION, Outcome
from flows.llm.client import current_model, parsed, request
from flows.memory.facts import ChunkFacts
from flows.settings import PassSettings
from flows.store.client import current_store

SHARE_OF_PRICE = 0.5

# Far below the API's limits, because a batch is handed in from memory.
_MOST_REQUESTS = 10_000
_MOST_BYTES = 16_000_000
_ROUNDS = 3  # of handing in what has expired or met an error of the API
_ANSWERS_AT_ONCE = 50

_STEP = "extract_facts"


async def extract(left: Unanswered) -> Unanswered:
    """Hands in all questions and waits for the answers, also those of batches that an earlier run has handed in.

    Returns what is left then, to be asked one by one: above all what has to be asked differently.
    """
    asked_in_vain: set[bytes] = set()
    for _ in range(_ROUNDS):
        handed_in = 0.0  # dollars, at least
        waiting = await _waiting(left)
        under_way = {bytes.fromhex(key) for batch in waiting for keys in batch["requests"].values() for key in keys}
        for portion in _portions(left.packs(besides=under_way | asked_in_vain), left.model):
            prompts = sum(pending.prompt_tokens(pack) for pack, _ in portion.values())
            least = pending.cost(left.model, len(portion), prompts) or 0.0
            handed_in += least * SHARE_OF_PRICE
            current_model().require_budget(handed_in, "the next batch")
            await _hand_in(left, portion)
        waiting = await _waiting(left)
        if not waiting:
            break
        for batch in waiting:
            if await _ended(left, batch["batch_id"]):
                asked_in_vain |= await _collect(left, batch["batch_id"], batch["requests"])
            await current_store().end_batch(batch["batch_id"])
            await left.tick()
        left = await Unanswered.of(left.user_id, left.chunks_file, left.model)
    return left


async def _waiting(left: Unanswered) -> list[dict[str, Any]]:
    return await current_store().batches(left.user_id, PROMPT_VERSION, left.model)


Portion = dict[str, tuple[Pack, dict[str, Any]]]  # custom_id → what is asked about, the request's parameters


def _portions(packs: Iterator[Pack], model: str) -> Iterator[Portion]:
    """The questions in batches that are within the limits."""
    portion: Portion = {}
    size = 0
    for pack in packs:
        asked = request(
            model=model,
            system=question.SYSTEM,
            content=question.content(pack),
            reply=ChunkFacts,
            max_tokens=question.REPLY_TOKENS,
        )
        bytes_ = len(json.dumps(asked).encode())
        if portion and (size + bytes_ > _MOST_BYTES or len(portion) == _MOST_REQUESTS):
            yield portion
            portion, size = {}, 0
        keys = "".join(excerpt.chunk_key for excerpt in pack)
        portion[hashlib.sha256(keys.encode()).hexdigest()[:32]] = pack, asked
        size += bytes_
    if portion:
        yield portion


async def _hand_in(left: Unanswered, portion: Portion) -> None:
    client = current_model()
    requests: list[Any] = [{"custom_id": name, "params": request} for name, (_, request) in portion.items()]
    # Tried once: a request whose answer was lost may have arrived, and would be paid for again.
    batch = await client.repeat(
        _STEP, left.model, lambda: client.client.messages.batches.create(requests=requests), tries=1
    )
    chunk_keys = {name: [excerpt.chunk_key for excerpt in pack] for name, (pack, _) in portion.items()}
    await current_store().add_batch(left.user_id, batch.id, PROMPT_VERSION, left.model, chunk_keys)


async def _ended(left: Unanswered, batch_id: str) -> bool:
    """Returns when the batch has been worked on; False when the API knows of none, as after another key was set."""
    client = current_model()

    async def retrieve() -> MessageBatch | None:
        try:
            return await client.client.messages.batches.retrieve(batch_id)
        except NotFoundError:
            return None

    while True:
        batch = await client.repeat(_STEP, left.model, retrieve)
        if batch is None:
            return False
        if batch.processing_status == "ended":
            return True
        await asyncio.sleep(PassSettings().extraction_batch_poll_seconds)


async def _collect(left: Unanswered, batch_id: str, requests: dict[str, list[str]]) -> set[bytes]:
    """Stores the answers; returns the keys of chunks whose question has to be put differently."""
    in_vain: set[bytes] = set()
    outcomes: list[Outcome] = []
    async for name, result in _results(left, batch_id):
        chunk_keys = requests.get(name, [])
        new = [key for key in chunk_keys if bytes.fromhex(key) not in left.answered]
        if not new or result.type != "succeeded":  # errored, expired and canceled cost nothing and are handed in again
            continue
        current_model().ledger.record(_STEP, left.model, result.message.usage, SHARE_OF_PRICE)
        try:
            reply = parsed(result.message, ChunkFacts, question.REPLY_TOKENS)
            outcomes += question.outcomes(chunk_keys, reply)
        except InvalidReply as error:
            if isinstance(error, Refused) and len(chunk_keys) == 1:
                outcomes.append(question.unanswered(chunk_keys[0], error))
            else:
                in_vain |= {bytes.fromhex(key) for key in new}
        if len(outcomes) >= _ANSWERS_AT_ONCE:
            await left.save(outcomes)
            outcomes = []
    if outcomes:
        await left.save(outcomes)
    return in_vain


async def _results(left: Unanswered, batch_id: str) -> AsyncIterator[tuple[str, Any]]:
    client = current_model()
    lines = await client.repeat(_STEP, left.model, lambda: client.client.messages.batches.results(batch_id))
    line: MessageBatchIndividualResponse
    async for line in lines:
        yield line.custom_id, line.result
