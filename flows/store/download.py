"""Downloading an object of Supabase Storage to disk: streamed, resumed where it broke off, and checked.

Storage ignores If-Range (supabase/storage, src/storage/renderer/asset.ts): it answers 206 from whatever object is there
now. So it is the ETag and the Content-Range of each part that say whether it is the rest of what is on disk.
"""

import asyncio
import hashlib
import re
from pathlib import Path

import httpx

from flows.errors import ExportError, StoreError
from flows.store import backoff
from flows.store.refusals import KEY, Refusal

_MOST_REPLACEMENTS = 5
_MD5 = re.compile(r'"?([0-9a-f]{32})"?')  # what S3 gives for an object that came in one part
_CONTENT_RANGE = re.compile(r"bytes (\d+)-\d+/(\d+)")


class Download:
    """One object; `to()` writes it."""

    def __init__(self, http: httpx.AsyncClient, url: str, headers: dict[str, str], bucket: str, patience: float):
        # identity: lengths and ranges are of what is stored.
        self._http, self._url, self._headers = http, url, {**headers, "Accept-Encoding": "identity"}
        self._bucket, self._patience = bucket, patience
        self._etag: str | None = None
        self._length: int | None = None
        self._replacements = 0
        self._farthest = 0  # bytes; without an ETag each attempt begins anew, and getting as far again is no progress

    async def to(self, path: Path) -> int:
        """Writes the object and returns its size in bytes.

        Raises ExportError when there is no such object, StoreError when it cannot be had whole.
        """
        await self._whole(path)
        digest = await asyncio.to_thread(_md5, path)
        promised = _MD5.fullmatch(self._etag or "")
        if promised and promised[1] != digest:
            # Damaged on the way, or an ETag that only looks like an MD5 (encrypted buckets have such): damage does not
            # come twice the same.
            path.unlink()
            self._farthest = 0
            await self._whole(path)
            promised = _MD5.fullmatch(self._etag or "")  # of another object, if it was replaced just now
            if await asyncio.to_thread(_md5, path) not in (promised and promised[1], digest):
                raise StoreError("the download is damaged, twice and differently; it will be tried again")
        return path.stat().st_size

    async def _whole(self, path: Path) -> None:
        path.touch()
        pauses = backoff.pauses(self._patience)
        while True:
            had = path.stat().st_size
            problem = await self._more(path, had)
            if problem is None:
                return
            has = path.stat().st_size
            if has > self._farthest:
                self._farthest, pauses = has, backoff.pauses(self._patience)
            pause = next(pauses, None)
            if pause is None:
                raise StoreError(
                    f"the download {problem} after {has} of {self._length or 'unknown'} bytes; it will be tried again"
                )
            await asyncio.sleep(pause)

    async def _more(self, path: Path, offset: int) -> str | None:
        """Gets what is still missing. Returns why that is not all; None: now the object is whole."""
        try:
            await self._rest(path, offset)
        except _Replaced:
            self._replacements += 1
            if self._replacements > _MOST_REPLACEMENTS:
                raise StoreError("the export is being replaced again and again; it will be tried again") from None
            path.write_bytes(b"")
            self._farthest = 0
            return await self._more(path, 0)
        except _Away as error:
            return f"broke off ({error})"
        except httpx.RequestError as error:
            return f"broke off ({type(error).__name__})"
        return None if self._length in (None, path.stat().st_size) else "broke off"

    async def _rest(self, path: Path, offset: int) -> None:
        """Appends what the object has from `offset` on; writes it anew when the answer is the whole object.

        Raises _Replaced when it is no longer the same object, _Away when Storage does not answer for now.
        """
        resuming = offset > 0 and self._etag is not None and not self._etag.startswith("W/")
        headers = dict(self._headers)
        if resuming:
            # If-Range is for caches on the way.
            headers |= {"Range": f"bytes={offset}-", "If-Range": str(self._etag)}
        async with self._http.stream("GET", self._url, headers=headers) as response:
            await self._check(response)
            partial = response.status_code == 206
            if partial and not (resuming and self._continues(response, offset)):
                raise _Replaced
            if not partial:
                length = response.headers.get("content-length")
                self._etag = response.headers.get("etag")
                self._length = int(length) if length else None
            with path.open("ab" if partial else "wb") as file:
                async for part in response.aiter_raw():
                    file.write(part)

    def _continues(self, response: httpx.Response, offset: int) -> bool:
        said = _CONTENT_RANGE.fullmatch(response.headers.get("content-range", ""))
        same = response.headers.get("etag") == self._etag
        return same and said is not None and (int(said[1]), int(said[2])) == (offset, self._length)

    async def _check(self, response: httpx.Response) -> None:
        if response.status_code in (200, 206):
            # What is stored as HTML, Storage sends as plain text.
            if response.headers.get("content-type", "").startswith("text/html"):
                raise _Away("a page of HTML came instead")
            return
        await response.aread()
        refusal = Refusal.of(response) or Refusal(response.status_code, stranger=True)
        if refusal.status == 416:
            raise _Replaced
        if refusal.is_passing:
            raise _Away(f"status {refusal.status}")
        raise refused(refusal, self._bucket, by_storage=refusal.status != response.status_code)


def refused(refusal: Refusal, bucket: str, *, by_storage: bool) -> ExportError | StoreError:
    """The error of an object that cannot be had. by_storage: Storage itself says so, and nobody in front of it."""
    if refusal.code == "NoSuchBucket":
        return StoreError(
            f"there is no bucket {bucket!r} for this key; make it, or set STORAGE_BUCKET or SUPABASE_SERVICE_KEY"
        )
    if refusal.code == "InvalidKey":
        return ExportError(
            f"Storage takes no such name; upload the export as {bucket}/<user_id>/export.zip, then trigger again"
        )
    if refusal.status == 404 and by_storage:
        return ExportError(f"there is no such object in bucket {bucket!r}; upload the export there, then trigger again")
    return StoreError(KEY) if refusal.status == 403 and by_storage else refusal.error()


class _Replaced(Exception):
    """What is on disk is not the beginning of the object that is there now."""


class _Away(Exception):
    """Storage, or what it needs, does not answer for now."""


def _md5(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
