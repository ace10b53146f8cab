"""Everything that Supabase holds of one person: given out, or erased. Rows, uploads, the account."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any
from urllib.parse import quote
from uuid import UUID

import httpx

from flows.errors import StoreError
from flows.portions import by_count
from flows.settings import StoreSettings
from flows.store import backoff, folders
from flows.store.refusals import Refusal
from flows.store.requests import Requests, Row

_LISTED = 1_000  # names in one answer
_REMOVED = 1_000  # names in one request, by Storage's own limit


class PersonTables:
    """The rows of a user in all tables of the full pass."""

    def __init__(self, requests: Requests):
        self._requests = requests

    async def withdraw(self, user_id: UUID) -> int:
        """Nothing that waits for the user is started any more; returns how many deliveries there were."""
        return int(await self._requests.rpc("full_pass_withdraw", {"p_user_id": str(user_id)}))

    async def erase(self, user_id: UUID) -> dict[str, int]:
        """Deletes all rows; returns table → how many. A run that goes on finds no user and stops."""
        erased: dict[str, int] = {}
        while some := await self._requests.rpc("full_pass_erase", {"p_user_id": str(user_id)}):
            erased |= {table: erased.get(table, 0) + rows for table, rows in some.items()}
        return erased

    async def tables(self) -> list[str]:
        return list(await self._requests.rpc("full_pass_tables_of_users", {}))

    async def rows(self, user_id: UUID, table: str) -> AsyncIterator[Row]:
        """The user's rows of a table, a page at a time; each without `user_id`."""
        after = None
        while page := await self._page(user_id, table, after):
            for row in page:
                yield row
            after = page[-1]

    async def _page(self, user_id: UUID, table: str, after: Row | None) -> list[Row]:
        asked = {"p_user_id": str(user_id), "p_table": table, "p_after": after}
        return list(await self._requests.rpc("full_pass_export", asked))


class PersonalAccount:
    """The user's folder in Storage, and the account. Sources: supabase/storage, src/http/routes/object (listObjects,
    deleteObjects); supabase/auth, internal/api/admin.go (adminUserDelete)."""

    def __init__(self, http: httpx.AsyncClient, headers: Mapping[str, str], settings: StoreSettings):
        self._http, self._headers = http, dict(headers)
        self._base = str(settings.supabase_url).rstrip("/")
        self._bucket, self._patience = settings.storage_bucket, settings.supabase_patience_seconds

    async def uploads(self, user_id: UUID) -> list[str]:
        """The names of all objects in the user's folder, whichever way its name is written."""
        spelled = f"{user_id}/", f"{str(user_id).upper()}/"
        return [name for own in spelled async for name, _ in folders.below(own, _LISTED, self._listing)]

    async def remove_uploads(self, user_id: UUID) -> int:
        """Deletes them, their bytes, too; returns how many. Raises StoreError when some stay."""
        removed: set[str] = set()
        # An object can hide a folder of the same name: that is seen when the object has gone.
        while names := await self.uploads(user_id):
            if removed >= set(names):
                raise StoreError(f"Storage keeps {len(names)} of the user's uploads; it will be tried again")
            for some in by_count(names, _REMOVED):
                await self._ask("DELETE", f"/storage/v1/object/{quote(self._bucket)}", {"prefixes": list(some)})
            removed |= set(names)
        return len(removed)

    async def delete(self, user_id: UUID) -> bool:
        """Deletes the account, with all rows that the app keeps by `on delete cascade`; False: there is none.

        Raises StoreError when it stays, as when a table of the app's has a foreign key without that.
        """
        path = f"/auth/v1/admin/users/{user_id}"
        answer = await self._send("DELETE", path, {"should_soft_delete": False})
        if answer.status_code == 404:
            return False
        if answer.status_code in (409, 422, 500):
            raise StoreError(
                "Auth does not delete the account; a foreign key of the app's without `on delete cascade` may hold it"
            )
        if (refusal := Refusal.of(answer)) is not None:
            raise refusal.error()
        return True

    async def _listing(self, asked: Mapping[str, Any]) -> Sequence[Any]:
        return await self._ask("POST", f"/storage/v1/object/list/{quote(self._bucket)}", asked)

    async def _ask(self, method: str, path: str, body: Mapping[str, object]) -> Sequence[Any]:
        answer = await self._send(method, path, body)
        if (refusal := Refusal.of(answer, list)) is None:
            found: list[Any] = answer.json()
            return found
        if refusal.code == "NoSuchBucket":
            return []
        raise refusal.error()

    async def _send(self, method: str, path: str, body: Mapping[str, object]) -> httpx.Response:
        """Repeated while the service is away; the last answer, whichever it is."""
        pauses = backoff.pauses(self._patience)
        while True:
            try:
                answer = await self._http.request(method, f"{self._base}{path}", json=body, headers=self._headers)
                refusal = Refusal.of(answer)
                passing = refusal is not None and refusal.is_passing and answer.status_code != 500
                pause = next(pauses, None) if passing else None
                if pause is None:
                    return answer
            except httpx.RequestError as error:
                if (pause := next(pauses, None)) is None:
                    raise StoreError(f"Supabase could not be reached ({type(error).__name__})") from None
            await asyncio.sleep(pause)
