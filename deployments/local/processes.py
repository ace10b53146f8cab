"""Child processes of the local stack: started so that they end with it, stopped with all that they have started."""

import ctypes
import fcntl
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO

import httpx
import psutil

_STOP_SECONDS = 10
_PR_SET_PDEATHSIG = 1  # <linux/prctl.h>


class StackError(Exception):
    """The local stack cannot start or has lost a part; the message says which and where its log is."""


class Service:
    """A child process with a log file."""

    def __init__(self, name: str, command: Sequence[str], *, log: Path, environment: Mapping[str, str], cwd: Path):
        self.name, self.log = name, log
        self._command, self._environment, self._cwd = command, environment, cwd
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        """Must be called from a thread that lives as long as the process shall (see end_with_parent)."""
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                self._command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=dict(self._environment),
                cwd=self._cwd,
                # A session of its own: Ctrl-C reaches us only, and we stop the parts in order.
                start_new_session=True,
                preexec_fn=end_with_parent,
            )

    def check(self) -> None:
        """Raises StackError when the process has ended."""
        if self._process is not None and (status := self._process.poll()) is not None:
            raise StackError(f"{self.name} ended with status {status}:\n{tail(self.log)}")

    def wait_until_answering(self, url: str, seconds: float = 60) -> None:
        """Returns when a GET of `url` is answered with 2xx. Raises StackError when it is not, in time."""
        deadline = time.monotonic() + seconds
        while True:
            self.check()
            try:
                if httpx.get(url, timeout=5).is_success:
                    return
            except httpx.TransportError:
                pass
            if time.monotonic() > deadline:
                raise StackError(f"{self.name} did not answer within {seconds:.0f} s:\n{tail(self.log)}")
            time.sleep(0.05)

    def wait_until_listening(self, host: str, port: int, seconds: float = 30) -> None:
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
            time.sleep(0.05)

    def finish(self, seconds: float = 120) -> None:
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
        if self._process is None:
            return
        try:
            family = [psutil.Process(self._process.pid), *psutil.Process(self._process.pid).children(recursive=True)]
        except psutil.NoSuchProcess:
            family = []
        self._process.terminate()
        try:
            self._process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        _end(family)
        self._process = None

    def kill(self) -> None:
        """Ends the process the hard way, as a test of what happens then."""
        assert self._process is not None
        self._process.send_signal(signal.SIGKILL)
        self._process.wait()
        self._process = None


def _end(processes: list[psutil.Process]) -> None:
    for process in processes:
        try:
            process.terminate()
        except psutil.NoSuchProcess:
            continue
    _, alive = psutil.wait_procs(processes, timeout=_STOP_SECONDS)
    for process in alive:
        try:
            process.kill()
        except psutil.NoSuchProcess:
            continue
    psutil.wait_procs(alive, timeout=_STOP_SECONDS)


def end_with_parent() -> None:
    """Asks the kernel to end this process when the thread that started it ends, even by SIGKILL (Linux only)."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


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
