"""Supabase: the users' rows and the uploaded exports.

One class for what the flows need of it. Everything that changes more than one row, or the status, is an SQL function
(deployments/supabase/migrations), called by `rpc`.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from contextvars import ContextVar
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote
from uuid import UUID

import httpx
from postgrest import APIError
from supabase import AsyncClient, AsyncClientOptions, acreate_client

from flows.download import Download
from flows.errors import ExportError, NotOwner, StoreError, UserNotFound
from flows.settings import StoreSettings

Result = TypeVar("Result")

_PAGE = 1_000  # rows: what a Supabase project returns at most unless told otherwise
_NOT_OWNER = "FP001"  # raised by full_pass_require_owner
_RETRY_PAUSES = (0.5, 1, 2, 4, 8)  # seconds; bridges a restart of the database or of PostgREST
_RETRIED_STATUS = {502, 503, 504, 520}

_current: ContextVar["Store"] = ContextVar("store")


class Store:
    def __init__(self, client: AsyncClient, http: httpx.AsyncClient, settings: StoreSettings):
        self._client = client
        self._http = http
        self._settings = settings

    # The owner of a user's row, and its status

    async def claim(self, user_id: UUID, run_id: str, parameters: dict[str, Any], replaces: str | None = None) -> str:
        """Makes `run_id` the owner of the user and the status processing, unless another run is processing.

        `replaces` names a run that is known to be dead. Returns the owner's run id, which is `run_id` on success.
        Raises UserNotFound.
        """
        answer = await self._rpc(
            "full_pass_claim",
            {
                "p_user_id": str(user_id),
                "p_run_id": run_id,
                "p_parameters": parameters,
                "p_replaces": replaces,
            },
        )
        if not answer["found"]:
            raise UserNotFound(_no_such_user(user_id))
        return str(answer["owner"])

    async def progress(self, user_id: UUID, run_id: str, stage: str, percent: int) -> None:
        """Writes where the run is. Raises NotOwner when another run has the user, UserNotFound."""
        answer = await self._rpc(
            "full_pass_progress",
            {"p_user_id": str(user_id), "p_run_id": run_id, "p_stage": stage, "p_percent": percent},
        )
        if not answer["found"]:
            raise UserNotFound(_no_such_user(user_id))
        if answer["owner"] != run_id or answer["status"] != "processing":
            raise NotOwner(_owned_by(answer["owner"], answer["status"]))

    async def complete(self, user_id: UUID, run_id: str) -> bool:
        """Sets the status complete; returns whether it is, that is, whether the run still owned the user."""
        return bool(await self._rpc("full_pass_complete", {"p_user_id": str(user_id), "p_run_id": run_id}))

    async def fail(
        self, user_id: UUID, run_id: str, error: str, *, retry_after: timedelta | None, max_attempts: int
    ) -> bool:
        """Sets the status failed, if `run_id` owns the user. `retry_after` None: not tried again by itself."""
        return bool(
            await self._rpc(
                "full_pass_fail",
                {
                    "p_user_id": str(user_id),
                    "p_run_id": run_id,
                    "p_error": error,
                    "p_retry_after": f"{retry_after.total_seconds()} seconds" if retry_after else None,
                    "p_max_attempts": max_attempts,
                },
            )
        )

    async def due(self, limit: int) -> list[dict[str, Any]]:
        """Failed users whose next try is due: `{user_id, run_id, attempts, parameters}`, oldest first."""
        rows: list[dict[str, Any]] = await self._rpc("full_pass_due", {"p_limit": limit})
        return rows

    async def profile(self, user_id: UUID, columns: str) -> dict[str, Any] | None:
        """The named columns of the user's row, or None."""
        query = self._client.table("user_profiles").select(columns).eq("user_id", str(user_id)).limit(1)
        rows = (await self._reach(query.execute)).data
        return rows[0] if rows else None

    # What a pass writes

    async def chunk_keys(self, user_id: UUID) -> AsyncIterator[str]:
        """The keys of the user's stored chunks, in order."""
        async for row in self._by_chunk_key("conversation_chunks", "chunk_key", user_id=str(user_id)):
            yield row["chunk_key"]

    async def save_chunks(self, user_id: UUID, run_id: str, chunks: list[dict[str, Any]]) -> int:
        """Inserts or updates chunks; returns how many rows were written."""
        return int(await self._write("full_pass_save_chunks", user_id, run_id, p_chunks=chunks))

    async def prune_chunks(self, user_id: UUID, run_id: str, keys: list[str]) -> int:
        """Deletes the chunks named by `keys` and those without a key; returns how many."""
        return int(await self._write("full_pass_prune_chunks", user_id, run_id, p_chunk_keys=keys))

    # What has been paid for

    async def save_facts(self, user_id: UUID, prompt_version: str, model: str, outcomes: list[dict[str, Any]]) -> float:
        """Keeps what the model answered for chunks: `{chunk_key, outcome, facts?, error?}` with outcome facts, refused
        or failed. Returns for how many seconds no run may call the model."""
        return float(
            await self._rpc(
                "full_pass_save_facts",
                {
                    "p_user_id": str(user_id),
                    "p_prompt_version": prompt_version,
                    "p_model": model,
                    "p_outcomes": outcomes,
                },
            )
        )

    async def chunk_facts(
        self, user_id: UUID, prompt_version: str, model: str, columns: str
    ) -> AsyncIterator[dict[str, Any]]:
        """The named columns (chunk_key is one) of what the model has answered so far, in the order of the keys."""
        asked = {"user_id": str(user_id), "prompt_version": prompt_version, "model": model}
        async for row in self._by_chunk_key("chunk_facts", columns, **asked):
            yield row

    async def pause(self, model: str, seconds: float) -> float:
        """Lets no run call the model for so long. Returns for how many seconds none may."""
        return float(await self._rpc("full_pass_pause", {"p_model": model, "p_seconds": seconds}))

    async def add_batch(
        self, user_id: UUID, batch_id: str, prompt_version: str, model: str, requests: dict[str, list[str]]
    ) -> None:
        """Remembers a message batch: custom_id of each request → chunk keys."""
        await self._rpc(
            "full_pass_add_batch",
            {
                "p_user_id": str(user_id),
                "p_batch_id": batch_id,
                "p_prompt_version": prompt_version,
                "p_model": model,
                "p_requests": requests,
            },
        )

    async def end_batch(self, batch_id: str) -> None:
        await self._rpc("full_pass_end_batch", {"p_batch_id": batch_id})

    async def batches(self, user_id: UUID, prompt_version: str, model: str) -> list[dict[str, Any]]:
        """The batches that have been handed in and not ended: `{batch_id, requests}`, oldest first."""
        query = (
            self._client.table("extraction_batches")
            .select("batch_id,requests")
            .eq("user_id", str(user_id))
            .eq("prompt_version", prompt_version)
            .eq("model", model)
            .order("created_at")
        )
        rows: list[dict[str, Any]] = (await self._reach(query.execute)).data
        return rows

    async def save_memory(self, user_id: UUID, run_id: str, memory_md: str) -> None:
        await self._write("full_pass_save_memory", user_id, run_id, p_memory_md=memory_md)

    async def save_sections(self, user_id: UUID, run_id: str, sections: dict[str, str], soulprint_text: str) -> None:
        """Replaces the five sections together. `sections`: column name → JSON text."""
        await self._write(
            "full_pass_save_sections", user_id, run_id, p_sections=sections, p_soulprint_text=soulprint_text
        )

    async def save_cost(self, user_id: UUID, run_id: str, cost: dict[str, Any]) -> None:
        await self._write("full_pass_save_cost", user_id, run_id, p_cost=cost)

    # The uploaded export

    async def download(self, storage_path: str, user_id: UUID, to: Path) -> int:
        """Streams an export to disk and returns its size in bytes.

        A connection that breaks is taken up where it broke. Raises ExportError when the path is not the user's or
        holds nothing, StoreError when the object cannot be had whole.
        """
        name = object_name(storage_path, user_id, self._settings.storage_bucket)
        bucket = self._settings.storage_bucket
        url = f"{str(self._settings.supabase_url).rstrip('/')}/storage/v1/object/{bucket}/{quote(name)}"
        # Not the storage client's download(): that one holds the whole object in memory.
        return await Download(self._http, url, dict(self._client.options.headers), bucket).to(to)

    # Requests

    async def _write(self, function: str, user_id: UUID, run_id: str, **arguments: Any) -> Any:
        return await self._rpc(function, {"p_user_id": str(user_id), "p_run_id": run_id, **arguments})

    async def _by_chunk_key(self, table: str, columns: str, **equal: str) -> AsyncIterator[dict[str, Any]]:
        """The rows whose columns equal the given values, page by page."""
        after = ""
        while True:
            query = self._client.table(table).select(columns).gt("chunk_key", after).order("chunk_key").limit(_PAGE)
            for column, value in equal.items():
                query = query.eq(column, value)
            rows = (await self._reach(query.execute)).data
            for row in rows:
                yield row
            if len(rows) < _PAGE:
                return
            after = rows[-1]["chunk_key"]

    async def _rpc(self, function: str, arguments: dict[str, Any]) -> Any:
        """Every function may be called again with the same arguments, so a call without an answer is repeated."""
        return (await self._reach(self._client.rpc(function, arguments).execute)).data

    async def _reach(self, send: Callable[[], Any]) -> Any:
        pauses = iter(_RETRY_PAUSES)
        while True:
            try:
                return await send()
            except APIError as error:
                if error.code == _NOT_OWNER:
                    raise NotOwner(_owned_by(error.details, "processing")) from None
                problem = _refused(error)
                if not _is_passing(error):
                    raise problem from None
            except httpx.TransportError as error:
                problem = StoreError(f"Supabase could not be reached ({type(error).__name__}); check SUPABASE_URL")
            pause = next(pauses, None)
            if pause is None:
                raise problem from None
            await asyncio.sleep(pause)


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


