"""One request to Supabase's REST API: repeated while the service is away, with errors that say what to do."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

import httpx
from postgrest import AsyncPostgrestClient, CountMethod
from postgrest.base_request_builder import RequestConfig

from flows.errors import NotOwner, StoreError, UserNotFound, describe
from flows.store import backoff
from flows.store.refusals import Refusal

Row = dict[str, Any]

_PAGE = 1_000  # rows: what a Supabase project returns at most unless told otherwise ("Max rows")
_NOT_OWNER = "FP001"  # raised by full_pass_require_owner
_NO_KEY, _NO_ACCOUNT = "23503", 'not present in table "users"'  # the foreign key to auth.users


@dataclass(frozen=True, slots=True)
class Query:
    """Rows of a table; `after` and `order` name the same column. `counted`: the answer says how many there are."""

    table: str
    columns: str
    equal: Mapping[str, str] = field(default_factory=dict)
    among: Mapping[str, Sequence[str | int]] = field(default_factory=dict)
    order: str | None = None
    after: str | None = None
    limit: int | None = None
    counted: bool = False


@dataclass(frozen=True, slots=True)
class Page:
    """Rows of a query. `total`: how many it has without limits, by the same statement; None: not asked, or not said."""

    rows: list[Row]
    total: int | None = None


class Requests(Protocol):
    """What the tables of the store are made of; a stand-in for tests has these two."""

    async def select(self, query: Query) -> Page:
        """The first rows of the query: as many as its limit and the project's "Max rows" let through."""
        ...

    async def rpc(self, function: str, arguments: Mapping[str, Any]) -> Any:
        """Calls an SQL function. Each may be called again with the same arguments."""
        ...


async def pages(requests: Requests, query: Query) -> AsyncIterator[Row]:
    """All rows in the order of the query's `order`, page by page of `limit` rows; without those where it is null.

    How many rows a page may have, only the project knows, so a short page says nothing. The last one is that which has
    as many rows as there are left, or none. Counting reads all that are left, so only a page that may be the last, by
    the count before, is counted.
    """
    size = query.limit or _PAGE
    query = replace(query, after=query.after or "", limit=size)
    left = 0
    while True:
        page = await requests.select(replace(query, counted=left <= size))
        for row in page.rows:
            yield row
        if not page.rows or page.total == len(page.rows):
            return
        size = len(page.rows)
        left = (left if page.total is None else page.total) - size
        query = replace(query, after=page.rows[-1][query.order or ""])


class SupabaseRequests:
    """`patience`: seconds for which a request that gets no answer is repeated, until it has failed."""

    def __init__(self, client: AsyncPostgrestClient, patience: float):
        self._client = client
        self._patience = patience

    async def select(self, query: Query) -> Page:
        asked = self._client.table(query.table).select(
            query.columns, count=CountMethod.exact if query.counted else None
        )
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
        answer = await self._reach(asked.request, list)
        total = answer.headers.get("content-range", "").rpartition("/")[2]
        return Page(answer.json(), int(total) if query.counted and total.isdecimal() else None)

    async def rpc(self, function: str, arguments: Mapping[str, Any]) -> Any:
        answer = await self._reach(self._client.rpc(function, dict(arguments)).request)
        return answer.json() if answer.content else None

    async def _reach(self, request: RequestConfig[httpx.AsyncClient], form: type = object) -> httpx.Response:
        # Not the builder's execute(): its errors have no HTTP status, and it takes a page of HTML for data.
        pauses = backoff.pauses(self._patience)
        while True:
            try:
                answer = await request.send(httpx.Headers())
                if (refusal := Refusal.of(answer, form)) is None:
                    return answer
                if refusal.code == _NOT_OWNER:
                    raise NotOwner(owned_by(refusal.details, "processing"))
                if refusal.code == _NO_KEY and _NO_ACCOUNT in (refusal.details or ""):
                    raise UserNotFound("the account of the user has been deleted; nothing is written for it any more")
                problem, is_passing = refusal.error(), refusal.is_passing
            except httpx.RequestError as error:
                problem, is_passing = _unreachable(error), True
            pause = next(pauses, None) if is_passing else None
            if pause is None:
                raise problem
            await asyncio.sleep(pause)


def no_such_user(user_id: object) -> UserNotFound:
    return UserNotFound(f"user_profiles has no row for user {user_id}; create the profile, then trigger again")


def owned_by(owner: str | None, status: str | None, run_id: str = "") -> str:
    """The message of NotOwner, to the run `run_id`."""
    if status == "processing":
        return f"flow run {owner} has this user; wait for it to end, or cancel it"
    if owner == run_id:
        return f"the pass of this flow run is over ({status})"
    return (
        f"flow run {owner} has come after this one ({status}), maybe with a newer export; retry that one, or deliver "
        "the export again"
    )


def _unreachable(error: httpx.RequestError) -> StoreError:
    return StoreError(f"Supabase could not be reached ({type(error).__name__}); check SUPABASE_URL")


@describe.register
def _(error: httpx.HTTPStatusError) -> str:
    return f"{type(error).__name__}: {error.request.url.host} answered {error.response.status_code}"


@describe.register
def _(error: httpx.RequestError) -> str:
    return f"{type(error).__name__}: no answer"
