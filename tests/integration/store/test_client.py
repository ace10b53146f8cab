"""The store against the Supabase gateway: what its errors tell an operator to do."""

import asyncio
from uuid import UUID

import pytest

from deployments.local.processes import Port
from deployments.local.supabase import keys
from flows.errors import StoreError
from flows.records import Step
from flows.store.client import open_store

USER = UUID("00000000-0000-4000-8000-000000000001")


def ask(monkeypatch: pytest.MonkeyPatch, url: str, key: str) -> None:
    """One request as the flow makes it."""
    monkeypatch.setenv("SUPABASE_URL", url)
    monkeypatch.setenv("SUPABASE_SERVICE_KEY", key)

    async def progress() -> None:
        async with open_store() as store:
            await store.passes.progress(USER, "run", Step.DOWNLOAD_CONVERSATIONS, 1)

    asyncio.run(progress())


def test_a_key_of_another_project_is_said_to_be_wrong(service, monkeypatch):
    foreign = keys.mint_key("another secret of thirty-two bytes", "service_role")
    with pytest.raises(StoreError, match="does not accept the key; set SUPABASE_SERVICE_KEY"):
        ask(monkeypatch, service.stack.url("gateway"), foreign)


@pytest.mark.parametrize("kind", [keys.publishable_key, lambda secret: keys.mint_key(secret, "anon")])
def test_a_key_of_a_lesser_role_is_said_to_be_the_wrong_one(service, monkeypatch, kind):
    with pytest.raises(StoreError, match="not to a publishable or anon key"):
        ask(monkeypatch, service.stack.url("gateway"), kind(service.jwt_secret))


def test_a_supabase_that_does_not_answer_is_said_to_be_unreachable(monkeypatch):
    port = Port(0)
    monkeypatch.setenv("SUPABASE_PATIENCE_SECONDS", "0.1")
    with pytest.raises(StoreError, match="SUPABASE_URL"):
        ask(monkeypatch, f"http://127.0.0.1:{port.number}", keys.mint_key("s" * 32, "service_role"))
    port.release()
