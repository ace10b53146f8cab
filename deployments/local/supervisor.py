"""Starts processes so that none of them outlives who wanted them, whatever kills that one.

A process of its own, `python -m deployments.local.supervisor LIFE`, reads a pipe of which only the starting process has
the other end. When that is closed, by an exit or by the kernel after a SIGKILL, it ends all processes of that life. A
signal that the kernel sends at a parent's death would not do: it follows the thread that has started the process.

Should the supervisor be killed too, the next start on the folder ends what is left.
"""

import contextlib
import os
import secrets
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

from deployments.local import ending
from deployments.local.ending import Order

_ROOT = Path(__file__).resolve().parents[2]

_STOP_SECONDS = 60  # a busy machine's
_ENDING = (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGTERM)


class Supervisor:
    """`start()` to `stop()`, or as a context manager; `folder` names what is supervised, and need not exist."""

    def __init__(self, folder: Path):
        self._folder = folder.resolve()
        self._life = ending.life(self._folder, secrets.token_hex(4))
        self._process: subprocess.Popen[bytes] | None = None
        self._children: list[subprocess.Popen[bytes]] = []

    def __enter__(self) -> "Supervisor":
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Ends what is left of earlier lives, for their supervisor may have been killed as well."""
        if self._process is not None:
            return
        ending.end(ending.life(self._folder))
        self._process = subprocess.Popen(
            [sys.executable, "-m", "deployments.local.supervisor", self._life],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            cwd=_ROOT,
            start_new_session=True,
        )

    def mark(self, order: Order) -> str:
        return ending.mark(self._life, order)

    def popen(
        self,
        command: Sequence[object],
        order: Order,
        *,
        environment: Mapping[str, str],
        cwd: Path,
        log: Path,
        **identity: Any,
    ) -> subprocess.Popen[bytes]:
        """Starts a process that ends with this one. `identity`: the account, as subprocess takes it."""
        with log.open("ab") as output:
            child = subprocess.Popen(
                [str(part) for part in command],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env={**environment, ending.VARIABLE: self.mark(order)},
                cwd=cwd,
                # Ctrl-C in the terminal reaches us only: the parts end in order.
                start_new_session=True,
                preexec_fn=heed_signals,
                **identity,
            )
        self._children.append(child)
        return child

    def remove_at_end(self, folder: Path) -> None:
        """The folder is removed when everything has ended."""
        assert self._process is not None
        assert self._process.stdin is not None
        self._process.stdin.write(os.fsencode(folder) + b"\n")
        self._process.stdin.flush()

    def stop(self) -> None:
        """Ends all processes; safe to call in any state, also twice."""
        if self._process is None:
            return
        assert self._process.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(_STOP_SECONDS)
        ending.end(self._life)  # somebody may have killed the supervisor
        while self._children:
            self._children.pop().wait()
        self._process = None


def heed_signals() -> None:
    """The shell starts background jobs with SIGINT and SIGQUIT ignored, nohup SIGHUP, and children inherit that."""
    for number in _ENDING:
        signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, [])


def main() -> None:
    # Whoever ends us by a signal to many processes ends the starting one too, and so the pipe.
    for number in _ENDING:
        signal.signal(number, signal.SIG_IGN)
    folders = sys.stdin.buffer.read().splitlines()
    ending.end(sys.argv[1])
    for folder in folders:
        shutil.rmtree(os.fsdecode(folder), ignore_errors=True)


if __name__ == "__main__":
    main()
