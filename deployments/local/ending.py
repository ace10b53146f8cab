"""Ends the processes of a stack, whoever started them and whatever became of their parents.

Each of them carries a mark with the name of its life, `FOLDER//TOKEN`: in the environment, which whatever it starts
inherits, or on the command line. Nothing else is remembered about them, so those of a killed stack are found as well:
the name `FOLDER//` means all lives of a folder.
"""

import contextlib
import os
import signal
import time
from collections.abc import Iterable, Iterator
from enum import StrEnum
from pathlib import Path

import psutil

VARIABLE = "SOULPRINT_PART_OF"
#: As an option of Postgres: its environment may be readable by its own account only, and its children overwrite theirs.
OPTION = "soulprint.part_of"

_REST_SECONDS = 2  # for what a part has started, when the part has ended
_KILL_ROUNDS = 20
_POLL_SECONDS = 0.05


class Order(StrEnum):
    """When a part ends, the first ones first; those of one kind end together."""

    WORK = "work"  # runs must still reach the rest to say that they end
    SERVE = "serve"
    STORE = "store"


#: The signal that asks, and the seconds that it has. Together with the rest they are less than 20.
_KINDLY = {
    Order.WORK: (signal.SIGTERM, 7),
    Order.SERVE: (signal.SIGTERM, 3),
    Order.STORE: (signal.SIGINT, 4),  # to Postgres, that is "fast shutdown"
}


def life(folder: Path, token: str = "") -> str:
    return f"{folder}//{token}"


def mark(name: str, order: Order) -> str:
    return f"{order}:{name}"


def end(name: str) -> None:
    """Ends every process of this life, kindly first; returns within 20 s, usually within 3."""
    for order, (kind, seconds) in _KINDLY.items():
        _end(mark(name, order), kind, seconds)


def _end(wanted: str, kind: signal.Signals, seconds: float) -> None:
    found = marked(wanted)
    send(_leaders(found), kind)
    wait(_leaders(found), seconds)
    if left := marked(wanted):
        send(left, signal.SIGTERM)
        wait(left, _REST_SECONDS)
    for _ in range(_KILL_ROUNDS):
        if not (left := marked(wanted)):
            return
        send(left, signal.SIGKILL)
        wait(left, _POLL_SECONDS)


def marked(wanted: str) -> list[psutil.Process]:
    """The living processes with this mark, and all that they have started."""
    found = {process: None for process in psutil.process_iter() if _carries(process, wanted)}
    for process in _leaders(found):
        with contextlib.suppress(psutil.NoSuchProcess):
            found |= dict.fromkeys(process.children(recursive=True))
    return [process for process in found if not is_gone(process)]


def _carries(process: psutil.Process, wanted: str) -> bool:
    if process.pid == os.getpid():
        return False
    with contextlib.suppress(psutil.Error):
        if any(argument.startswith(f"{OPTION}={wanted}") for argument in process.cmdline()):
            return True
    with contextlib.suppress(psutil.Error):  # also of another account
        return str(process.environ().get(VARIABLE)).startswith(wanted)
    return False


def _leaders(processes: Iterable[psutil.Process]) -> list[psutil.Process]:
    """Those that none of the others has started."""
    numbers = {process.pid for process in processes}
    return [process for process in processes if _parent(process) not in numbers]


def _parent(process: psutil.Process) -> int:
    try:
        return int(process.ppid())
    except psutil.NoSuchProcess:
        return 0


def send(processes: Iterable[psutil.Process], what: signal.Signals) -> None:
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.send_signal(what)


def wait(processes: Iterable[psutil.Process], seconds: float) -> None:
    """Returns when all of them have ended, or after so many seconds."""
    deadline = time.monotonic() + seconds
    for process in processes:
        while not is_gone(process) and time.monotonic() < deadline:
            time.sleep(_POLL_SECONDS)


def is_gone(process: psutil.Process) -> bool:
    """Whether it has ended; its parent need not have noticed."""
    try:
        return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def tree(pid: int) -> Iterator[psutil.Process]:
    """The process and all that it has started; none when it has ended."""
    with contextlib.suppress(psutil.NoSuchProcess):
        process = psutil.Process(pid)
        yield from (process, *process.children(recursive=True))
