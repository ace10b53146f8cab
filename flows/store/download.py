"""Downloading an object of Supabase Storage to disk: streamed, resumed where it broke off, and checked."""

import asyncio
import hashlib
import re
from pathlib import Path

import httpx

from flows.errors import ExportError, StoreError
from flows.store import backoff

_MD5 = re.compile(r'"?([0-9a-f]{32})"?')  # what S3 gives for an object that came in one part


class Download:
    """One object; `to()` writes it."""

    def __init__(self, http: httpx.AsyncClient, url: str, headers: dict[str, str], bucket: str, patience: float):
        # identity: lengths and ranges are of what is stored.
        self._http, self._url, self._headers = http, url, {**headers, "Accept-Encoding": "identity"}
        self._bucket, self._patience = bucket, patience
        self._etag: str | None = None
        self._length: int | None = None

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
            await self._whole(path)
            if await asyncio.to_thread(_md5, path) not in (promised[1], digest):
                raise StoreError("the download is damaged, twice and differently; it will be tried again")
        return path.stat().st_size

    async def _whole(self, path: Path) -> None:
        path.touch()
        pauses = backoff.pauses(self._patience)
        while True:
            had = path.stat().st_size
            try:
                await self._rest(path, had)
                if self._length is None or path.stat().st_size == self._length:
                    return
                problem = "broke off"
            except httpx.TransportError as error:
                problem = f"broke off ({type(error).__name__})"
            if path.stat().st_size > had:
                pauses = backoff.pauses(self._patience)
            pause = next(pauses, None)
            if pause is None:
                raise StoreError(
                    f"the download {problem} after {path.stat().st_size} of {self._length or 'unknown'} bytes; "
                    "it will be tried again"
                )
            await asyncio.sleep(pause)

    async def _rest(self, path: Path, offset: int) -> None:
        """Appends what the object has from `offset` on; starts anew when it is no longer the same object."""
        headers = dict(self._headers)
        if offset and self._etag:
            headers |= {"Range": f"bytes={offset}-", "If-Range": self._etag}
        async with self._http.stream("GET", self._url, headers=headers) as response:
            self._check_status(response)
            resumed = response.status_code == 206
            length = response.headers.get("content-length")
            if not resumed:
                self._etag = response.headers.get("etag")
                self._length = int(length) if length else None
            with path.open("ab" if resumed else "wb") as file:
                async for part in response.aiter_raw():
                    file.write(part)

    def _check_status(self, response: httpx.Response) -> None:
        if response.status_code in (400, 404):
            raise ExportError(
                f"there is no such object in bucket {self._bucket!r}; upload the export there, then trigger again"
            )
        if response.status_code in (401, 403):
            raise StoreError("storage does not accept the key; set SUPABASE_SERVICE_KEY to the service_role key")
        if response.status_code >= 500 or response.status_code == 429:
            raise httpx.RemoteProtocolError(f"status {response.status_code}")
        if response.status_code not in (200, 206):
            raise StoreError(f"storage answered {response.status_code} to the download")


def _md5(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
