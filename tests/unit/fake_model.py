"""The Messages API without a server: its stand-in in this process, and a client that talks to it."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import httpx2

from deployments.local.messages_api.__main__ import application
from flows.llm.client import Claude, use_model
from flows.llm.connection import connect
from flows.llm.retry import RetryPolicy
from flows.llm.usage import RunUsage
from flows.settings import ModelSettings

KEY = "key-of-the-test"


class InProcessModel:
    """The Messages API stand-in within this process, and the client of a run that talks to it.

    `waits` are the seconds that the run would have waited between calls.
    """

    def __init__(self) -> None:
        self._application = application(KEY)
        self.waits: list[float] = []
        self.retries: list[tuple[str, str, int]] = []
        self.shared: list[float] = []

    @asynccontextmanager
    async def connected(self, wait: Callable[[float], Awaitable[None]] | None = None) -> AsyncIterator[Claude]:
        """`wait`: how the run waits between calls; None: not at all."""
        settings = ModelSettings()
        transport = httpx2.ASGITransport(self._application)
        async with httpx2.AsyncClient(transport=transport, base_url="http://stand-in") as http:
            self.http = http
            model = Claude(
                settings,
                RunUsage(),
                RetryPolicy(settings, wait or self._wait),
                self._share,
                lambda *retry: self.retries.append(retry),
                connect(settings, http_client=http),
            )
            with use_model(model):
                yield model

    async def behave(self, *faults: dict[str, object], latency: float = 0, **behaviour: object) -> None:
        behaviour |= {"latency_seconds": latency, "faults": list(faults)}
        (await self.http.put("http://stand-in/_control", json=behaviour)).raise_for_status()

    async def counted(self) -> dict[str, dict[str, object]]:
        counters: dict[str, dict[str, object]] = (await self.http.get("http://stand-in/_control")).json()
        return counters

    async def _wait(self, seconds: float) -> None:
        self.waits.append(seconds)
        await asyncio.sleep(0)

    async def _share(self, model: str, seconds: float) -> float:
        self.shared.append(seconds)
        return 0.0
