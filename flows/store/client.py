"""The connection to Supabase, and what can be done with it."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

import httpx
from postgrest import AsyncPostgrestClient

from flows import tls
from flows.settings import StoreSettings
from flows.store.answers import AnswerTable
from flows.store.chunks import ChunkTable
from flows.store.deliveries import DeliveryTable
from flows.store.exports import ExportBucket
from flows.store.facts import FactTable
from flows.store.memory import MemoryTable
from flows.store.passes import PassTable
from flows.store.persons import PersonalAccount, PersonTables
from flows.store.profiles import ProfileTable
from flows.store.requests import Requests, SupabaseRequests

_current: ContextVar["Store"] = ContextVar("store")


@dataclass(frozen=True)
class Store:
    passes: PassTable
    profiles: ProfileTable
    chunks: ChunkTable
    answers: AnswerTable
    facts: FactTable
    deliveries: DeliveryTable
    memory: MemoryTable
    persons: PersonTables
    exports: ExportBucket
    account: PersonalAccount

    @classmethod
    def of(cls, requests: Requests, exports: ExportBucket, account: PersonalAccount) -> "Store":
        return cls(
            PassTable(requests),
            ProfileTable(requests),
            ChunkTable(requests),
            AnswerTable(requests),
            FactTable(requests),
            DeliveryTable(requests),
            MemoryTable(requests),
            PersonTables(requests),
            exports,
            account,
        )


@asynccontextmanager
async def open_store(patience: float | None = None) -> AsyncIterator[Store]:
    """Makes a client for the tasks that run inside, found by `current_store()`.

    `patience`: seconds that a request waits for a Supabase that does not answer; None: as the setting says.
    """
    settings = StoreSettings()
    if patience is not None:
        settings.supabase_patience_seconds = patience
    timeout = httpx.Timeout(60, connect=10)
    async with httpx.AsyncClient(verify=tls.context(), timeout=timeout, follow_redirects=False) as http:
        key = settings.supabase_service_key.get_secret_value()
        headers = {"apikey": key, "Authorization": f"Bearer {key}"}
        rest = AsyncPostgrestClient(
            f"{str(settings.supabase_url).rstrip('/')}/rest/v1",
            headers=headers,
            http_client=http,
            retry_enabled=False,  # retries are ours: the client's own cover reads only
        )
        requests = SupabaseRequests(rest, settings.supabase_patience_seconds)
        own = (http, headers, settings)
        with use_store(Store.of(requests, ExportBucket(*own), PersonalAccount(*own))) as store:
            yield store


@contextmanager
def use_store(store: Store) -> Iterator[Store]:
    """Makes `store` the one that `current_store()` gives inside."""
    token = _current.set(store)
    try:
        yield store
    finally:
        _current.reset(token)


def current_store() -> Store:
    return _current.get()
