"""Connections that never ask, and the end of a receiver that is asked to stop; over real sockets."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
import uvicorn

from deployments.receiver import connections, limits
from deployments.receiver.app import app
from deployments.receiver.connections import ImpatientProtocol

Stream = tuple[asyncio.StreamReader, asyncio.StreamWriter]
HEAD = b"POST /process-full-v2 HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n"


@asynccontextmanager
async def running(most: int = 50) -> AsyncIterator[tuple[uvicorn.Server, Callable[[], Awaitable[Stream]]]]:
    config = uvicorn.Config(app, port=0, http=ImpatientProtocol, lifespan="off", limit_concurrency=most, log_level=50)
    config.timeout_graceful_shutdown = 1
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server.serve())
    while not server.started:  # noqa: ASYNC110 - it has no event to wait for
        await asyncio.sleep(0)
    port = server.servers[0].sockets[0].getsockname()[1]
    try:
        yield server, lambda: asyncio.open_connection("127.0.0.1", port)
    finally:
        server.should_exit = True
        with contextlib.suppress(asyncio.CancelledError):
            await serving


@pytest.mark.parametrize("sent", [b"", b"POST /process", HEAD], ids=["nothing", "half a line", "half of the headers"])
def test_a_connection_that_never_asks_is_closed(monkeypatch, sent):
    monkeypatch.setattr(connections, "HEADER_SECONDS", 0.05)

    async def closed() -> bytes:
        async with running() as (_, connect):
            reader, writer = await connect()
            writer.write(sent)
            return await asyncio.wait_for(reader.read(), timeout=20)

    assert asyncio.run(closed()) == b""


def test_also_the_second_request_of_a_connection_has_its_time(monkeypatch):
    monkeypatch.setattr(connections, "HEADER_SECONDS", 0.05)

    async def answer_and_end() -> bytes:
        async with running() as (_, connect):
            reader, writer = await connect()
            writer.write(b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n")
            answer = await reader.readuntil(b"}")
            writer.write(HEAD)
            return answer + await asyncio.wait_for(reader.read(), timeout=20)

    assert asyncio.run(answer_and_end()).startswith(b"HTTP/1.1 200")


def test_a_body_that_stalls_is_answered_and_the_others_are_served_meanwhile(monkeypatch):
    monkeypatch.setattr(connections, "HEADER_SECONDS", 0.05)
    monkeypatch.setattr(limits, "BODY_SECONDS", 0.05)
    monkeypatch.setenv("WEBHOOK_KEY", "k" * 32)

    async def statuses() -> list[bytes]:
        async with running() as (_, connect):
            slow, slow_writer = await connect()
            slow_writer.write(HEAD + b"\r\n{")
            quick, quick_writer = await connect()
            quick_writer.write(b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n")
            return [await stream.readline() for stream in (quick, slow)]

    assert [line.split()[1] for line in asyncio.run(statuses())] == [b"200", b"408"]


def test_more_connections_than_the_setting_allows_are_answered_with_503():
    async def status() -> bytes:
        async with running(most=3) as (_, connect):
            held = [await connect() for _ in range(4)]
            reader, writer = held[-1]
            writer.write(b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n")
            line = await reader.readline()
            for _, other in held:
                other.close()
            return line

    assert asyncio.run(status()).split()[1] == b"503"


def test_it_stops_though_a_body_stalls():
    async def stopped() -> None:
        async with running() as (server, connect):
            _, writer = await connect()
            writer.write(HEAD + b"\r\n{")
            await writer.drain()
            server.should_exit = True  # which is what SIGTERM does

    asyncio.run(asyncio.wait_for(stopped(), timeout=20))
