"""Supabase: the users' rows and the uploaded exports.

One class for what the flows need of it. Everything that changes more than one row, or the status, is an SQL function
(deployments/supabase/migrations), called by `rpc`.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from contextvars import ContextVar
from datetime import timedelta
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote
from uuid import UUID

import httpx
from postgrest import APIError
from supabase import AsyncClient, AsyncClientOptions, acreate_client

from flows.errors import ExportError, NotOwner, StoreError, UserNotFound
from flows.settings import StoreSettings
from flows.store import backoff
from flows.store.download import Download

_PAGE = 1_000  # rows: what a Supabase project returns at most unless told otherwise
_NOT_OWNER = "FP001"  # raised by full_pass_require_owner

_current: ContextVar["Store"] = ContextVar("store")


class Failure(NamedTuple):
    """What became of writing that a pass has failed."""

    written: bool  # False: the run does not own the user, or its end has been written already
    exhausted: bool  # it was the last attempt
    attempts: int
    error: str  # as it stands in the row


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
    ) -> Failure:
        """Sets the status failed, if `run_id` owns the user. `retry_after` None: not tried again by itself."""
        answer = await self._rpc(
            "full_pass_fail",
            {
                "p_user_id": str(user_id),
                "p_run_id": run_id,
                "p_error": error,
                "p_retry_after": f"{retry_after.total_seconds()} seconds" if retry_after else None,
                "p_max_attempts": max_attempts,
            },
        )
        return Failure(answer["failed"], answer["exhausted"], answer.get("attempts", 0), answer.get("error", ""))

    async def take_due(self, limit: int, lease: timedelta) -> list[dict[str, Any]]:
        """Failed users whose next attempt is due: `{user_id, run_id, attempts, parameters}`, oldest first.

        Whoever takes them has `lease` to start their runs; after that they are due again.
        """
        arguments = {"p_limit": limit, "p_lease": f"{lease.total_seconds()} seconds"}
        rows: list[dict[str, Any]] = await self._rpc("full_pass_take_due", arguments)
        return rows

    async def processing(self) -> AsyncIterator[tuple[UUID, str]]:
        """User and flow run of every row that says processing; "" for a row that names none, as older systems left."""
        columns, nobody = "user_id,full_pass_run_id", str(UUID(int=0))
        async for row in self._pages("user_profiles", "user_id", columns, nobody, full_pass_status="processing"):
            yield UUID(row["user_id"]), row["full_pass_run_id"] or ""

    async def profiles(self, user_ids: Iterable[UUID], columns: str) -> dict[UUID, dict[str, Any]]:
        """The named columns (user_id is one) of the rows of some users; who has none is missing."""
        query = self._client.table("user_profiles").select(columns).in_("user_id", [str(user) for user in user_ids])
        rows = (await self._reach(query.execute)).data
        return {UUID(row["user_id"]): row for row in rows}

    # What a pass writes

    async def chunk_keys(self, user_id: UUID) -> AsyncIterator[str]:
        """The keys of the user's stored chunks, in order."""
        async for row in self._pages("conversation_chunks", "chunk_key", "chunk_key", user_id=str(user_id)):
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
        async for row in self._pages("chunk_facts", "chunk_key", columns, **asked):
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

    async def reply(self, user_id: UUID, request_key: str) -> Any:
        """What a model has replied to a request since the last complete pass; None: nothing."""
        query = self._client.table("model_replies").select("reply")
        query = query.eq("user_id", str(user_id)).eq("request_key", request_key)
        rows = (await self._reach(query.execute)).data
        return rows[0]["reply"] if rows else None

    async def save_reply(self, user_id: UUID, request_key: str, reply: Any) -> None:
        arguments = {"p_user_id": str(user_id), "p_request_key": request_key, "p_reply": reply}
        await self._rpc("full_pass_save_reply", arguments)

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
        patience = self._settings.supabase_patience_seconds
        # Not the storage client's download(): that one holds the whole object in memory.
        return await Download(self._http, url, dict(self._client.options.headers), bucket, patience).to(to)

    # Requests

    async def _write(self, function: str, user_id: UUID, run_id: str, **arguments: Any) -> Any:
        return await self._rpc(function, {"p_user_id": str(user_id), "p_run_id": run_id, **arguments})

    async def _pages(
        self, table: str, key: str, columns: str, after: str = "", **equal: str
    ) -> AsyncIterator[dict[str, Any]]:
        """The rows whose columns equal the given values, in the order of the column `key`, page by page; without those
        where it is null."""
        while True:
            query = self._client.table(table).select(columns).gt(key, after).order(key).limit(_PAGE)
            for column, value in equal.items():
                query = query.eq(column, value)
            rows = (await self._reach(query.execute)).data
            for row in rows:
                yield row
            if len(rows) < _PAGE:
                return
            after = rows[-1][key]

    async def _rpc(self, function: str, arguments: dict[str, Any]) -> Any:
        """Every function may be called again with the same arguments, so a call without an answer is repeated."""
        return (await self._reach(self._client.rpc(function, arguments).execute)).data

    async def _reach(self, send: Callable[[], Any]) -> Any:
        pauses = backoff.pauses(self._settings.supabase_patience_seconds)
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
async def open_store(patience: float | None = None) -> AsyncIterator[Store]:
    """Makes a client for the tasks that run inside, found by `current_store()`.

    `patience`: seconds that a request waits for a Supabase that does not answer; None: as the setting says.
    """
    settings = StoreSettings()
    if patience is not None:
        settings.supabase_patience_seconds = patience
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


def current_store() -> Store:
    return _current.get()


def _is_passing(error: APIError) -> bool:
    # 08…, 53… and 57…: connection lost, out of resources, shutting down or out of time. 40… and 55P03: another
    # transaction was in the way. PGRST000-003: PostgREST has no database. A status alone: what is before it failed.
    code = str(error.code or "")
    if len(code) == 5:
        return code.startswith(("08", "40", "53", "55P03", "57"))
    return code.startswith("PGRST00") or (code.isdigit() and (int(code) == 429 or int(code) >= 500))


def _refused(error: APIError) -> StoreError:
    if str(error.code) in ("PGRST301", "PGRST303", "401"):
        return StoreError("Supabase does not accept the key; set SUPABASE_SERVICE_KEY to the service_role key")
    if str(error.code) in ("42501", "403"):
        return StoreError("the key may not do this; set SUPABASE_SERVICE_KEY to the service_role key, not the anon key")
    if str(error.code) in ("PGRST202", "PGRST205", "42P01", "42883"):
        return StoreError(
            "the database lacks the full pass's tables or functions; apply deployments/supabase/migrations"
        )
    if _is_passing(error):
        return StoreError(f"the database does not answer (code {error.code}); see the status of the Supabase project")
    return StoreError(f"the database refused the request with code {error.code}")


def _no_such_user(user_id: UUID) -> str:
    return f"user_profiles has no row for user {user_id}; create the profile, then trigger again"


def _owned_by(owner: str | None, status: str | None) -> str:
    if status == "processing":
        return f"flow run {owner} has this user; wait for it to end, or cancel it"
    return f"this flow run does not own the user (status {status}, last run {owner})"
