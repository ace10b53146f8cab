"""One request to Supabase's REST API: repeated while the service is away, with errors that say what to do."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

import httpx
from postgrest import APIError
from supabase import AsyncClient

from flows.errors import NotOwner, StoreError, UserNotFound, describe
from flows.store import backoff

Row = dict[str, Any]

_PAGE = 1_000  # rows: what a Supabase project returns at most unless told otherwise
_NOT_OWNER = "FP001"  # raised by full_pass_require_owner


@dataclass(frozen=True, slots=True)
class Query:
    """Rows of a table; `after` and `order` name the same column."""

    table: str
    columns: str
    equal: Mapping[str, str] = field(default_factory=dict)
    among: Mapping[str, Sequence[str]] = field(default_factory=dict)
    order: str | None = None
    after: str | None = None
    limit: int | None = None


class Requests(Protocol):
    """What the tables of the store are made of; a stand-in for tests has these two."""

    async def select(self, query: Query) -> list[Row]: ...

    async def rpc(self, function: str, arguments: Mapping[str, Any]) -> Any:
        """Calls an SQL function. Each may be called again with the same arguments."""
        ...


async def pages(requests: Requests, query: Query) -> AsyncIterator[Row]:
    """All rows in the order of the query's `order`, page by page; without those where it is null."""
    query = replace(query, after=query.after or "", limit=_PAGE)
    while True:
        rows = await requests.select(query)
        for row in rows:
            yield row
        if len(rows) < _PAGE:
            return
        query = replace(query, after=rows[-1][query.order or ""])


class SupabaseRequests:
    """`patience`: seconds for which a request that gets no answer is repeated, until it has failed."""

    def __init__(self, client: AsyncClient, patience: float):
        self._client = client
        self._patience = patience

    async def select(self, query: Query) -> list[Row]:
        asked = self._client.table(query.table).select(query.columns)
        for column, value in query.equal.items():
            asked = asked.eq(column, value)
        for column, values in query.among.items():
            asked = asked.in_(column, values)
        if query.order is not None:
            if query.after is not None:
                asked = asked.gt(query.order, query.after)
            asked = asked.order(query.order)
        if query.limit is not None:
            asked = asked.limit(query.limit)
        rows: list[Row] = (await self._reach(asked.execute)).data
        return rows

    async def rpc(self, function: str, arguments: Mapping[str, Any]) -> Any:
        return (await self._reach(self._client.rpc(function, dict(arguments)).execute)).data

    async def _reach(self, send: Callable[[], Awaitable[Any]]) -> Any:
        pauses = backoff.pauses(self._patience)
        while True:
            try:
                return await send()
            except APIError as error:
                if error.code == _NOT_OWNER:
                    raise NotOwner(owned_by(error.details, "processing")) from None
                problem = _refused(error)
                if not _is_passing(error):
                    raise problem from None
            except httpx.TransportError as error:
                problem = StoreError(f"Supabase could not be reached ({type(error).__name__}); check SUPABASE_URL")
            pause = next(pauses, None)
            if pause is None:
                raise problem from None
            await asyncio.sleep(pause)


def no_such_user(user_id: object) -> UserNotFound:
    return UserNotFound(f"user_profiles has no row for user {user_id}; create the profile, then trigger again")


def owned_by(owner: str | None, status: str | None) -> str:
    """The message of NotOwner."""
    if status == "processing":
        return f"flow run {owner} has this user; wait for it to end, or cancel it"
    return f"this flow run does not own the user (status {status}, last run {owner})"


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
    if str(error.code) in ("PGRST202", "PGRST205", "42P01", "42703", "42883"):
        return StoreError(
            "the database lacks the full pass's tables or functions; apply deployments/supabase/migrations"
        )
    if _is_passing(error):
        return StoreError(f"the database does not answer (code {error.code}); see the status of the Supabase project")
    return StoreError(f"the database refused the request with code {error.code}")


@describe.register
def _(error: APIError) -> str:
    return f"{type(error).__name__}: the database answered {error.code or 'without a code'}"


@describe.register
def _(error: httpx.HTTPStatusError) -> str:
    return f"{type(error).__name__}: {error.request.url.host} answered {error.response.status_code}"


@describe.register
def _(error: httpx.RequestError) -> str:
    return f"{type(error).__name__}: no answer"
