"""EXTRACTION_MODE=batch: the questions of step 4 as Message Batches, which cost half and are answered within 24 hours.

A batch that has been handed in is remembered in `extraction_batches` until its answers are stored, so a run that is
killed, or ends, while a batch is being worked on loses nothing: the next one waits for the same batch. Only between
handing in and remembering, a moment, a kill would pay for a batch twice.

Source: Anthropic's API reference, "Message Batches": at most 100,000 requests or 256 MB; results in any order.
"""

import asyncio
import hashlib
import json
from collections.abc import Iterator
from typing import Any

from flows import models
from flows.errors import InvalidReply, Refused
from flows.extraction import packing, question
from flows.extraction.packing import Excerpt, Pack
from flows.extraction.pending import PendingChunks
from flows.extraction.question import PROMPT_VERSION, ChunkFacts
from flows.llm.client import current_model
from flows.llm.messages import parsed, request
from flows.portions import by_size
from flows.records import ChunkOutcome, PendingBatch, Step
from flows.settings import ModelSettings, PassSettings
from flows.store.client import current_store

SHARE_OF_PRICE = 0.5

# Far below the API's limits, because a batch is handed in from memory.
_MOST_REQUESTS = 10_000
_MOST_BYTES = 16_000_000
_ROUNDS = 3  # of handing in what has expired or met an error of the API
_ANSWERS_AT_ONCE = 20  # with two to four chunks each

_STEP = Step.EXTRACT_FACTS

Portion = dict[str, tuple[Pack, dict[str, Any]]]  # custom_id → what is asked about, the request's parameters
Answered = tuple[list[str], ChunkFacts]  # keys of the chunks that were asked about, in the order of their excerpts


async def answer(pending: PendingChunks) -> PendingChunks:
    """Hands in all questions and waits for the answers, also those of batches that an earlier run has handed in.

    Returns what is left then, to be asked one by one: above all what has to be asked differently.
    """
    asked_in_vain: set[bytes] = set()
    for _ in range(_ROUNDS):
        await _hand_in_all(pending, asked_in_vain)
        batches = await _handed_in(pending)
        if not batches:
            break
        for batch in batches:
            ended = await _ended(pending, batch.batch_id)
            if ended:
                asked_in_vain |= await _collect(pending, batch)
            await current_store().answers.end_batch(batch.batch_id)
            if ended:
                await current_model().delete_batch(batch.batch_id)
            await pending.save_cost()
        pending = await PendingChunks.of(pending.user_id, pending.chunks_file, pending.model)
    return pending


async def _handed_in(pending: PendingChunks) -> list[PendingBatch]:
    return await current_store().answers.batches(pending.user_id, PROMPT_VERSION, pending.model)


async def _hand_in_all(pending: PendingChunks, asked_in_vain: set[bytes]) -> None:
    """All questions but those that are being answered, and those that have to be asked differently."""
    batches = await _handed_in(pending)
    under_way = {bytes.fromhex(key) for batch in batches for keys in batch.requests.values() for key in keys}
    dollars = 0.0  # at least
    for portion in _portions(pending.packs(besides=under_way | asked_in_vain), pending.model):
        prompts = sum(question.prompt_tokens(pack) for pack, _ in portion.values())
        least = models.estimated_cost(pending.model, calls=len(portion), prompt_tokens=prompts) or 0.0
        dollars += least * SHARE_OF_PRICE
        current_model().require_budget(dollars, "the next batch")
        await _hand_in(pending, portion)


def _portions(packs: Iterator[Pack], model: str) -> Iterator[Portion]:
    """The questions in batches that are within the limits."""
    asked = ((pack, _request(pack, model)) for pack in packs)
    for portion in by_size(asked, lambda one: len(json.dumps(one[1]).encode()), _MOST_BYTES, _MOST_REQUESTS):
        yield {_custom_id(pack): (pack, parameters) for pack, parameters in portion}


def _request(pack: Pack, model: str) -> dict[str, Any]:
    return request(
        model=model,
        system=question.SYSTEM,
        content=question.content(pack),
        reply_type=ChunkFacts,
        max_tokens=_max_tokens(model),
        thinking=ModelSettings().extraction_thinking,
    )


def _custom_id(pack: Pack) -> str:
    keys = "".join(excerpt.chunk_key for excerpt in pack)
    return hashlib.sha256(keys.encode()).hexdigest()[:32]


async def _hand_in(pending: PendingChunks, portion: Portion) -> None:
    requests = {name: asked for name, (_, asked) in portion.items()}
    batch_id = await current_model().create_batch(_STEP, pending.model, requests)
    chunk_keys = {name: [excerpt.chunk_key for excerpt in pack] for name, (pack, _) in portion.items()}
    batch = PendingBatch(batch_id, chunk_keys)
    await current_store().answers.add_batch(pending.user_id, PROMPT_VERSION, pending.model, batch)


async def _ended(pending: PendingChunks, batch_id: str) -> bool:
    """Returns when the batch has been worked on; False when the API knows of none, as after another key was set."""
    while True:
        ended = await current_model().batch_has_ended(_STEP, pending.model, batch_id)
        if ended is not False:
            return bool(ended)
        await asyncio.sleep(PassSettings().extraction_batch_poll_seconds)


async def _collect(pending: PendingChunks, batch: PendingBatch) -> set[bytes]:
    """Stores the answers; returns the keys of chunks whose question has to be put differently."""
    in_vain: set[bytes] = set()
    refused: list[ChunkOutcome] = []
    answered: list[Answered] = []
    async for line in current_model().batch_results(_STEP, pending.model, batch.batch_id):
        chunk_keys = batch.requests.get(line.custom_id, [])
        new = {key for chunk_key in chunk_keys if (key := bytes.fromhex(chunk_key)) not in pending.answered}
        if not new or line.result.type != "succeeded":  # what errored, expired or was canceled cost nothing
            continue
        current_model().usage.record(_STEP, pending.model, line.result.message.usage, SHARE_OF_PRICE)
        try:
            answered.append((chunk_keys, parsed(line.result.message, ChunkFacts, _max_tokens(pending.model))))
        except InvalidReply as error:
            if isinstance(error, Refused) and len(chunk_keys) == 1:
                refused.append(question.without_answer(chunk_keys[0], error))
            else:
                in_vain |= new
        if len(answered) == _ANSWERS_AT_ONCE:
            in_vain |= await _save(pending, answered)
            answered = []
    in_vain |= await _save(pending, answered)
    await pending.save(refused)
    return in_vain


async def _save(pending: PendingChunks, answered: list[Answered]) -> set[bytes]:
    """Stores what the chunks' own words say of the replies; returns the keys of chunks that have none by that."""
    keys = [key for chunk_keys, _ in answered for key in chunk_keys]
    chunks = {chunk.chunk_key: chunk for chunk in await current_store().chunks.whole(pending.user_id, keys)}
    outcomes: list[ChunkOutcome] = []
    in_vain: set[bytes] = set()
    for chunk_keys, reply in answered:
        # The user may have deleted a chunk meanwhile; the others keep their numbers.
        pack = [packing.whole(chunks[key]) if key in chunks else Excerpt(key, [], 0) for key in chunk_keys]
        try:
            outcomes += [outcome for outcome in question.outcomes(pack, reply) if outcome.chunk_key in chunks]
        except InvalidReply:
            in_vain |= {bytes.fromhex(key) for key in chunk_keys}
    await pending.save(outcomes)
    return in_vain


def _max_tokens(model: str) -> int:
    return models.max_tokens(model, ModelSettings().extraction_thinking, question.REPLY_TOKENS)
