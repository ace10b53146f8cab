"""The files of an export in a folder of Storage, and their way to disk."""

import asyncio
import json
from collections.abc import AsyncIterator

import httpx
import pytest

from flows.errors import ExportError, StoreError
from flows.settings import StoreSettings
from flows.store import exports
from flows.store.exports import ExportBucket
from tests.unit.fake_supabase import USER


class Content(httpx.AsyncByteStream):
    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield b"content"


class Storage:
    """Answers as Supabase Storage does: a level of a folder at a time, folders without an id
    (supabase/storage, src/http/routes/object/listObjects.ts)."""

    def __init__(self, *names: str):
        self.names = sorted(f"{USER}/{name}" for name in names)
        self.fetched: list[str] = []
        self.status = 200

    def __call__(self, request: httpx.Request) -> httpx.Response:
        if self.status != 200:
            return httpx.Response(self.status, json={"statusCode": str(self.status), "error": "x", "message": "x"})
        if request.url.path.endswith("/object/list/imports"):
            return httpx.Response(200, json=self._level(**json.loads(request.content)))
        self.fetched.append(request.url.path.rpartition("/")[2])
        return httpx.Response(200, stream=Content(), headers={"content-type": "application/zip"})

    def _level(self, prefix: str, limit: int, offset: int, **order: object) -> list[dict[str, object]]:
        below = [name.removeprefix(prefix).partition("/") for name in self.names if name.startswith(prefix)]
        rows: dict[str, dict[str, object]] = {}
        for name, slash, _ in below:
            metadata = None if slash else {"eTag": f'"{name}"', "size": 7}
            rows[name] = {"name": name, "id": None if slash else "an id", "metadata": metadata}
        return list(rows.values())[offset : offset + limit]

    def bucket(self) -> ExportBucket:
        settings = StoreSettings(supabase_url="http://storage", supabase_service_key="k", supabase_patience_seconds=0)
        return ExportBucket(httpx.AsyncClient(transport=httpx.MockTransport(self)), {}, settings)


def listed(storage: Storage, *paths: str) -> dict[str, str | None]:
    return asyncio.run(exports.objects(storage.bucket(), [f"{USER}/{path}" for path in paths]))


def test_a_folder_is_all_that_is_below_it_however_many_pages_that_is():
    names = [f"may/part-{number:03}.zip" for number in range(250)]
    storage = Storage(*names, "may/deep/er/conversations.json", "mayor.zip", "may/.emptyFolderPlaceholder")
    found = listed(storage, "may/")
    assert list(found) == sorted(f"{USER}/{name}" for name in (*names, "may/deep/er/conversations.json"))
    assert found[f"{USER}/may/part-007.zip"] == '"part-007.zip"'


def test_a_folder_that_holds_nothing_or_far_too_much_says_what_to_do():
    with pytest.raises(ExportError, match="holds no file; upload"):
        listed(Storage("x.zip"), "may/")
    with pytest.raises(ExportError, match="more than 1,000 files; upload them as one zip"):
        listed(Storage(*(f"may/{number}" for number in range(1_001))), "may/")


def test_a_storage_that_does_not_answer_is_no_empty_folder():
    storage = Storage("may/1.zip")
    storage.status = 503
    with pytest.raises(StoreError):
        listed(storage, "may/")


def test_files_lie_side_by_side_on_disk_and_a_persons_attachments_are_not_fetched(tmp_path):
    storage = Storage()
    names = [f"{USER}/may/{name}" for name in ("1.zip", "Files__2.zip", "deep/1.zip", "photo.png")]
    size = asyncio.run(storage.bucket().download_all(names, USER, tmp_path / "export"))
    assert (size, storage.fetched) == (14, ["1.zip", "1.zip"])
    assert sorted(path.stat().st_size for path in (tmp_path / "export").iterdir()) == [0, 0, 7, 7]
