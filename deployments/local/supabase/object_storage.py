"""Supabase Storage as the local gateway speaks it: private buckets, upload, streamed download, range requests.

Sources: the requests of Supabase's storage clients; supabase/storage: src/http/error-handler.ts and src/internal/errors
(what fails is 400 with the real status in the body, but for a few), src/http/routes/object/getObject.ts (who has no
token is told that there is no bucket), src/storage/renderer and src/storage/range.ts (headers; If-Range is never read),
src/storage/object.ts, limits.ts and uploader.ts (what is looked at before an upload, and which names there may be).

What an object is stands in storage.objects, so row level security under the caller's role decides who may see or change
it; its bytes lie in a file with a random name, so an object's name never becomes a path.
"""

import hashlib
import json
import re
import secrets
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncpg
from starlette.datastructures import UploadFile
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from deployments.local.supabase.query_language import QueryError, not_supported
from deployments.local.supabase.sessions import Sessions

_MAX_NAME_BYTES = 1024
_MAX_OBJECT_BYTES = 5 * 1024**3
_SAID_BY_HTTP = {416, 429, 500, 501, 544}
_RANGE = re.compile(r"bytes=([0-9]{0,15})-([0-9]{0,15})")
#: isValidKey and isValidBucketName in src/storage/limits.ts.
_OBJECT_NAME = re.compile(r"[A-Za-z0-9_/!.*'() &$=@;:+,?-]+")
_BUCKET_NAME = re.compile(r"[A-Za-z0-9_!.*'() &$=@;:+,?-]{1,100}")
#: What follows `object/` and is no bucket (src/http/routes/object).
_OTHER_ROUTES = {"authenticated", "info", "list", "list-v2", "public", "sign", "upload"}


class StorageError(Exception):
    """Answered in Storage's form: 400 with the real status in the body, unless it is one of `_SAID_BY_HTTP`."""

    def __init__(self, status: int, code: str, message: str, error: str | None = None):
        super().__init__(message)
        self.status, self.code, self.message, self.error = status, code, message, error or code

    def response(self) -> JSONResponse:
        body = {"statusCode": str(self.status), "code": self.code, "error": self.error, "message": self.message}
        return JSONResponse(body, status_code=self.status if self.status in _SAID_BY_HTTP else 400)

    @classmethod
    def of(cls, error: QueryError) -> "StorageError":
        """What Storage makes of a token that it cannot read, and of what the database says."""
        match error.code:
            case "PGRST301" | "PGRST303":
                return cls(403, "AccessDenied", error.message, "Unauthorized")
            case "InvalidRequest":
                return cls(400, "InvalidRequest", error.message, "Error")
            case "42501":
                return cls(403, "AccessDenied", "new row violates row-level security policy", "Unauthorized")
            case "25006":
                return cls(503, "DatabaseReadOnly", "The database is currently in read-only mode.")
            case "57014":
                return cls(544, "DatabaseTimeout", "The connection to the database timed out")
        return cls(error.status if error.status < 500 or error.status == 501 else 500, "DatabaseError", error.message)


NO_BUCKET = StorageError(404, "NoSuchBucket", "Bucket not found", "Bucket not found")
NOT_FOUND = StorageError(404, "NoSuchKey", "Object not found", "not_found")
_INVALID_RANGE = StorageError(416, "InvalidRange", "invalid range provided", "invalid_range")
_TOO_LARGE = StorageError(413, "EntityTooLarge", "The object exceeded the maximum allowed size", "Payload too large")
_DUPLICATE = StorageError(409, "KeyAlreadyExists", "The resource already exists", "Duplicate")
_INVALID_KEY = StorageError(400, "InvalidKey", "Invalid key")
_INVALID_MIMETYPE = StorageError(415, "InvalidMimeType", "mime type is not supported", "invalid_mime_type")
_DENIED = StorageError(403, "AccessDenied", "Access denied", "Unauthorized")

