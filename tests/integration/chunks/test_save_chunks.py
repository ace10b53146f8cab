"""Step 3 against the Supabase gateway: what readers see while a new set of chunks replaces an old one."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from flows import spool
from flows.chunks import cutting, saving, writing
from flows.chunks.saving import Saved
from flows.errors import StoreError
from flows.exports.conversations import Conversation, Message, Speaker
from flows.records import SpooledChunk
from flows.store.chunks import ChunkTable
from flows.store.client import Store, open_store
from tests.integration.service import FullPassService

RUN = "11111111-0000-4000-8000-000000000001"


@pytest.fixture
def user(service: FullPassService, monkeypatch: pytest.MonkeyPatch) -> UUID:
    """A user whom RUN owns, with the settings of a worker in the environment."""
    for name in ("SUPABASE_URL", "SUPABASE_SERVICE_KEY"):
        monkeypatch.setenv(name, service.stack.environment[name])
    return service.new_user(full_pass_status="processing", full_pass_run_id=RUN)


def write(path: Path, names: range, at: datetime = datetime(2024, 5, 1, tzinfo=UTC)) -> Path:
    """A spool file with one chunk for each conversation."""
    said = ((number, Message(Speaker.USER, f"I like tea number {number}.", at)) for number in names)
    talks = (Conversation(f"c{number}", f"Talk {number}", at, at, [message]) for number, message in said)
    spool.write(path, (writing.record(chunk, "app") for talk in talks for chunk in cutting.cut(talk)))
    return path


def save(user: UUID, chunks: Path, beside: Callable[[Store], Any] | None = None, replace: bool = False) -> Saved:
    async def run() -> Saved:
        async with open_store() as store, _beside(beside, store):
            return await saving.save(store.chunks, user, RUN, chunks, replace)

    return asyncio.run(run())


@asynccontextmanager
async def _beside(work: Callable[[Store], Any] | None, store: Store) -> AsyncIterator[None]:
    task = asyncio.create_task(work(store)) if work else None
    yield
    if task:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def test_an_unchanged_chunk_keeps_its_row_and_what_is_gone_is_pruned(service, user, tmp_path):
    assert save(user, write(tmp_path / "a", range(500))) == Saved(written=500, unchanged=0, pruned=0)
    first = {row["chunk_key"]: row for row in service.chunks(user)}
    assert save(user, tmp_path / "a") == Saved(written=0, unchanged=500, pruned=0)
    assert save(user, write(tmp_path / "b", range(100, 650))) == Saved(written=150, unchanged=400, pruned=100)
    second = {row["chunk_key"]: row for row in service.chunks(user)}
    assert len(second) == 550
    assert all(second[key] == first[key] for key in first.keys() & second.keys())


def test_a_reader_never_sees_fewer_chunks_than_the_smaller_set(service, user, tmp_path):
    save(user, write(tmp_path / "a", range(600)))
    seen: list[int] = []

    async def read(store: Store) -> None:
        while True:
            seen.append(sum([1 async for _ in store.chunks.keys(user)]))

    assert save(user, write(tmp_path / "b", range(1_000, 1_600)), beside=read, replace=True).pruned == 600
    assert len(seen) > 2
    assert min(seen) >= 600


def test_a_save_that_is_cut_short_leaves_the_old_set_and_the_next_one_completes_it(
    service, user, tmp_path, monkeypatch
):
    save(user, write(tmp_path / "a", range(300)))
    old = {row["chunk_key"] for row in service.chunks(user)}
    with monkeypatch.context() as patched:
        whole, requests = ChunkTable.save, count()

        async def save_some(*arguments: Any) -> int:
            if next(requests) == 9:
                raise StoreError("gone")
            return await whole(*arguments)

        patched.setattr(ChunkTable, "save", save_some)
        with pytest.raises(StoreError):
            save(user, write(tmp_path / "b", range(1_000, 1_900)), replace=True)
    assert old < {row["chunk_key"] for row in service.chunks(user)}
    assert save(user, tmp_path / "b", replace=True).pruned == 300
    assert {row["conversation_id"] for row in service.chunks(user)} == {f"c{n}" for n in range(1_000, 1_900)}


def test_what_is_read_for_the_steps_after_it_is_what_was_cut_and_rows_of_yesterday_lack_their_days(
    service, user, tmp_path
):
    save(user, write(tmp_path / "a", range(3)))
    cut = list(spool.read(tmp_path / "a", SpooledChunk))
    assert whole(user, cut) == cut
    assert {at for chunk in cut for at in chunk.turn_times} == {"2024-05-01T00:00:00+00:00"}
    service.supabase.patch(
        "/rest/v1/conversation_chunks",
        params={"user_id": f"eq.{user}"},
        json={"turn_times": None, "cut_secrets": None},
    ).raise_for_status()
    assert [chunk.turn_times for chunk in whole(user, cut)] == [[], [], []]
    assert save(user, tmp_path / "a") == Saved(written=3, unchanged=0, pruned=0)
    assert whole(user, cut) == cut


def whole(user: UUID, chunks: list[SpooledChunk]) -> list[SpooledChunk]:
    """The rows of the chunks as a run reads them, in the same order."""

    async def read() -> list[SpooledChunk]:
        async with open_store() as store:
            return await store.chunks.whole(user, [chunk.chunk_key for chunk in chunks])

    rows = {chunk.chunk_key: chunk for chunk in asyncio.run(read())}
    return [rows[chunk.chunk_key] for chunk in chunks]


def test_dates_are_utc_and_recent_means_180_days(service, user, tmp_path):
    now = datetime.now(UTC)
    lisbon = now.astimezone().tzinfo
    for name, at in (("old", now - timedelta(days=181)), ("new", (now - timedelta(days=179)).astimezone(lisbon))):
        save(user, write(tmp_path / name, range(1), at))
        (row,) = service.chunks(user)
        assert datetime.fromisoformat(row["created_at"]) == at
        assert row["is_recent"] is (name == "new")
        assert (row["position"], row["first_message"], row["last_message"], row["message_count"]) == (0, 0, 0, 1)
        assert row["token_count"] > 5
