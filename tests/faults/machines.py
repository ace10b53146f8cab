"""Many machines: `make machines`.

Workers in network namespaces of their own, with nothing of a disk in common: each reaches Prefect, Supabase and the
Messages API over an interface of its own, as a machine elsewhere does. Users are delivered all at once; machines lose
their power at random moments and come back; the scheduled flow ticks. It ends when every user is complete, and fails
when anything was lost, doubled or asked twice beyond the calls in flight, when a user had two runs at once, or when
more calls of extraction were in flight than there are slots. Needs root, and `ip` of iproute2.
"""

import argparse
import asyncio
import contextlib
import itertools
import logging
import random
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import asyncpg
import psutil

from deployments.local.stack import ROOT, Stack
from flows.settings import DEFAULT_FACT_EXTRACTION_CONCURRENCY
from tests.conftest import clean_environment
from tests.faults.passes import QUICK, Pass, Passes
from tests.integration.service import FullPassService

_CALLS = 4  # of extraction for each user
_LATENCY = 0.5
_AWAY_SECONDS = 5.0
_TICK_SECONDS = 15.0
_SAMPLE_SECONDS = 0.5
_PATIENCE_SECONDS = 7_200
_INCOMPLETE = """
    select full_pass_status, full_pass_error from user_profiles
    where user_id = any ($1::uuid[]) and full_pass_status is distinct from 'complete'
"""
_SERVICES = ("prefect", "gateway", "messages")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.faults.machines", description=__doc__)
    parser.add_argument("--users", type=int, default=200)
    parser.add_argument("--machines", type=int, default=3)
    parser.add_argument("--passes", type=int, default=6, help="FULL_PASS_CONCURRENCY")
    parser.add_argument("--kill-every", type=float, default=30, metavar="SECONDS")
    parser.add_argument("--seed", type=int, default=int(time.time()))
    arguments = parser.parse_args()
    logging.disable(logging.INFO)  # of the ticks
    settings = {**QUICK, "FULL_PASS_CONCURRENCY": str(arguments.passes)}
    with tempfile.TemporaryDirectory(prefix="soulprint-machines-") as name, contextlib.ExitStack() as ending:
        stack = ending.enter_context(
            Stack(Path(name) / "stack", {**clean_environment(), **settings}, tell=lambda what: None)
        )
        stack.services.pop("worker").stop()
        service = ending.enter_context(FullPassService(stack))
        machines = [
            ending.enter_context(Machine(number, stack, Path(name) / f"machine-{number}"))
            for number in range(1, arguments.machines + 1)
        ]
        failures = asyncio.run(_load(service, machines, arguments))
    print("\n".join(failures) or "nothing lost, nothing doubled, nobody's pass ran twice at once")
    assert not failures


