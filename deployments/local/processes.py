"""Child processes of the local stack: started so that they end with it, stopped with all that they have started."""

import fcntl
import os
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO

import httpx

from deployments.local import ending
from deployments.local.ending import Order
from deployments.local.supervisor import Supervisor

_STOP_SECONDS = 10
_POLL_SECONDS = 0.1
_START_SECONDS = 180  # a busy machine's; one that has failed is noticed at once


class StackError(Exception):
    """The local stack cannot start or has lost a part; the message says which and where its log is."""


class Service:
    """A child process with a log file, which ends with the supervisor at the latest."""

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        *,
        supervisor: Supervisor,
        log: Path,
        environment: Mapping[str, str],
        cwd: Path,
        order: Order = Order.SERVE,
    ):
        self.name, self.log = name, log
        self._supervisor, self._command, self._environment = supervisor, command, environment
        self._cwd, self._order = cwd, order
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        self._process = self._supervisor.popen(
            self._command, self._order, environment=self._environment, cwd=self._cwd, log=self.log
        )

    def check(self) -> None:
        """Raises StackError when the process has ended."""
        if self._process is not None and (status := self._process.poll()) is not None:
            raise StackError(f"{self.name} ended with status {status}:\n{tail(self.log)}")

    def wait_until_answering(self, url: str, seconds: float = _START_SECONDS) -> None:
        """Returns when a GET of `url` is answered with 2xx. Raises StackError when it is not, in time."""
        deadline = time.monotonic() + seconds
        with httpx.Client(timeout=5, verify=False) as client:  # to read the certificates takes longer than the rest
            while not _answers(client, url):
                self.check()
                if time.monotonic() > deadline:
                    raise StackError(f"{self.name} did not answer within {seconds:.0f} s:\n{tail(self.log)}")
                time.sleep(_POLL_SECONDS)

    def wait_until_listening(self, host: str, port: int, seconds: float = _START_SECONDS) -> None:
        """Returns when the port accepts connections. Raises StackError when it does not, in time."""
        deadline = time.monotonic() + seconds
        while True:
            self.check()
            try:
                socket.create_connection((host, port), timeout=5).close()
                return
            except OSError:
                if time.monotonic() > deadline:
                    raise StackError(f"{self.name} did not listen within {seconds:.0f} s:\n{tail(self.log)}") from None
            time.sleep(_POLL_SECONDS)

    def finish(self, seconds: float = _START_SECONDS) -> None:
        """Waits for the process to end by itself. Raises StackError when it fails or takes too long."""
        assert self._process is not None
        try:
            status = self._process.wait(seconds)
        except BaseException:
            self.stop()
            raise
        if status != 0:
            raise StackError(f"{self.name} ended with status {status}:\n{tail(self.log)}")

    def stop(self) -> None:
        """Ends the process and what it has started, kindly first."""
        if self._process is None or self._process.poll() is not None:
            return
        family = list(ending.tree(self._process.pid))
        for wanted, what in ((family[:1], signal.SIGTERM), (family, signal.SIGTERM), (family, signal.SIGKILL)):
            ending.send(wanted, what)
            ending.wait(wanted, _STOP_SECONDS)
        self._process.wait()

    def send(self, number: signal.Signals) -> None:
        """Sends a signal to the process alone, as a platform does that stops it."""
        assert self._process is not None
        self._process.send_signal(number)

    def kill(self) -> None:
        """Ends the process the hard way, as a test of what happens then."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()


def _answers(client: httpx.Client, url: str) -> bool:
    try:
        return client.get(url).is_success
    except httpx.TransportError:
        return False


class Port:
    """A port of 127.0.0.1 that is ours until `release()`: `preferred` if it is free, else one that the system chooses.

    Some seconds pass until its service listens, and another stack that starts meanwhile would prefer the same; hence
    a lock per preferred number, which ends with the process that holds it. Raises StackError when no port is free.
    """

    def __init__(self, preferred: int):
        self._lock = _locked(preferred) if preferred and _bindable(preferred) else None
        number = preferred if self._lock else _bindable(0)
        if number is None:
            raise StackError("no port is free on 127.0.0.1")
        self.number = number

    def release(self) -> None:
        if self._lock is not None:
            self._lock.close()


def _bindable(port: int) -> int | None:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return None
        return int(probe.getsockname()[1])


def _locked(port: int) -> IO[bytes] | None:
    try:
        lock = (Path(tempfile.gettempdir()) / f"soulprint-port-{port}.lock").open("ab")
    except OSError:  # another account's
        return None
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        lock.close()
        return None
    return lock


def tail(log: Path, lines: int = 15) -> str:
    try:
        text = log.read_text(errors="replace").splitlines()[-lines:]
    except FileNotFoundError:
        text = []
    return "\n".join([*(f"  {line}" for line in text), f"  (whole log: {os.path.relpath(log)})"])
