"""The receiver as somebody meets it who means harm, or has very much to deliver."""

import asyncio
import contextlib
import json
import os
import socket
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg
import httpx
import psutil

from tests.integration.service import FullPassService, export_of, simple_export


@dataclass
class Burst:
    """What became of many deliveries."""

    seconds: float
    waits: list[float]  # of each, sorted
    codes: Counter[int]
    cpu: Mapping[str, float]  # seconds, by the name of the service; "load" is this process

    def figures(self) -> str:
        half, most = self.waits[len(self.waits) // 2], self.waits[int(len(self.waits) * 0.99)]
        return f"{self.rate:.0f}/s, p50 {half * 1000:.0f} ms, p99 {most * 1000:.0f} ms"

    def cpu_figures(self) -> str:
        """Milliseconds of CPU for each delivery, by process: they say the same on a busy machine, too."""
        dear = {name: seconds * 1000 / len(self.waits) for name, seconds in self.cpu.items()}
        return ", ".join(f"{name} {ms:.1f}" for name, ms in dear.items() if ms >= 0.1) + " ms of CPU each"

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

    def deliver(self, user: object, path: str, **headers: str) -> httpx.Response:
        body = {"user_id": str(user), "storage_path": path}
        return self.service.webhook.post("/process-full-v2", json=body, headers=headers)

    @contextmanager
    def asking(self) -> Iterator[tuple[UUID, str, Path]]:
        """A user whose pass is in the middle of its questions, the run, and the folder with its text."""
        user = self.service.new_user()
        self.service.messages.put("/_control", json={"latency_seconds": 1}).raise_for_status()
        try:
            run_id = self.service.trigger(user, self.service.upload(user, export_of(60)))
            self.service.wait(lambda: self.service.row(user)["import_stage"], lambda stage: stage == "extract_facts")
            yield user, run_id, Path(self.service.stack.environment["SPOOL_DIR"]) / run_id
        finally:
            self.service.messages.put("/_control", json={}).raise_for_status()

    def log(self) -> list[str]:
        """The receiver's."""
        return (self.service.stack.state / "logs" / "webhook.log").read_text(encoding="utf-8").splitlines()

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

        async def deliver() -> None:
            # By hand: an HTTP client takes as much of the machine as the receiver does.
            reader, writer = await asyncio.open_connection("127.0.0.1", self.service.stack.port("webhook"))
            with contextlib.closing(writer):
                for body in bodies:
                    asked = time.perf_counter()
                    writer.write(self._request(json.dumps(body).encode()))
                    codes[await _answered(reader)] += 1
                    waits.append(time.perf_counter() - asked)

        began, before = time.perf_counter(), self._cpu()
        await asyncio.gather(*(deliver() for _ in range(at_once)))
        seconds, after = time.perf_counter() - began, self._cpu()
        return Burst(seconds, sorted(waits), codes, {name: after[name] - before.get(name, 0) for name in after})

    def _request(self, body: bytes) -> bytes:
        return self._head(len(body)) + body

    def _head(self, length: int) -> bytes:
        key = self.service.stack.environment["WEBHOOK_KEY"]
        return (
            f"POST /process-full-v2 HTTP/1.1\r\nHost: receiver\r\nAuthorization: Bearer {key}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n"
        ).encode()

    def _cpu(self) -> dict[str, float]:
        """Seconds of CPU so far: of each service with its processes, and of this one."""
        own = os.times()
        used = {"load": own.user + own.system}
        names = {service.pid: name for name, service in self.service.stack.services.items()}
        for process in psutil.Process().children(recursive=True):
            with contextlib.suppress(psutil.Error):
                times, name = process.cpu_times(), names.get(process.pid, process.name())
                used[name] = used.get(name, 0) + times.user + times.system
        return used

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
        return self._head(200) + b'{"user_id":'


async def _answered(reader: asyncio.StreamReader) -> int:
    """The status of an answer, which is read to its end."""
    head = (await reader.readuntil(b"\r\n\r\n")).lower()
    length = head.partition(b"content-length:")[2].partition(b"\r\n")[0]
    await reader.readexactly(int(length))
    return int(head.split(maxsplit=2)[1])


def _round(users: Sequence[str], deliveries: int) -> Iterator[str]:
    return (users[number % len(users)] for number in range(deliveries))


def until_closed(connection: socket.socket) -> tuple[float, bytes]:
    """Seconds until the other side closes, and what it said before."""
    began, said = time.perf_counter(), b""
    while part := connection.recv(4096):
        said += part
    return time.perf_counter() - began, said
