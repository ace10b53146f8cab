"""The receiver in this process: its routes over HTTP's forms, with Supabase and Prefect in memory."""

import asyncio
import logging
from typing import Any

import httpx
import pytest

from deployments.receiver.app import app
from deployments.receiver.starter import Starter
from flows.errors import ExportError
from flows.settings import WebhookSettings
from tests.unit.fake_prefect import FakePrefect
from tests.unit.fake_supabase import USER, FakeSupabase

KEY, OTHER_KEY = "k" * 32, "another-key-which-is-long-enough-too"


class Bucket:
    """Objects by name, as their versions."""

    def __init__(self, versions: dict[str, str]):
        self.versions = versions

    async def version(self, name: str) -> str:
        if name not in self.versions:
            raise ExportError("there is no such object in bucket 'imports'; upload the export there")
        return self.versions[name]

    async def listed(self, folder: str) -> dict[str, str]:
        found = {name: version for name, version in self.versions.items() if name.startswith(folder)}
        if not found:
            raise ExportError("the folder holds no file; upload the export into it in bucket 'imports'")
        return found


class Receiver:
    def __init__(self, supabase: FakeSupabase, prefect: FakePrefect):
        self.supabase, self.prefect, self.bucket = supabase, prefect, Bucket(supabase.objects)
        self.answering: Any = app

    def ask(self, method: str, path: str, **more: Any) -> httpx.Response:
        """One request, with the key unless other headers are given."""
        return self.all(dict(method=method, url=path, **more))[0]

    def all(self, *requests: dict[str, Any]) -> list[httpx.Response]:
        """All requests at the same moment."""
        return asyncio.run(self._all(requests))

    def deliver(self, **more: Any) -> httpx.Response:
        return self.ask("POST", "/process-full-v2", **self.delivery(**more))

    def delivery(self, path: str = "export.zip", headers: dict[str, str] | None = None, **more: Any) -> dict[str, Any]:
        body = {"user_id": str(USER), "storage_path": f"imports/{USER}/{path}", **more}
        return {"json": body, "headers": {"Authorization": f"Bearer {KEY}", **(headers or {})}}

    def upload(self, version: str, name: str = "export.zip") -> None:
        self.bucket.versions[f"{USER}/{name}"] = version

    async def application(self, scope: Any, receive: Any, send: Any) -> None:
        """The receiver as an ASGI application, with its services; it has begun already."""
        if scope["type"] == "lifespan":
            for done in ("startup", "shutdown"):
                await receive()
                await send({"type": f"lifespan.{done}.complete"})
            return
        starter = self._starter()
        scope["state"] = {"starter": starter, "settings": WebhookSettings()}
        await self.answering(scope, receive, send)
        await starter.stop()

    def _starter(self) -> Starter:
        return Starter(self.supabase.store(self.bucket), self.prefect, "full-pass/full-pass")  # type: ignore[arg-type]

    async def _all(self, requests: tuple[dict[str, Any], ...]) -> list[httpx.Response]:
        starter = self._starter()

        async def with_services(scope: Any, receive: Any, send: Any) -> None:
            scope["state"] = {"starter": starter, "settings": WebhookSettings()}
            await self.answering(scope, receive, send)

        async with httpx.AsyncClient(transport=httpx.ASGITransport(with_services), base_url="http://receiver") as http:
            headers = {"Authorization": f"Bearer {KEY}"}
            asked = [http.request(**{"headers": headers, **request}) for request in requests]
            answers = list(await asyncio.gather(*asked))
        while starter.begun:
            await asyncio.gather(*starter.begun, return_exceptions=True)
        return answers


@pytest.fixture
def receiver(
    supabase: FakeSupabase, prefect: FakePrefect, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> Receiver:
    monkeypatch.setenv("WEBHOOK_KEY", f"{KEY},\n{OTHER_KEY}\n")
    caplog.set_level(logging.INFO, "soulprint.receiver")
    supabase.owned()
    supabase.row()["full_pass_status"] = "complete"
    made = Receiver(supabase, prefect)
    made.upload('"a"')
    return made
