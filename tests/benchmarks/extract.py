"""How near extraction comes to the limit: `make bench-extract`.

The real deployment (Prefect server on Postgres, worker, flow runs) against the Messages API stand-in with a fixed
latency. Efficiency is the ideal time (calls × latency / limit) by the wall time of the step; calls in flight are what
the stand-in saw. The bare loop asks the same questions with a semaphore and stores nothing. Then several users, and
two workers, on one limit.
"""

import argparse
import asyncio
import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg
import psutil

from deployments.local.stack import ROOT, Stack
from flows.chunks import writing
from tests.conftest import clean_environment
from tests.integration.service import FullPassService, Json, export_of

_CASES = [(3, 1.0, 300), (10, 1.0, 1_000), (50, 2.0, 3_000)]
_SECONDS = re.compile(r"step=extract_facts status=completed seconds=([\d.]+)")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.extract", description=__doc__)
    parser.add_argument("--cases", type=int, nargs="*", default=range(len(_CASES)), help="which of the three: 0 1 2")
    parser.add_argument(
        "--shared", action=argparse.BooleanOptionalAction, default=True, help="three users, two workers"
    )
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="soulprint-bench-") as name:
        stack = Stack(Path(name) / "stack", clean_environment(), tell=lambda what: None)
        with stack, FullPassService(stack) as service:
            print(
                f"{'limit':>6}{'latency':>9}{'calls':>7} |{'ideal':>8}{'step':>8}{'efficiency':>12}"
                f"{'mean':>7}{'max in flight':>15}{'task runs':>11}{'CPU ms/call':>13} |{'bare':>8}{'of bare':>9}",
                flush=True,
            )
            for index in arguments.cases:
                _measure(service, Path(name), *_CASES[index])
            if arguments.shared:
                _share(service, limit=3, users=3, calls=100)
                _share(service, limit=10, users=3, calls=200)
                stack.start_worker("second")
                _share(service, limit=10, users=3, calls=200)


def _measure(service: FullPassService, folder: Path, limit: int, latency: float, calls: int) -> None:
    _prepare(service, limit, latency)
    user_id = service.new_user()
    run_id = service.trigger(user_id, service.upload(user_id, export_of(calls)))
    counters, cpu = _until(service, calls)
    service.ended(run_id)
    (step,) = (float(match[1]) for line in service.log(run_id) if (match := _SECONDS.search(line)))
    task_runs = sum(run["name"].startswith("extract_facts ") for run in service.task_runs(run_id))
    bare = _bare_seconds(service, folder, export_of(calls), limit)
    ideal = calls * latency / limit
    flight = counters["in_flight"]
    print(
        f"{limit:6}{latency:7.0f} s{calls:7,} |{ideal:6.0f} s{step:6.1f} s{ideal / step:12.3f}"
        f"{flight['mean']:7.2f}{flight['max']:15}{task_runs:11}{cpu / calls * 1_000:13.0f} "
        f"|{bare:6.1f} s{bare / step:9.3f}",
        flush=True,
    )


def _share(service: FullPassService, limit: int, users: int, calls: int) -> None:
    """Starts a pass for each of several users at once; how evenly do they get on, while all of them are extracting?"""
    _prepare(service, limit, 1.0)
    run_ids = []
    ids = [service.new_user() for _ in range(users)]
    for number, user_id in enumerate(ids):
        run_ids.append(service.trigger(user_id, service.upload(user_id, export_of(calls, f"{number}-"))))
    counters, _ = _until(service, calls * users)
    for run_id in run_ids:
        service.ended(run_id)
    counts = _answers_while_all_extracted(service.stack, ids)
    mean = sum(counts) / users
    workers = sum(name in ("worker", "second") for name in service.stack.services)
    flight = counters["in_flight"]
    print(
        f"{users} users, {workers} worker{'s'[: workers - 1]}, limit {limit}: {counts} calls while all extracted, "
        f"at most {max(abs(count / mean - 1) for count in counts):.0%} from even; "
        f"mean {flight['mean']:.2f}, max {flight['max_by_schema']['ChunkFacts']} in flight",
        flush=True,
    )


def _prepare(service: FullPassService, limit: int, latency: float) -> None:
    service.stack.apply(FACT_EXTRACTION_CONCURRENCY=str(limit))
    service.messages.put("/_control", json={"latency_seconds": latency}).raise_for_status()
    service.messages.delete("/_control").raise_for_status()


def _until(service: FullPassService, calls: int) -> tuple[Json, float]:
    """The stand-in's counters when it has answered so many calls, and the CPU seconds of the flow runs until then."""
    cpu: dict[int, float] = {}
    while True:
        for process in psutil.process_iter(["name"]):
            if process.info["name"].startswith("run "):
                try:
                    cpu[process.pid] = sum(process.cpu_times()[:2])
                except psutil.NoSuchProcess:
                    continue
        asked: dict[str, str | int] = {"schema": "ChunkFacts", "calls": calls, "timeout": 1}
        answer = service.messages.get("/_control/wait", params=asked)
        if answer.is_success:
            return answer.json(), sum(cpu.values())


def _bare_seconds(service: FullPassService, folder: Path, export: list[Json], limit: int) -> float:
    (folder / "export.json").write_text(json.dumps(export))
    writing.chunk_export(folder / "export.json", folder / "chunks.jsonl", writing.limits())
    command = [sys.executable, "-m", "tests.benchmarks.bare_loop", str(folder / "chunks.jsonl"), str(limit)]
    answer = subprocess.run(
        command, cwd=ROOT, env=service.stack.environment, stdout=subprocess.PIPE, text=True, check=True
    )
    return float(json.loads(answer.stdout.splitlines()[-1])["seconds"])


def _answers_while_all_extracted(stack: Stack, users: list[UUID]) -> list[int]:
    async def read() -> list[Any]:
        connection = await asyncpg.connect(stack.database_url)
        try:
            return list(
                await connection.fetch("select user_id, created_at from chunk_facts where user_id = any($1)", users)
            )
        finally:
            await connection.close()

    rows = asyncio.run(read())
    times: dict[Any, list[Any]] = {user_id: sorted(at for owner, at in rows if owner == user_id) for user_id in users}
    begins, ends = max(t[0] for t in times.values()), min(t[-1] for t in times.values())
    return [sum(begins <= at <= ends for at in t) for t in times.values()]


if __name__ == "__main__":
    main()
