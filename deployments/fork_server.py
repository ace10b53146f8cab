"""Runs begin as forks of an interpreter that has imported all that they need, and share its memory.

One that begins with an interpreter of its own imports for three seconds of the CPU, and holds 130 MB that are the same
in each. So the worker forks, before it has threads, a process that imports the flows and waits; for each run that one
forks a child, which becomes `python -m prefect.engine`. Without it (it may have been killed) runs begin as Prefect
begins them.

    worker  ─ "+" and an end of the run's socket ─▶  fork server  ─ fork ─▶  run
    worker  ─ environment and folder ─────────────────────────────────────▶  run, which has the socket until it ends
    worker  ─ "-" and the run's number ──────────▶  fork server  ─ how it has ended ─▶  worker
"""

import asyncio
import atexit
import contextlib
import gc
import importlib
import json
import logging
import os
import runpy
import signal
import socket
import sys
import threading
import traceback
import warnings
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path
from typing import Any, NoReturn

from prefect.context import refresh_global_settings_context
from prefect.runner import _starter_engine

from flows import tls
from flows.runs import certificates

logger = logging.getLogger("soulprint.worker")

#: What a run is, unless its job variables name another command.
ENGINE = [sys.executable, "-m", "prefect.engine"]

_IMPORTED = (
    "prefect.flow_engine",
    "flows.full_pass",
    "flows.retry_failed",
    "flows.regenerate_sections",
    "flows.erase_user",
)
#: Signals that reach all processes of a terminal or a unit: the fork server has to tell how the runs end.
_OF_A_GROUP = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
_FORK, _WAIT = b"+", b"-"


class Gone(Exception):
    """The fork server has been killed."""


class Run:
    """A run's process, with what Prefect's runner asks of one."""

    def __init__(self, pid: int):
        self.pid = pid
        self.returncode: int | None = None


def name_of(run_id: str) -> str:
    """Of a run's process, as `ps -o comm` and `top` show it; their other column has the worker's command."""
    return f"run {run_id[-8:]}"


def start() -> None:
    """From here on, runs that this process starts are forks. To be called while it has one thread."""
    ours, theirs = socket.socketpair()
    sys.stdout.flush()
    sys.stderr.flush()
    gc.freeze()  # here too, so that the worker's collections leave the pages alone that both have
    if os.fork() == 0:
        ours.close()
        _become_a_run(_serve(theirs))
    theirs.close()
    spawned = vars(_starter_engine)["run_process"]

    async def run_process(command: list[str], **options: Any) -> Any:
        if command == ENGINE:
            try:
                return await _run(ours, **options)
            except Gone:
                logger.warning("the fork server is gone; until the worker is restarted, runs begin more slowly")
        return await spawned(command, **options)

    vars(_starter_engine)["run_process"] = run_process


# In the worker


async def _run(
    server: socket.socket,
    *,
    env: Mapping[str, str],
    cwd: Path,
    task_status: Any,
    task_status_handler: Callable[[Run], Any],
    **_: Any,  # its output is the worker's: there is nothing to stream
) -> Run:
    """A run from its beginning to its end. Raises Gone."""
    async with _asked(server, _FORK) as (reader, writer):
        run = Run(await _number(reader))
        try:
            writer.write(json.dumps({"env": dict(env), "cwd": str(cwd)}).encode() + b"\n")
            task_status.started(task_status_handler(run))
            with contextlib.suppress(ConnectionError):  # it was killed before it had read what it is
                await reader.read()
        except BaseException:  # as Prefect does with a process that it has started itself
            with contextlib.suppress(ProcessLookupError):
                os.kill(run.pid, signal.SIGTERM)
            raise
    run.returncode = await _ended(server, run.pid)
    return run


async def _ended(server: socket.socket, pid: int) -> int:
    try:
        async with _asked(server, _WAIT) as (reader, writer):
            writer.write(b"%d\n" % pid)
            return await _number(reader)
    except Gone:  # so nobody knows
        return -signal.SIGKILL


@contextlib.asynccontextmanager
async def _asked(
    server: socket.socket, wish: bytes
) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    ours, theirs = socket.socketpair()
    with theirs:
        try:
            socket.send_fds(server, [wish], [theirs.fileno()])
        except OSError:
            ours.close()
            raise Gone from None
    reader, writer = await asyncio.open_unix_connection(sock=ours)
    with contextlib.closing(writer):
        yield reader, writer


async def _number(reader: asyncio.StreamReader) -> int:
    try:
        return int(await reader.readline())
    except (ValueError, ConnectionError):
        raise Gone from None


# In the fork server


def _serve(requests: socket.socket) -> socket.socket:
    """Returns in each run, with its socket; in its own process never."""
    _name("fork server")
    usual = {number: signal.signal(number, signal.SIG_IGN) for number in _OF_A_GROUP}
    _import_all()
    while True:
        wish, descriptors, *_ = socket.recv_fds(requests, 1, 1)
        if not wish:  # the worker has ended
            os._exit(0)
        asking = socket.socket(fileno=descriptors[0])
        if wish == _FORK:
            # What reaches the run before it has its handlers waits for them, or it would be ignored as here.
            signal.pthread_sigmask(signal.SIG_BLOCK, _OF_A_GROUP)
            if (pid := os.fork()) == 0:
                requests.close()
                for number, handler in usual.items():
                    signal.signal(number, handler)
            signal.pthread_sigmask(signal.SIG_UNBLOCK, _OF_A_GROUP)
            if pid == 0:
                return asking
        with asking, contextlib.suppress(OSError):  # the worker may end at any time
            answer = pid if wish == _FORK else _exit_code(int(asking.recv(32)))
            asking.sendall(b"%d\n" % answer)


def _exit_code(pid: int) -> int:
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def _import_all() -> None:
    for module in _IMPORTED:
        importlib.import_module(module)
    tls.context()
    certificates.prepare()
    # What is there now stays: no collection of a run looks through it, and makes copies of its pages.
    gc.collect()
    gc.freeze()


def _become_a_run(worker: socket.socket) -> NoReturn:
    with worker.makefile() as lines:
        asked = json.loads(lines.readline())
    worker.detach()  # it is closed when the process ends, which tells the worker so
    _name(name_of(asked["env"]["PREFECT__FLOW_RUN_ID"]))
    os.environ.clear()
    os.environ.update(asked["env"])
    os.chdir(asked["cwd"])
    refresh_global_settings_context()
    sys.argv = ["prefect.engine"]
    warnings.filterwarnings("ignore", message=".*found in sys.modules", category=RuntimeWarning)
    try:
        runpy.run_module("prefect.engine", run_name="__main__", alter_sys=True)
        code = 0
    except SystemExit as asked_for:
        code = asked_for.code if isinstance(asked_for.code, int) else 1
    except BaseException:
        traceback.print_exc()
        code = 1
    _end(code)


def _end(code: int) -> NoReturn:
    """As an interpreter ends, and as `multiprocessing` ends a fork: without taking all modules apart.

    That would make copies of the pages that are shared: 30 MB more, at the end of each run.
    """
    vars(threading)["_shutdown"]()
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):
            stream.flush()
    os._exit(code)


def _name(name: str) -> None:
    with contextlib.suppress(OSError):
        Path("/proc/self/comm").write_text(name)
