"""The rows of conversation_chunks."""

from collections.abc import AsyncIterator, Mapping, Sequence
from uuid import UUID

import msgspec

from flows.records import Import, SpooledChunk, StoredChunk
from flows.store.requests import Query, Requests, Row, pages

_WHOLE = ",".join(SpooledChunk.__struct_fields__)
#: A thousand take many times their 8 MB while a page is decoded: with 25,000 chunks 195 MB, these 35.
_TEXTS_AT_ONCE = 100


class ChunkTable:
    def __init__(self, requests: Requests):
        self._requests = requests

    async def keys(self, user_id: UUID) -> AsyncIterator[str]:
        """The keys of the user's stored chunks, in order."""
        async for row in self._rows(user_id, "chunk_key"):
            yield row["chunk_key"]

    async def stored(self, user_id: UUID, columns: str) -> AsyncIterator[StoredChunk]:
        """The named columns (chunk_key is one) of the user's stored chunks, in the order of the keys."""
        async for row in self._rows(user_id, columns):
            yield msgspec.convert(row, StoredChunk)

    async def whole(self, user_id: UUID, keys: Sequence[str]) -> list[SpooledChunk]:
        """The chunks of these keys, as they were cut; without rows older than `turns`. For a hundred keys at most."""
        rows = self._rows(user_id, _WHOLE, {"chunk_key": keys})
        return [_whole(row) async for row in rows if row["turns"]]

    async def texts(self, user_id: UUID) -> AsyncIterator[SpooledChunk]:
        """All the user's chunks, page by page, in the order of the keys; without rows older than `turns`."""
        async for row in self._rows(user_id, _WHOLE, page=_TEXTS_AT_ONCE):
            if row["turns"]:
                yield _whole(row)

    async def at(self, user_id: UUID, conversation_id: str, positions: Sequence[int]) -> list[SpooledChunk]:
        """The chunks of a conversation at some positions, in order; without rows older than `turns`."""
        asked = {"user_id": str(user_id), "conversation_id": conversation_id}
        query = Query("conversation_chunks", _WHOLE, equal=asked, among={"position": positions}, order="position")
        rows = (await self._requests.select(query)).rows
        return [_whole(row) for row in rows if row["turns"]]

    def _rows(
        self, user_id: UUID, columns: str, among: Mapping[str, Sequence[str]] | None = None, page: int | None = None
    ) -> AsyncIterator[Row]:
        equal = {"user_id": str(user_id)}
        query = Query("conversation_chunks", columns, equal=equal, among=among or {}, order="chunk_key", limit=page)
        return pages(self._requests, query)

    async def adopt(self, user_id: UUID, run_id: str, source: str, keys: list[str]) -> None:
        """Says of chunks that they are of `source`."""
        arguments = {"p_user_id": str(user_id), "p_run_id": run_id, "p_source": source, "p_chunk_keys": keys}
        await self._requests.rpc("full_pass_adopt_chunks", arguments)

    async def save(self, user_id: UUID, run_id: str, chunks: list[SpooledChunk]) -> int:
        """Inserts or updates chunks; returns how many rows were written."""
        rows = msgspec.to_builtins(chunks)
        arguments = {"p_user_id": str(user_id), "p_run_id": run_id, "p_chunks": rows}
        return int(await self._requests.rpc("full_pass_save_chunks", arguments))

    async def prune(self, user_id: UUID, run_id: str, keys: list[str]) -> int:
        """Deletes the chunks named by `keys`; returns how many."""
        arguments = {"p_user_id": str(user_id), "p_run_id": run_id, "p_chunk_keys": keys}
        return int(await self._requests.rpc("full_pass_prune_chunks", arguments))

    async def add_to_import(self, user_id: UUID, run_id: str, upload: Import, keys: list[str]) -> None:
        """Says of stored chunks that the upload holds them, too."""
        arguments = {"p_user_id": str(user_id), "p_run_id": run_id, "p_chunk_keys": keys}
        await self._requests.rpc("full_pass_add_to_import", {**arguments, "p_import": msgspec.to_builtins(upload)})

    async def end_import(self, user_id: UUID, run_id: str, kept: Mapping[str, int], erase: bool) -> int:
        """Writes down what the user has of each source, and which answers are about no chunk any more.

        kept: for each source of the import, how many conversations the export lacks that stay. erase: answers about no
        chunk are deleted at once. Returns how many rows without a key were deleted, because their conversation is there
        with one now.
        """
        arguments = {"p_user_id": str(user_id), "p_run_id": run_id, "p_kept": kept, "p_erase": erase}
        return int(await self._requests.rpc("full_pass_end_import", arguments))


def _whole(row: Row) -> SpooledChunk:
    """The chunk of a row, which has null in columns that are younger than it."""
    return msgspec.convert({name: value for name, value in row.items() if value is not None}, SpooledChunk)
