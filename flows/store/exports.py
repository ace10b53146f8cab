"""The uploaded exports in Supabase Storage: whose an object is, and its way to local disk."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import quote
from uuid import UUID

import httpx

from flows.errors import ExportError, StoreError
from flows.exports import members
from flows.settings import StoreSettings
from flows.store import folders
from flows.store.download import Download, refused
from flows.store.refusals import Refusal

MOST_FILES = 1_000  # of one export; who has more, has them in a zip
_LISTED = 100  # rows in one answer
_PLACEHOLDER = ".emptyFolderPlaceholder"  # what Supabase's dashboard puts into a folder that it makes


class ExportBucket:
    def __init__(self, http: httpx.AsyncClient, headers: Mapping[str, str], settings: StoreSettings):
        self._http = http
        self._headers = headers
        self._settings = settings
        self._bucket = settings.storage_bucket

    async def version(self, name: str) -> str | None:
        """The ETag of an object, by its name in the bucket; None: Storage does not tell.

        Raises ExportError when there is no such object, StoreError when Storage does not answer. Source of the answer:
        supabase/storage, src/storage/renderer/info.ts.
        """
        answer = await self._ask("GET", f"info/{self._bucket}/{quote(name)}", dict)
        etag = answer.json().get("etag")
        return etag if isinstance(etag, str) else None

    async def names(self, storage_paths: Sequence[str], user_id: UUID) -> list[str]:
        """Those of the objects of an export, whose folders are listed. Raises as `object_name` and `listed` do."""
        names = [object_name(path, user_id, self._bucket) for path in storage_paths]
        return list(await objects(self, names)) if any(name.endswith("/") for name in names) else names

    async def listed(self, folder: str) -> dict[str, str | None]:
        """Name → version, of what is in a folder and all below it; its name ends with "/".

        Raises ExportError when that is nothing or too much, StoreError when Storage does not answer.
        """
        found: dict[str, str | None] = {}
        async for name, row in folders.below(folder, _LISTED, self._listing):
            if row["name"] == _PLACEHOLDER:
                continue
            etag = (row.get("metadata") or {}).get("eTag")
            found[name] = etag if isinstance(etag, str) else None
            check_count(len(found))
        if not found:
            raise ExportError(f"the folder holds no file; upload the export into it in bucket {self._bucket!r}")
        return found

    async def download_all(self, storage_paths: Sequence[str], user_id: UUID, folder: Path) -> int:
        """Streams the files of an export into the new folder; returns their size in bytes. Raises as `download` does.

        What is never opened is not fetched: empty files stand for it, so that it is counted.
        """
        folder.mkdir()
        size = 0
        for number, path in enumerate(storage_paths):
            name = object_name(path, user_id, self._bucket)
            file = folder / members.name_on_disk(number, name.partition("/")[2])
            if len(storage_paths) > 1 and members.is_attachment(file.name):
                file.touch()
            else:
                size += await self.download(name, user_id, file)
        return size

    async def download(self, storage_path: str, user_id: UUID, to: Path) -> int:
        """Streams an export to disk and returns its size in bytes.

        A connection that breaks is taken up where it broke. Raises ExportError when the path is not the user's or
        holds nothing, StoreError when the object cannot be had whole.
        """
        bucket = self._bucket
        name = object_name(storage_path, user_id, bucket)
        url = f"{str(self._settings.supabase_url).rstrip('/')}/storage/v1/object/{bucket}/{quote(name)}"
        patience = self._settings.supabase_patience_seconds
        # Not the storage client's download(): that one holds the whole object in memory.
        return await Download(self._http, url, dict(self._headers), bucket, patience).to(to)

    async def _listing(self, asked: Mapping[str, Any]) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = (await self._ask("POST", f"list/{self._bucket}", list, asked)).json()
        return rows

    async def _ask(self, method: str, path: str, shape: type, body: Mapping[str, Any] | None = None) -> httpx.Response:
        url = f"{str(self._settings.supabase_url).rstrip('/')}/storage/v1/object/{path}"
        try:
            answer = await self._http.request(method, url, json=body, headers=dict(self._headers))
        except httpx.RequestError as error:
            raise StoreError(f"Supabase Storage could not be reached ({type(error).__name__})") from None
        if (refusal := Refusal.of(answer, shape)) is not None:
            raise refused(refusal, self._bucket, by_storage=refusal.status != answer.status_code)
        return answer


class Versions(Protocol):
    """Of ExportBucket, what says which objects there are."""

    async def version(self, name: str) -> str | None: ...

    async def listed(self, folder: str) -> dict[str, str | None]: ...


async def objects(bucket: Versions, names: Iterable[str]) -> dict[str, str | None]:
    """Name → version, of all objects that are named or in a folder that is, in the order of the names.

    Raises ExportError and StoreError.
    """
    found: dict[str, str | None] = {}
    for name in dict.fromkeys(names):
        found |= await bucket.listed(name) if name.endswith("/") else {name: await bucket.version(name)}
        check_count(len(found))
    return dict(sorted(found.items()))


def check_count(files: int) -> None:
    """Raises ExportError when these are too many for one export."""
    if files > MOST_FILES:
        raise ExportError(f"an export of more than {MOST_FILES:,} files; upload them as one zip")


def object_name(storage_path: str, user_id: UUID, bucket: str) -> str:
    """The object's name in the bucket: `storage_path` without the bucket, if that is its first folder.

    A path that ends with "/" is a folder, and its name ends so, too. Raises ExportError unless the object lies in the
    user's own folder: whoever may start a pass must not be able to read somebody else's export.
    """
    is_folder = storage_path.endswith("/")
    segments = storage_path.removesuffix("/").split("/")
    if segments[0] == bucket and len(segments) > 2 - is_folder:
        segments = segments[1:]
    odd = any(segment in ("", ".", "..") for segment in segments) or any(
        ord(character) < 32 or character in "\\\x7f" for character in storage_path
    )
    if odd or len(segments) < 2 - is_folder or segments[0].lower() != str(user_id):
        raise ExportError(f"storage_path must be {bucket}/<user_id>/<file>, in the folder of the user it is for")
    return "/".join(segments) + "/" * is_folder