class Machine:
    """A worker that shares neither disk nor loopback with the rest."""

    def __init__(self, number: int, stack: Stack, folder: Path):
        self.name = f"soulprint-{number}"
        self._host, self._own = f"10.217.{number}.1", f"10.217.{number}.2"
        self._link = f"soulprint{number}"
        self._stack, self._folder = stack, folder
        self._relays: list[Relay] = []

    def __enter__(self) -> "Machine":
        _ip("netns", "add", self.name)
        _ip("link", "add", self._link, "type", "veth", "peer", "name", "up0", "netns", self.name)
        _ip("addr", "add", f"{self._host}/24", "dev", self._link)
        _ip("link", "set", self._link, "up")
        for words in (("addr", "add", f"{self._own}/24", "dev", "up0"), ("link", "set", "up0", "up")):
            _ip("-n", self.name, *words)
        _ip("-n", self.name, "link", "set", "lo", "up")
        self._relays = [Relay(self._host, self._stack.port(service)) for service in _SERVICES]
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()
        for relay in self._relays:
            relay.close()
        _ip("netns", "delete", self.name)

    def start(self) -> None:
        for name in ("prefect", "spool", "tmp"):
            (self._folder / name).mkdir(parents=True, exist_ok=True)
        with (self._folder / "worker.log").open("ab") as log:
            command = [sys.executable, "-m", "deployments.worker", "--name", self.name]
            subprocess.Popen(
                ["ip", "netns", "exec", self.name, *command],
                env=self._environment(),
                cwd=ROOT,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def kill(self) -> None:
        """The power goes: everything on it dies at once, and its disk is another when it comes back."""
        while pids := _ip("netns", "pids", self.name).split():
            for pid in map(int, pids):
                with contextlib.suppress(psutil.NoSuchProcess):
                    psutil.Process(pid).kill()
            time.sleep(0.05)
        for name in ("prefect", "spool", "tmp"):
            shutil.rmtree(self._folder / name, ignore_errors=True)

    def _environment(self) -> dict[str, str]:
        local = self._stack.environment
        own = {
            "PREFECT_HOME": str(self._folder / "prefect"),
            "SPOOL_DIR": str(self._folder / "spool"),
            "TMPDIR": str(self._folder / "tmp"),
        }
        return {name: value.replace("127.0.0.1", self._host) for name, value in local.items()} | own


class Relay:
    """What reaches an address goes on to the same port of the loopback."""

    def __init__(self, host: str, port: int):
        self._port = port
        self._loop = asyncio.new_event_loop()
        self._server = self._loop.run_until_complete(asyncio.start_server(self._connected, host, port))
        threading.Thread(target=self._loop.run_forever, daemon=True).start()

    def close(self) -> None:
        self._loop.call_soon_threadsafe(self._server.close)
        self._loop.call_soon_threadsafe(self._loop.stop)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            on_reader, on_writer = await asyncio.open_connection("127.0.0.1", self._port)
            await asyncio.gather(_copy(reader, on_writer), _copy(on_reader, writer))


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(1 << 16):
            writer.write(data)
            await writer.drain()
    writer.close()


@dataclass
class Seen:
    """What was seen while the passes ran."""

    most_slots: int = 0
    kills: int = 0


async def _load(service: FullPassService, machines: list[Machine], arguments: argparse.Namespace) -> list[str]:
    chance = random.Random(arguments.seed)
    print(f"seed {arguments.seed}", flush=True)
    passes = Passes(service)
    passes.complete(passes.make(_CALLS))
    database = await asyncpg.connect(service.stack.postgres.url("prefect"))
    size, rows = await _size(database)
    server = psutil.Process(service.stack.services["prefect"].pid)
    cpu = sum(server.cpu_times()[:2])
    passes.behave(latency=_LATENCY)
    users = [passes.make(_CALLS) for _ in range(arguments.users)]
    began = time.monotonic()
    for each in users:
        each.run_id = await asyncio.to_thread(service.deliver, each.user_id, each.path)
    print(f"{len(users)} users delivered in {time.monotonic() - began:.0f} s", flush=True)
    seen = await _until_complete(service, machines, users, chance, arguments.kill_every)
    seconds = time.monotonic() - began
    size_after, rows_after = await _size(database)
    print(
        f"{len(users)} users on {len(machines)} machines in {seconds:.0f} s: {3600 * len(users) / seconds:.0f} an hour;"
        f" {seen.kills} times the power went; at most {seen.most_slots} slots of extraction"
    )
    print(
        f"Prefect's server: {(sum(server.cpu_times()[:2]) - cpu) / len(users):.2f} s of CPU,"
        f" {(rows_after - rows) / len(users):.0f} rows and {(size_after - size) / len(users) / 1000:.0f} kB a user"
    )
    failures = list(_judged(passes, users, seen)) + await _overlapping(database, users)
    await database.close()
    return failures


async def _until_complete(
    service: FullPassService, machines: list[Machine], users: list[Pass], chance: random.Random, kill_every: float
) -> Seen:
    seen, began = Seen(), time.monotonic()
    ticked, killed, back = began, began, dict[float, Machine]()
    # Not by rows over HTTP: asked about hundreds of users twice a second, the gateway did little else.
    database = await asyncpg.connect(service.stack.database_url)
    while True:
        left = await database.fetch(_INCOMPLETE, [each.user_id for each in users])
        if not left:
            await database.close()
            return seen
        now = time.monotonic()
        assert now - began < _PATIENCE_SECONDS, [tuple(row) for row in left]
        seen.most_slots = max(seen.most_slots, _slots(service))
        for due in [due for due in back if due < now]:
            back.pop(due).start()
        if now - killed > kill_every and not back:
            killed, machine = now, chance.choice(machines)
            await asyncio.to_thread(machine.kill)
            back[now + _AWAY_SECONDS] = machine
            seen.kills += 1
        if now - ticked > _TICK_SECONDS:
            await asyncio.to_thread(service.tick)
            ticked = time.monotonic()
            print(f"{now - began:6.0f} s: {len(users) - len(left)} complete, {seen.kills} kills", flush=True)
        await asyncio.sleep(_SAMPLE_SECONDS)


def _slots(service: FullPassService) -> int:
    limits = service.prefect.post("/v2/concurrency_limits/filter", json={}).raise_for_status().json()
    return sum(limit["active_slots"] for limit in limits if limit["name"] == "tag:extraction")


def _judged(passes: Passes, users: Iterable[Pass], seen: Seen) -> Iterator[str]:
    """A machine that dies may repeat the calls that each of its passes had in flight, at most the limit."""
    counted = passes.service.messages.get("/_control").json()
    at_once = counted["in_flight"]["max_by_schema"]["ChunkFacts"]
    if max(at_once, seen.most_slots) > DEFAULT_FACT_EXTRACTION_CONCURRENCY:
        yield f"{seen.most_slots} slots and {at_once} calls at once of {DEFAULT_FACT_EXTRACTION_CONCURRENCY}"
    repeated = 0
    for each in users:
        verdict = passes.verdict(each)
        repeated += verdict.repeated
        if verdict.lost or verdict.doubled or verdict.repeated > (verdict.runs - 1) * (_CALLS + 1):
            yield f"{each.user_id}: {verdict}"
    print(f"{repeated} calls repeated; at most {seen.kills * DEFAULT_FACT_EXTRACTION_CONCURRENCY} were in flight")


async def _overlapping(database: asyncpg.Connection, users: Iterable[Pass]) -> list[str]:
    """Users of whom two runs were running at once, as Prefect has it."""
    states: list[Any] = await database.fetch(
        "select f.parameters ->> 'user_id' as user_id, f.id, s.type, s.timestamp"
        " from flow_run_state as s join flow_run as f on f.id = s.flow_run_id"
        " where f.parameters ->> 'user_id' is not null order by f.id, s.timestamp"
    )
    spans: dict[str, list[tuple[datetime, datetime]]] = {}
    for _, run in itertools.groupby(states, key=lambda state: state["id"]):
        for now, then in itertools.pairwise(run):
            if now["type"] == "RUNNING":
                spans.setdefault(now["user_id"], []).append((now["timestamp"], then["timestamp"]))
    return [
        f"{each.user_id}: two runs at once"
        for each in users
        if any(one[1] > other[0] for one, other in itertools.pairwise(sorted(spans.get(str(each.user_id), []))))
    ]


async def _size(database: asyncpg.Connection) -> tuple[int, int]:
    """Bytes and rows of Prefect's database."""
    await database.execute("analyze")
    rows = await database.fetchval("select sum(reltuples)::bigint from pg_class where relkind = 'r' and reltuples > 0")
    return await database.fetchval("select pg_database_size(current_database())"), int(rows)


def _ip(*words: str) -> str:
    return subprocess.run(["ip", *words], check=True, capture_output=True, text=True).stdout


if __name__ == "__main__":
    main()
