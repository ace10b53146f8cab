"""The receiver as somebody meets it who means harm, or has very much to deliver."""

import asyncio
import socket
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import asyncpg
import httpx
import psutil

from tests.integration.service import FullPassService, simple_export


@dataclass
class Burst:
    """What became of many deliveries."""

    seconds: float
    waits: list[float]  # of each, sorted
    codes: Counter[int]

    def figures(self) -> str:
        half, most = self.waits[len(self.waits) // 2], self.waits[int(len(self.waits) * 0.99)]
        return f"{self.rate:.0f}/s, p50 {half * 1000:.0f} ms, p99 {most * 1000:.0f} ms"

    @property
    def rate(self) -> float:
        return len(self.waits) / self.seconds

    @property
    def p99(self) -> float:
        return self.waits[int(len(self.waits) * 0.99)]


@dataclass
class Door:
    """`quiet`: the machine does nothing else, so times are judged."""

    service: FullPassService
    quiet: bool
    failures: list[str] = field(default_factory=list)

    @property
    def receiver(self) -> psutil.Process:
        return psutil.Process(self.service.stack.services["webhook"].pid)

    def megabytes(self) -> float:
        return float(self.receiver.memory_info().rss / 1e6)

    def users(self, count: int) -> list[str]:
        """New users, each with an export of a few words in Storage."""
        content = simple_export("I like tea.")
        made = [self.service.new_user() for _ in range(count)]
        for user_id in made:
            self.service.upload(user_id, content)
        return [str(user_id) for user_id in made]

    def burst(self, users: Sequence[str], deliveries: int, at_once: int = 20) -> Burst:
        """So many deliveries, one user after the other, again and again."""
        bodies = (
            {"user_id": user, "storage_path": f"imports/{user}/export.json"} for user in _round(users, deliveries)
        )
        return asyncio.run(self._burst(bodies, at_once))

    async def _burst(self, bodies: Iterator[dict[str, str]], at_once: int) -> Burst:
        waits: list[float] = []
        codes: Counter[int] = Counter()

        async def deliver(http: httpx.AsyncClient) -> None:
            for body in bodies:
                asked = time.perf_counter()
                answer = await http.post("/process-full-v2", json=body)
                waits.append(time.perf_counter() - asked)
                codes[answer.status_code] += 1

        began = time.perf_counter()
        limits = httpx.Limits(max_connections=at_once)
        async with httpx.AsyncClient(
            base_url=self.service.stack.url("webhook"), headers=self.service.webhook.headers, timeout=60, limits=limits
        ) as http:
            await asyncio.gather(*(deliver(http) for _ in range(at_once)))
        return Burst(time.perf_counter() - began, sorted(waits), codes)

    def runs_of(self, users: Sequence[str]) -> Counter[str]:
        """user → flow runs, whatever their state."""
        found: Counter[str] = Counter()
        wanted, offset = set(users), 0
        while True:
            body = {"flows": {"name": {"any_": ["full-pass"]}}, "sort": "ID_DESC", "limit": 200, "offset": offset}
            page = self.service.prefect.post("/flow_runs/filter", json=body).raise_for_status().json()
            found.update(run["parameters"]["user_id"] for run in page if run["parameters"].get("user_id") in wanted)
            if len(page) < 200:
                return found
            offset += 200

    def sql(self, query: str, *arguments: Any) -> Any:
        """The first value of a query of the users' database."""

        async def asked() -> Any:
            connection = await asyncpg.connect(self.service.stack.database_url)
            try:
                return await connection.fetchval(query, *arguments)
            finally:
                await connection.close()

        return asyncio.run(asked())

    @contextmanager
    def connection(self, sends: bytes) -> Iterator[socket.socket]:
        """A connection that sends this and then nothing."""
        with socket.create_connection(("127.0.0.1", self.service.stack.port("webhook")), timeout=60) as connection:
            connection.sendall(sends)
            yield connection

    def stalled_body(self) -> bytes:
        """The beginning of a delivery whose body does not come."""
        key = self.service.stack.environment["WEBHOOK_KEY"]
        return (
            f"POST /process-full-v2 HTTP/1.1\r\nHost: receiver\r\nAuthorization: Bearer {key}\r\n"
            'Content-Type: application/json\r\nContent-Length: 200\r\n\r\n{"user_id":'
        ).encode()


def _round(users: Sequence[str], deliveries: int) -> Iterator[str]:
    return (users[number % len(users)] for number in range(deliveries))


def until_closed(connection: socket.socket) -> tuple[float, bytes]:
    """Seconds until the other side closes, and what it said before."""
    began, said = time.perf_counter(), b""
    while part := connection.recv(4096):
        said += part
    return time.perf_counter() - began, said