@asynccontextmanager
async def connected() -> AsyncIterator[Store]:
    """Makes a client for the tasks that run inside, found by `current()`."""
    settings = StoreSettings()
    async with httpx.AsyncClient(timeout=httpx.Timeout(60, connect=10), follow_redirects=False) as http:
        client = await acreate_client(
            str(settings.supabase_url).rstrip("/"),
            settings.supabase_service_key.get_secret_value(),
            # Retries are ours: the client's own cover reads only.
            AsyncClientOptions(httpx_client=http, auto_refresh_token=False, postgrest_client_retry=False),
        )
        store = Store(client, http, settings)
        token = _current.set(store)
        try:
            yield store
        finally:
            _current.reset(token)


def current() -> Store:
    return _current.get()


def _is_passing(error: APIError) -> bool:
    # 08…, 53… and 57P…: connection lost, out of resources, shutting down. PGRST000-003: PostgREST has no database.
    code = str(error.code or "")
    return code.startswith(("08", "53", "57P", "PGRST00")) or (code.isdigit() and int(code) in _RETRIED_STATUS)


def _refused(error: APIError) -> StoreError:
    if str(error.code) in ("PGRST301", "PGRST303", "401"):
        return StoreError("Supabase does not accept the key; set SUPABASE_SERVICE_KEY to the service_role key")
    if str(error.code) in ("42501", "403"):
        return StoreError("the key may not do this; set SUPABASE_SERVICE_KEY to the service_role key, not the anon key")
    if str(error.code) in ("PGRST202", "PGRST205", "42P01", "42883"):
        return StoreError(
            "the database lacks the full pass's tables or functions; apply deployments/supabase/migrations"
        )
    return StoreError(f"the database refused the request with code {error.code}")


def _no_such_user(user_id: UUID) -> str:
    return f"user_profiles has no row for user {user_id}; create the profile, then trigger again"


def _owned_by(owner: str | None, status: str | None) -> str:
    if status == "processing":
        return f"flow run {owner} has this user; wait for it to end, or cancel it"
    return f"this flow run does not own the user (status {status}, last run {owner})"
