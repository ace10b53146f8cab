"""A Supabase project as its owner has it: the gateway over a database of its own, its keys, its settings."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar
from unittest.mock import patch
from uuid import UUID, uuid4

import httpx

from deployments.local.supabase import keys
from flows.store.client import Store, open_store
from tests.integration.store.sql import Database

SECRET = "s" * 64
BUCKET = "imports"

Given = TypeVar("Given")


@dataclass
class Project:
    url: str
    db: Database
    key: str = field(default_factory=lambda: keys.secret_key(SECRET))

    def behaves(self, **behaviour: Any) -> None:
        """As deployments/local/supabase/faults.py says; what is not named is as on a new project."""
        httpx.put(f"{self.url}/_control", json=behaviour).raise_for_status()

    def refuses(self, status: int, body: dict[str, Any] | str = "", **fault: Any) -> None:
        self.behaves(faults=[{"status": status, "body": body, **fault}])

    def asked(self) -> dict[str, int]:
        """How many requests there were since the last time, by method and path."""
        counted: dict[str, int] = httpx.get(f"{self.url}/_control").json()["requests"]
        httpx.delete(f"{self.url}/_control").raise_for_status()
        return counted

    async def is_asked(self, request: str, times: int) -> None:
        """Returns when the request, by method and path, has come so often."""
        async with httpx.AsyncClient(base_url=self.url) as http, asyncio.timeout(30):
            while (await http.get("/_control")).json()["requests"].get(request, 0) < times:  # noqa: ASYNC110
                await asyncio.sleep(0.01)

    def use(self, work: Callable[[Store], Awaitable[Given]], patience: float = 0, **environment: str) -> Given:
        """What the full pass makes of the project."""

        async def run() -> Given:
            async with open_store(patience) as store:
                return await work(store)

        settings = {"SUPABASE_URL": self.url, "SUPABASE_SERVICE_KEY": self.key, "STORAGE_BUCKET": BUCKET}
        with patch.dict("os.environ", {**settings, **environment}):
            return asyncio.run(run())

    def new_user(self) -> UUID:
        user_id = uuid4()
        self.db.sign_up(str(user_id))
        self.db.run("insert into user_profiles (user_id) values ($1)", user_id)
        return user_id

    def upload(self, user_id: UUID, content: bytes, name: str = "export.zip") -> str:
        """Puts an export into Storage, over the one that is there; returns its storage path."""
        headers = {"apikey": self.key, "Authorization": f"Bearer {self.key}", "x-upsert": "true"}
        path = f"{BUCKET}/{user_id}/{name}"
        httpx.post(f"{self.url}/storage/v1/object/{path}", content=content, headers=headers).raise_for_status()
        return path