_FIND = "select metadata ->> 'file' as file from storage.objects where bucket_id = $1 and name = $2"
_INSERT = "insert into storage.objects (bucket_id, name, owner, metadata) values ($1, $2, auth.uid(), $3::jsonb)"
#: With what it returns, so that a caller needs the right to read as well (src/storage/database/pg.ts, upsertObject).
_UPSERT = (
    _INSERT + " on conflict (bucket_id, name) do update set metadata = excluded.metadata, updated_at = now()"
    " returning id::text"
)
_MOST_REMOVED = 1_000
#: storage.search_by_name: one level of a folder, in the order of the names; of a folder, nothing but its name.
_LIST = """
    select coalesce(json_agg(page), '[]')::text from (
        select split_part(below, '/', 1) as name, min(id::text) filter (where is_object) as id,
            max(updated_at) filter (where is_object) as updated_at,
            max(created_at) filter (where is_object) as created_at,
            (array_agg(metadata - 'file') filter (where is_object))[1] as metadata
        from storage.objects, substr(name, length($2) + 1) as below, strpos(below, '/') as slash,
            cast(slash = 0 as boolean) as is_object
        where bucket_id = $1 and starts_with(name, $2)
        group by 1 order by 1 limit $3 offset $4
    ) as page
"""
_DELETE = "delete from storage.objects where bucket_id = $1 and name = $2 returning metadata ->> 'file'"


