"""The uploaded exports in Supabase Storage: whose an object is, and its way to local disk."""

from collections.abc import Mapping
from pathlib import Path
from urllib.parse import quote
from uuid import UUID

import httpx

from flows.errors import ExportError, StoreError
from flows.settings import StoreSettings
from flows.store.download import Download, refused
from flows.store.refusals import Refusal


class ExportBucket:
    def __init__(self, http: httpx.AsyncClient, headers: Mapping[str, str], settings: StoreSettings):
        self._http = http
        self._headers = headers
        self._settings = settings

    async def version(self, name: str) -> str | None:
        """The ETag of an object, by its name in the bucket; None: Storage does not tell.

        Raises ExportError when there is no such object, StoreError when Storage does not answer. Source of the answer:
        supabase/storage, src/storage/renderer/info.ts.
        """
        bucket = self._settings.storage_bucket
        url = f"{str(self._settings.supabase_url).rstrip('/')}/storage/v1/object/info/{bucket}/{quote(name)}"
        try:
            answer = await self._http.get(url, headers=dict(self._headers))
        except httpx.RequestError as error:
            raise StoreError(f"Supabase Storage could not be reached ({type(error).__name__})") from None
        if (refusal := Refusal.of(answer, dict)) is not None:
            raise refused(refusal, bucket, by_storage=refusal.status != answer.status_code)
        etag = answer.json().get("etag")
        return etag if isinstance(etag, str) else None

    async def download(self, storage_path: str, user_id: UUID, to: Path) -> int:
        """Streams an export to disk and returns its size in bytes.

        A connection that breaks is taken up where it broke. Raises ExportError when the path is not the user's or
        holds nothing, StoreError when the object cannot be had whole.
        """
        bucket = self._settings.storage_bucket
        name = object_name(storage_path, user_id, bucket)
        url = f"{str(self._settings.supabase_url).rstrip('/')}/storage/v1/object/{bucket}/{quote(name)}"
        patience = self._settings.supabase_patience_seconds
        # Not the storage client's download(): that one holds the whole object in memory.
        return await Download(self._http, url, dict(self._headers), bucket, patience).to(to)


def object_name(storage_path: str, user_id: UUID, bucket: str) -> str:
    """The object's name in the bucket: `storage_path` without the bucket, if that is its first folder.

    Raises ExportError unless the object lies in the user's own folder: whoever may start a pass must not be able to
    read somebody else's export.
    """
    segments = storage_path.split("/")
    if segments[0] == bucket and len(segments) > 2:
        segments = segments[1:]
    odd = any(segment in ("", ".", "..") for segment in segments) or any(
        ord(character) < 32 or character in "\\\x7f" for character in storage_path
    )
    if odd or len(segments) < 2 or segments[0].lower() != str(user_id):
        raise ExportError(f"storage_path must be {bucket}/<user_id>/<file>, in the folder of the user it is for")
    return "/".join(segments)
