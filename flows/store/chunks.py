"""The rows of conversation_chunks."""

from collections.abc import AsyncIterator
from uuid import UUID

import msgspec

from flows.records import ChunkRecord
from flows.store.requests import Query, Requests, pages


class ChunkTable:
    def __init__(self, requests: Requests):
        self._requests = requests

    async def keys(self, user_id: UUID) -> AsyncIterator[str]:
        """The keys of the user's stored chunks, in order."""
        asked = Query("conversation_chunks", "chunk_key", equal={"user_id": str(user_id)}, order="chunk_key")
        async for row in pages(self._requests, asked):
            yield row["chunk_key"]

    async def save(self, user_id: UUID, run_id: str, chunks: list[ChunkRecord]) -> int:
        """Inserts or updates chunks; returns how many rows were written."""
        rows = msgspec.to_builtins(chunks)
        arguments = {"p_user_id": str(user_id), "p_run_id": run_id, "p_chunks": rows}
        return int(await self._requests.rpc("full_pass_save_chunks", arguments))

    async def prune(self, user_id: UUID, run_id: str, keys: list[str]) -> int:
        """Deletes the chunks named by `keys` and those without a key; returns how many."""
        arguments = {"p_user_id": str(user_id), "p_run_id": run_id, "p_chunk_keys": keys}
        return int(await self._requests.rpc("full_pass_prune_chunks", arguments))