class _Object(FileResponse):
    """An object or a part of it. Starlette heeds If-Range; Storage does not know it."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = [header for header in scope["headers"] if header[0] != b"if-range"]
        await super().__call__({**scope, "headers": headers}, receive, send)


@dataclass(frozen=True, slots=True)
class _Limits:
    """What a bucket takes; no types: all."""

    most_bytes: int
    mimetypes: list[str]

    def check_mimetype(self, mimetype: str) -> None:
        every = mimetype.partition("/")[0] + "/*"
        if self.mimetypes and not {mimetype, every} & set(self.mimetypes):
            raise _INVALID_MIMETYPE


class ObjectStorage:
    def __init__(self, sessions: Sessions, folder: Path):
        self._sessions = sessions
        self._folder = folder
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for unfinished in folder.glob("*.unfinished"):
            unfinished.unlink()

    def routes(self) -> list[Route]:
        objects = "/storage/v1/object"
        return [
            Route("/storage/v1/bucket", self.create_bucket, methods=["POST"]),
            Route("/storage/v1/bucket", self.list_buckets, methods=["GET"]),
            Route(objects + "/list/{bucket}", self.list_objects, methods=["POST"]),
            Route(objects + "/{bucket}", self.remove_objects, methods=["DELETE"]),
            Route(objects + "/info/{bucket}/{name:path}", self.info, methods=["GET"]),
            Route(objects + "/{bucket}/{name:path}", self.download, methods=["GET"]),
            Route(objects + "/{bucket}/{name:path}", self.upload, methods=["POST", "PUT"]),
            Route(objects + "/{bucket}/{name:path}", self.remove, methods=["DELETE"]),
            Route("/storage/v1/{rest:path}", self.unsupported, methods=["GET", "POST", "PUT", "PATCH", "DELETE"]),
        ]

    async def create_bucket(self, request: Request) -> Response:
        body = await _json(request)
        if not isinstance(body.get("name"), str):
            raise StorageError(400, "InvalidRequest", "body must have required property 'name'", "Error")
        name = str(body.get("id") or body["name"])
        if not _BUCKET_NAME.fullmatch(name):
            raise StorageError(400, "InvalidBucketName", "Bucket name invalid", "Invalid Input")
        async with self._sessions.open(request) as database:
            try:
                await database.execute(
                    "insert into storage.buckets (id, name, public) values ($1, $1, $2)", name, bool(body.get("public"))
                )
            except asyncpg.UniqueViolationError:
                raise StorageError(409, "BucketAlreadyExists", _DUPLICATE.message, "Duplicate") from None
        return JSONResponse({"name": name})

    async def list_buckets(self, request: Request) -> Response:
        async with self._sessions.open(request) as database:
            rows = await database.fetchval(
                "select coalesce(json_agg(b order by id), '[]')::text from storage.buckets b"
            )
        return Response(rows, media_type="application/json")

    async def download(self, request: Request) -> Response:
        """Streamed from disk; Starlette answers HEAD and Range."""
        metadata = await self._find(request)
        if (wanted := request.headers.get("range")) is not None:
            _check_range(wanted, metadata["size"])
        # So that a browser runs nothing that somebody has uploaded.
        mimetype = "text/plain" if "text/html" in metadata["mimetype"] else metadata["mimetype"]
        return _Object(self._folder / metadata["file"], media_type=mimetype, headers={"etag": metadata["eTag"]})

    async def info(self, request: Request) -> Response:
        """What is known of an object (src/storage/renderer/info.ts)."""
        metadata = await self._find(request)
        _, name = _object(request)
        return JSONResponse(
            {
                "name": name,
                "bucket_id": request.path_params["bucket"],
                "size": metadata["size"],
                "content_type": metadata["mimetype"],
                "etag": metadata["eTag"],
            },
            headers={"etag": metadata["eTag"]},
        )

    async def upload(self, request: Request) -> Response:
        bucket, name = _object(request)
        limits = await self._limits(request, bucket)
        _check_name(name)
        replace = request.method == "PUT" or request.headers.get("x-upsert") == "true"
        await self._may_upload(request, bucket, name, replace)
        path, metadata = await self._receive(request, limits)
        try:
            async with self._sessions.open(request) as database:
                await database.execute("reset role")
                known = await database.fetchrow(_FIND + " for update", bucket, name)
                identity = await database.fetchval(_UPSERT, bucket, name, json.dumps(metadata))
                path.rename(self._folder / metadata["file"])
        except BaseException:
            path.unlink(missing_ok=True)
            raise
        if known:
            (self._folder / known["file"]).unlink(missing_ok=True)
        return JSONResponse({"Id": identity, "Key": f"{bucket}/{name}"})

    async def _limits(self, request: Request, bucket: str) -> _Limits:
        """Those of the bucket, whoever asks."""
        async with self._sessions.open(request) as database:
            await database.execute("reset role")
            found = await database.fetchrow(
                "select file_size_limit, allowed_mime_types from storage.buckets where id = $1", bucket
            )
        if found is None:
            raise NO_BUCKET
        return _Limits(found["file_size_limit"] or _MAX_OBJECT_BYTES, found["allowed_mime_types"] or [])

    async def _may_upload(self, request: Request, bucket: str, name: str, replace: bool) -> None:
        """Tries it as the caller and takes it back, before a byte is read (src/storage/uploader.ts, canUpload)."""
        async with self._sessions.open(request) as database:
            attempt = database.transaction()
            await attempt.start()
            try:
                await database.execute(_UPSERT if replace else _INSERT, bucket, name, "{}")
            except asyncpg.UniqueViolationError:
                raise _DUPLICATE from None
            await attempt.rollback()

    async def remove(self, request: Request) -> Response:
        bucket, name = _object(request)
        if not _OBJECT_NAME.fullmatch(name):
            raise NOT_FOUND
        async with self._sessions.open(request) as database:
            await database.execute("set local storage.allow_delete_query = 'true'")
            deleted = await database.fetchval(_DELETE, bucket, name)
            await database.execute("reset role")
            if deleted is None:
                raise _DENIED if await database.fetchrow(_FIND, bucket, name) else NOT_FOUND
        (self._folder / deleted).unlink(missing_ok=True)
        return JSONResponse({"message": "Successfully deleted"})

    async def list_objects(self, request: Request) -> Response:
        """What is in a folder: objects with their ids, folders without (src/http/routes/object/listObjects.ts)."""
        body = await _json(request)
        if not isinstance(body.get("prefix"), str):
            raise StorageError(400, "InvalidRequest", "body must have required property 'prefix'", "Error")
        if body.get("limit", 100) == 0:
            raise StorageError(400, "InvalidRequest", "body/limit must be >= 1", "Error")
        prefix = body["prefix"] and body["prefix"].rstrip("/") + "/"
        async with self._sessions.open(request) as database:
            rows = await database.fetchval(
                _LIST, request.path_params["bucket"], prefix, body.get("limit", 100), body.get("offset", 0)
            )
        return Response(rows, media_type="application/json")

    async def remove_objects(self, request: Request) -> Response:
        """Those of the names that the caller may delete (src/http/routes/object/deleteObjects.ts)."""
        names = (await _json(request)).get("prefixes")
        if not isinstance(names, list) or not 1 <= len(names) <= _MOST_REMOVED:
            raise StorageError(400, "InvalidRequest", "body/prefixes must NOT have fewer than 1 items", "Error")
        deleted = []
        for name in names:
            async with self._sessions.open(request) as database:
                await database.execute("set local storage.allow_delete_query = 'true'")
                if file := await database.fetchval(_DELETE, request.path_params["bucket"], name):
                    deleted.append((name, file))
        for _, file in deleted:
            (self._folder / file).unlink(missing_ok=True)
        return JSONResponse([{"name": name, "bucket_id": request.path_params["bucket"]} for name, _ in deleted])

    async def unsupported(self, request: Request) -> Response:
        raise not_supported(f"{request.method} {request.url.path}")

    async def _find(self, request: Request) -> dict[str, Any]:
        """What is known of an object that the caller may see."""
        bucket, name = _object(request)
        if not _OBJECT_NAME.fullmatch(name):
            raise _INVALID_KEY
        try:
            async with self._sessions.open(request) as database:
                text = await database.fetchval(
                    "select metadata::text from storage.objects where bucket_id = $1 and name = $2", bucket, name
                )
                # Under no role: that there is a bucket is seen by whoever has a token.
                await database.execute("reset role")
                if not await database.fetchval("select exists (select from storage.buckets where id = $1)", bucket):
                    raise NO_BUCKET
        except QueryError as error:
            raise NO_BUCKET if error.status == 401 else error from None
        metadata: dict[str, Any] | None = text and json.loads(text)
        if not metadata or not (self._folder / metadata["file"]).exists():
            raise NOT_FOUND
        return metadata

    async def _receive(self, request: Request, limits: _Limits) -> tuple[Path, dict[str, Any]]:
        """Writes the body to a file of another name than it will have, in constant memory."""
        if request.headers.get("content-type", "").startswith("multipart/form-data"):
            async with request.form() as form:
                file = next((part for part in form.values() if isinstance(part, UploadFile)), None)
                if file is None:
                    raise StorageError(400, "InvalidRequest", "the form has no file")
                return await self._write(_parts(file), file.content_type, limits)
        return await self._write(request.stream(), request.headers.get("content-type"), limits)

    async def _write(
        self, parts: AsyncIterator[bytes], mimetype: str | None, limits: _Limits
    ) -> tuple[Path, dict[str, Any]]:
        mimetype = mimetype or "application/octet-stream"
        limits.check_mimetype(mimetype)
        name = secrets.token_hex(16)
        path = self._folder / f"{name}.unfinished"
        size, digest = 0, hashlib.md5(usedforsecurity=False)
        try:
            with path.open("wb") as file:
                async for part in parts:
                    size += len(part)
                    if size > limits.most_bytes:
                        raise _TOO_LARGE
                    digest.update(part)
                    file.write(part)
        except BaseException:
            path.unlink(missing_ok=True)
            raise
        return path, {
            "file": name,
            "size": size,
            "mimetype": mimetype,
            "eTag": f'"{digest.hexdigest()}"',
        }


def _check_range(wanted: str, size: int) -> None:
    found = _RANGE.fullmatch(wanted)
    first, last = found.groups() if found else ("", "")
    there = int(first) < size and (not last or int(first) <= int(last)) if first else bool(size and int(last or 0))
    if not there:
        raise _INVALID_RANGE


async def _parts(file: UploadFile) -> AsyncIterator[bytes]:
    while part := await file.read(1 << 16):
        yield part


async def _json(request: Request) -> dict[str, Any]:
    try:
        body = await request.json()
    except ValueError:
        raise StorageError(400, "InvalidRequest", "the body is no JSON") from None
    if not isinstance(body, dict):
        raise StorageError(400, "InvalidRequest", "the body must be an object")
    return body


def _object(request: Request) -> tuple[str, str]:
    if request.path_params["bucket"] in _OTHER_ROUTES:
        raise not_supported(f"{request.method} {request.url.path}")
    return request.path_params["bucket"], request.path_params["name"]


def _check_name(name: str) -> None:
    """As for a new object: S3 has the length, and the real Storage no folder that is none."""
    dots = {".", ".."} & set(name.split("/"))
    if not _OBJECT_NAME.fullmatch(name) or dots or len(name) > _MAX_NAME_BYTES:
        raise _INVALID_KEY
