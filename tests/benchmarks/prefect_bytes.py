"""What passes and ticks leave in Prefect's database: `make bench-prefect`.

They are runs of the deployments on the embedded stack, by a worker; `--here` executes them in this process, which is
quicker, counts its requests, and lacks three events of the worker's. Sizes are those of tables with their indexes,
packed: at first, when the vacuum has removed the events that it keeps for an hour, and when it has removed all events
(deployments/operations.md). Until Postgres has used the room again, they take up to half as much more.
"""

import argparse
import asyncio
import contextlib
import json
import re
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

import asyncpg
import httpx

from deployments.local.stack import Stack
from flows.full_pass import full_pass
from flows.retry_failed import retry_failed
from tests.conftest import clean_environment
from tests.integration.service import FullPassService, export_of

_SIZES = """\
select relname, pg_total_relation_size(c.oid)
    from pg_class as c join pg_namespace as n on n.oid = relnamespace
    where nspname = 'public' and relkind = 'r'"""


_requests = Counter[str]()


@dataclass(frozen=True)
class Table:
    size: int  # bytes
    rows: int


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.prefect_bytes", description=__doc__)
    parser.add_argument("--passes", type=int, default=10)
    parser.add_argument("--calls", type=int, default=4, help="of extraction, a pass")
    parser.add_argument("--ticks", type=int, default=10)
    parser.add_argument("--here", action="store_true")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="soulprint-bytes-") as name:
        state = Path(name) / "stack"
        environment = {**clean_environment(), "EXTRACTION_PACK_TOKENS": "2000"}
        with Stack(state, environment, tell=lambda what: None) as stack, FullPassService(stack) as service:
            asyncio.run(_measure(service, arguments))


async def _measure(service: FullPassService, arguments: argparse.Namespace) -> None:
    database = await asyncpg.connect(service.stack.postgres.url("prefect"))
    kinds = (
        (f"pass of {arguments.calls} calls", full_pass, lambda: _pass(service, arguments.calls), arguments.passes),
        ("tick with nothing to do", retry_failed, lambda: _tick(service), arguments.ticks),
    )
    for _, flow, start, _ in kinds:
        await asyncio.to_thread(_run, service, flow, start, 1, arguments.here)  # what the first makes, it makes once
    for what, flow, start, count in kinds:
        packed = await _pack(database)
        await asyncio.to_thread(_run, service, flow, start, count, arguments.here)
        _print(f"{what}: at first", count, packed, await _pack(database, []))
        _print_requests(what, count)
        await _print_events(database)
        _print(f"{what}: after an hour", count, packed, await _pack(database, _for_an_hour(service)))
        _print(f"{what}: after three days", count, packed, await _pack(database))
    await database.close()


def _pass(service: FullPassService, calls: int) -> str:
    user_id = service.new_user()
    return service.trigger(user_id, service.upload(user_id, export_of(calls)))


def _tick(service: FullPassService) -> str:
    return service.start("retry-failed/retry-failed")


def _run(service: FullPassService, flow: Any, start: Callable[[], str], count: int, here: bool) -> None:
    """Returns when so many runs have ended and their events are stored."""
    with service.without_worker() if here else contextlib.nullcontext():
        runs = [start() for _ in range(count)]
        for run_id in runs:
            if here:
                with _counted():
                    service.execute(run_id, flow)
            assert service.ended(run_id)["state_type"] == "COMPLETED"
    time.sleep(12)  # the server writes events every 5 s


@contextlib.contextmanager
def _counted() -> Iterator[None]:
    """Counts the requests to Prefect's API that are made in here."""
    send = httpx.AsyncClient.send, httpx.Client.send

    async def asynchronously(client: httpx.AsyncClient, request: httpx.Request, **named: Any) -> httpx.Response:
        _count(request)
        return await send[0](client, request, **named)

    def synchronously(client: httpx.Client, request: httpx.Request, **named: Any) -> httpx.Response:
        _count(request)
        return send[1](client, request, **named)

    with patch.object(httpx.AsyncClient, "send", asynchronously), patch.object(httpx.Client, "send", synchronously):
        yield


def _count(request: httpx.Request) -> None:
    if "/api/" in request.url.path:
        path = re.sub(r"[0-9a-f]{8}-[0-9a-f-]{27}", "…", request.url.path.removeprefix("/api"))
        _requests[f"{request.method} {path}"] += 1


def _print_requests(what: str, count: int) -> None:
    if _requests:
        print(f"\n| {what} | requests |\n|---|---:|\n| all | {_requests.total() / count:.1f} |")
        for request, number in _requests.most_common():
            print(f"| {request} | {number / count:.1f} |")
    _requests.clear()


def _for_an_hour(service: FullPassService) -> list[str]:
    overrides = service.stack._server_environment()["PREFECT_SERVER_SERVICES_DB_VACUUM_EVENT_RETENTION_OVERRIDES"]
    return list(json.loads(overrides))


async def _pack(database: asyncpg.Connection, without: list[str] | None = None) -> dict[str, Table]:
    """The tables without events of these names, or of any."""
    gone = "event = any($1) or $1 is null"
    await database.execute(f"delete from event_resources using events e where event_id = e.id and ({gone})", without)
    await database.execute(f"delete from events where {gone}", without)
    await database.execute("vacuum full")
    return await _tables(database)


async def _tables(database: asyncpg.Connection) -> dict[str, Table]:
    return {
        name: Table(size, await database.fetchval(f'select count(*) from "{name}"'))
        for name, size in await database.fetch(_SIZES)
    }


def _print(what: str, count: int, before: dict[str, Table], after: dict[str, Table]) -> None:
    grown = {
        name: Table(table.size - before[name].size, table.rows - before[name].rows) for name, table in after.items()
    }
    print(f"\n| {what} | kB | rows |\n|---|---:|---:|")
    print(f"| all of it | {_kilobytes(grown.values(), count)} | {sum(t.rows for t in grown.values()) / count:.1f} |")
    for name, table in sorted(grown.items(), key=lambda item: -item[1].size):
        if table.size or table.rows:
            print(f"| {name} | {_kilobytes([table], count)} | {table.rows / count:.1f} |", flush=True)


def _kilobytes(tables: Iterable[Table], count: int) -> str:
    return f"{sum(table.size for table in tables) / count / 1000:.1f}"


async def _print_events(database: asyncpg.Connection) -> None:
    """All that are there."""
    found = await database.fetch(
        "select event, count(*) as number, avg(pg_column_size(e.*))::int as bytes, sum(resources) as resources"
        " from events as e cross join lateral (select count(*) as resources from event_resources where event_id = e.id)"
        " group by event order by 2 desc"
    )
    print("\n| event | number | bytes | resources |\n|---|---:|---:|---:|")
    for each in found:
        print(f"| {each['event']} | {each['number']} | {each['bytes']} | {each['resources']} |")


if __name__ == "__main__":
    main()
