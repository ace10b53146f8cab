"""Supervised processes end with who started them, however obstinate they are."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from deployments.local import ending
from deployments.local.ending import Order
from deployments.local.stack import ROOT
from deployments.local.supervisor import Supervisor

_BOUND = 20  # seconds

#: Starts what the test gives, says its pid and that of the supervisor, and stays.
STARTER = """
import os, sys, time
from pathlib import Path
from deployments.local.ending import Order
from deployments.local.supervisor import Supervisor

folder = Path(sys.argv[1])
supervisor = Supervisor(folder)
supervisor.start()
command = [sys.executable, "-c", sys.argv[2]]
process = supervisor.popen(command, Order.WORK, environment=os.environ, cwd=folder, log=folder / "log")
print(supervisor._process.pid, process.pid, flush=True)
time.sleep(3600)
"""

#: Ignores every signal that can be ignored; has a child of the same kind in a session of its own, whose parent is gone.
OBSTINATE = """
import os, signal, sys, time
for number in (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGTERM):
    signal.signal(number, signal.SIG_IGN)
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        print(os.getpid(), flush=True)
        time.sleep(3600)
    os._exit(0)
print(os.getpid(), flush=True)
time.sleep(3600)
"""


@pytest.fixture
def started(tmp_path: Path) -> Iterator[list[subprocess.Popen[str]]]:
    processes: list[subprocess.Popen[str]] = []
    yield processes
    for process in processes:
        process.kill()
        process.communicate()
    ending.end(ending.life(tmp_path))


def start(started: list[subprocess.Popen[str]], folder: Path, script: str) -> tuple[psutil.Process, psutil.Process]:
    """(the supervisor, what is supervised) of a process that is the last one in `started`."""
    process = subprocess.Popen(
        [sys.executable, "-c", STARTER, folder, script], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    started.append(process)
    assert process.stdout is not None
    supervisor, supervised = map(int, process.stdout.readline().split())
    return psutil.Process(supervisor), psutil.Process(supervised)


def of_folder(folder: Path) -> list[psutil.Process]:
    return ending.marked(ending.mark(ending.life(folder), Order.WORK))


def until_two_are_there(folder: Path) -> list[psutil.Process]:
    while len((folder / "log").read_text().split()) < 2:
        assert of_folder(folder)
    return of_folder(folder)


def test_what_ignores_every_signal_and_has_run_away_is_ended_too(started, tmp_path):
    supervisor, _ = start(started, tmp_path, OBSTINATE)
    both = until_two_are_there(tmp_path)
    assert len(both) == 2
    started[-1].kill()
    started[-1].wait()
    psutil.wait_procs([supervisor, *both], timeout=_BOUND)
    assert [process for process in (supervisor, *both) if not ending.is_gone(process)] == []


def test_a_killed_supervisor_leaves_it_to_the_next_start(started, tmp_path):
    supervisor, supervised = start(started, tmp_path, "import time; time.sleep(3600)")
    supervisor.kill()
    started[-1].kill()
    started[-1].wait()
    assert of_folder(tmp_path) == [supervised]
    with Supervisor(tmp_path):
        assert of_folder(tmp_path) == []


def test_a_killed_supervisor_does_not_keep_its_starter_from_ending_all(tmp_path):
    supervisor = Supervisor(tmp_path)
    supervisor.start()
    command = [sys.executable, "-c", "import time; time.sleep(3600)"]
    supervisor.popen(command, Order.WORK, environment=os.environ, cwd=tmp_path, log=tmp_path / "log")
    (own,) = (each for each in psutil.Process().children() if each.cmdline()[-1].startswith(ending.life(tmp_path)))
    own.kill()
    own.wait()
    supervisor.stop()
    assert of_folder(tmp_path) == []


def test_a_later_life_on_the_same_folder_is_left_alone(tmp_path):
    with Supervisor(tmp_path) as earlier, Supervisor(tmp_path) as later:
        command = [sys.executable, "-c", "import time; time.sleep(3600)"]
        process = later.popen(command, Order.WORK, environment=os.environ, cwd=tmp_path, log=tmp_path / "log")
        earlier.stop()
        assert process.poll() is None


def test_signals_that_a_background_job_ignores_reach_what_it_starts(tmp_path):
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with Supervisor(tmp_path) as supervisor:
            script = "import signal; print(signal.getsignal(signal.SIGINT) is signal.default_int_handler)"
            command = [sys.executable, "-c", script]
            process = supervisor.popen(command, Order.WORK, environment={}, cwd=tmp_path, log=tmp_path / "log")
            assert process.wait(60) == 0
    finally:
        signal.signal(signal.SIGINT, before)
    assert (tmp_path / "log").read_text() == "True\n"
