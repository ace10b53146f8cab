"""The fork server in a process of its own, as a worker has it; runs that never get an answer of Prefect's."""

import json
import socket
import subprocess
import sys
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import psutil
import pytest

from deployments import ROOT
from tests.conftest import clean_environment

#: A worker's part: starts what each line asks for, and writes its number, and its exit code.
_WORKER = '''
import asyncio, json, os, signal, sys, time
from pathlib import Path
from deployments import fork_server
from prefect.runner import _starter_engine

def slow(fork=os.fork, worker=os.getpid()):
    """A run is slow to begin, until a signal waits for it; two seconds at most."""
    pid = fork()
    deadline = time.monotonic() + 2
    while pid == 0 and os.getppid() != worker and not signal.sigpending() and time.monotonic() < deadline:
        time.sleep(0.01)
    return pid

if "SLOW" in os.environ:
    os.fork = slow
fork_server._IMPORTED = ("prefect.flow_engine",)
fork_server.start()

class Status:
    def started(self, pid):
        print(pid, flush=True)

async def main():
    while line := await asyncio.to_thread(sys.stdin.readline):
        env = {**os.environ, **json.loads(line)}
        process = await _starter_engine.run_process(
            command=fork_server.ENGINE, env=env, cwd=Path.cwd(), task_status=Status(), stream_output=True,
            task_status_handler=lambda process: process.pid)
        print(process.returncode, flush=True)

asyncio.run(main())
'''


class Worker:
    def __init__(self, api: str, **more: str):
        environment = {**clean_environment(), "PREFECT_API_URL": api, **more}
        command = [sys.executable, "-c", _WORKER]
        pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
        self.process: Any = subprocess.Popen(command, cwd=ROOT, env=environment, text=True, **pipes)

    def starts(self, run_id: str) -> psutil.Process:
        self.process.stdin.write(json.dumps({"PREFECT__FLOW_RUN_ID": run_id}) + "\n")
        self.process.stdin.flush()
        return psutil.Process(self.says())

    def says(self) -> int:
        return int(self.process.stdout.readline())

    @property
    def fork_server(self) -> psutil.Process:
        (found,) = (each for each in psutil.Process(self.process.pid).children() if each.name() == "fork server")
        return found


@pytest.fixture
def silent() -> Iterator[str]:
    """The address of an API that takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}/api"


@pytest.fixture
def worker(silent: str, request: pytest.FixtureRequest) -> Iterator[Worker]:
    worker = Worker(silent, **getattr(request, "param", {}))
    yield worker
    for process in (*psutil.Process(worker.process.pid).children(recursive=True), worker.process):
        process.kill()
    worker.process.communicate()


def test_a_run_is_a_fork_and_how_it_ends_is_told(worker):
    run_id = str(uuid4())
    run = worker.starts(run_id)
    assert run.ppid() == worker.fork_server.pid
    run.kill()
    assert worker.says() == -9
    refused = worker.starts("no id")  # by the engine
    assert refused.pid != run.pid
    assert worker.says() == 1


def test_runs_begin_without_it_and_end_without_it(worker):
    run = worker.starts(str(uuid4()))
    worker.fork_server.kill()
    run.kill()
    assert worker.says() == -9
    alone = worker.starts(str(uuid4()))
    assert alone.ppid() == worker.process.pid
    alone.terminate()
    assert worker.says() == -15


@pytest.mark.parametrize("worker", [{"SLOW": "yes"}], indirect=True)
def test_a_run_that_is_told_to_go_before_it_has_begun_goes(worker):
    run = worker.starts(str(uuid4()))
    run.terminate()
    run.wait(60)
    assert worker.says() == -15


def test_it_bears_the_signals_of_a_group_and_ends_with_its_worker(worker):
    run = worker.starts(str(uuid4()))
    server = worker.fork_server
    server.terminate()
    run.terminate()
    assert worker.says() == -15
    worker.process.kill()
    server.wait(60)
