"""What models have answered and has been paid for, and what is known about asking them."""

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any
from uuid import UUID

import msgspec

from flows.records import ChunkOutcome, PendingBatch
from flows.store.requests import Query, Requests, pages

_FORGOTTEN_AT_ONCE = 5_000


class AnswerTable:
    """chunk_facts, extraction_batches, model_replies and model_pauses."""

    def __init__(self, requests: Requests):
        self._requests = requests

    # Facts of chunks

    async def save(self, user_id: UUID, prompt_version: str, model: str, outcomes: list[ChunkOutcome]) -> float:
        """Keeps what became of chunks. Returns for how many seconds no run may call the model."""
        seconds = await self._requests.rpc(
            "full_pass_save_facts",
            {
                "p_user_id": str(user_id),
                "p_prompt_version": prompt_version,
                "p_model": model,
                "p_outcomes": msgspec.to_builtins(outcomes),
            },
        )
        return float(seconds)

    async def of_chunks(
        self, user_id: UUID, prompt_version: str, model: str, columns: str
    ) -> AsyncIterator[ChunkOutcome]:
        """The named columns (chunk_key and outcome are two) of what has been answered, in the order of the keys."""
        asked = {"user_id": str(user_id), "prompt_version": prompt_version, "model": model}
        async for row in pages(self._requests, Query("chunk_facts", columns, equal=asked, order="chunk_key")):
            yield msgspec.convert({name: value for name, value in row.items() if value is not None}, ChunkOutcome)

    async def older(self, user_id: UUID, keys: list[str]) -> list[ChunkOutcome]:
        """The last facts of these chunks, whatever prompt and model they are by; none of chunks without any."""
        arguments = {"p_user_id": str(user_id), "p_chunk_keys": keys}
        return msgspec.convert(await self._requests.rpc("full_pass_older_facts", arguments), list[ChunkOutcome])

    async def forget(self, unused_for: timedelta) -> int:
        """Deletes answers that have been about no chunk for so long; returns how many."""
        arguments = {"p_unused_for": f"{unused_for.total_seconds()} seconds", "p_limit": _FORGOTTEN_AT_ONCE}
        forgotten = 0
        while count := int(await self._requests.rpc("full_pass_forget_answers", arguments)):
            forgotten += count
        return forgotten

    # Message batches

    async def add_batch(self, user_id: UUID, prompt_version: str, model: str, batch: PendingBatch) -> None:
        """Remembers a message batch that has been handed in."""
        await self._requests.rpc(
            "full_pass_add_batch",
            {
                "p_user_id": str(user_id),
                "p_batch_id": batch.batch_id,
                "p_prompt_version": prompt_version,
                "p_model": model,
                "p_requests": batch.requests,
            },
        )

    async def end_batch(self, batch_id: str) -> None:
        await self._requests.rpc("full_pass_end_batch", {"p_batch_id": batch_id})

    async def batches(self, user_id: UUID, prompt_version: str, model: str) -> list[PendingBatch]:
        """The batches that have been handed in and not ended, oldest first."""
        asked = {"user_id": str(user_id), "prompt_version": prompt_version, "model": model}
        query = Query("extraction_batches", "batch_id,requests,created_at", equal=asked, order="batch_id")
        rows = sorted([row async for row in pages(self._requests, query)], key=lambda row: row["created_at"])
        return msgspec.convert(rows, list[PendingBatch])

    async def batch_ids(self, user_id: UUID) -> list[str]:
        """Those of all that have been handed in for the user and not ended."""
        query = Query("extraction_batches", "batch_id", equal={"user_id": str(user_id)}, order="batch_id")
        return [str(row["batch_id"]) async for row in pages(self._requests, query)]

    # Replies of the steps after extraction

    async def reply(self, user_id: UUID, request_key: str) -> Any:
        """What a model has replied to a request since the last complete pass; None: nothing."""
        asked = {"user_id": str(user_id), "request_key": request_key}
        rows = (await self._requests.select(Query("model_replies", "reply", equal=asked))).rows
        return rows[0]["reply"] if rows else None

    async def save_reply(self, user_id: UUID, request_key: str, reply: Any) -> None:
        arguments = {"p_user_id": str(user_id), "p_request_key": request_key, "p_reply": reply}
        await self._requests.rpc("full_pass_save_reply", arguments)

    # Asking for less

    async def pause(self, model: str, seconds: float) -> float:
        """Lets no run call the model for so long. Returns for how many seconds none may."""
        return float(await self._requests.rpc("full_pass_pause", {"p_model": model, "p_seconds": seconds}))
