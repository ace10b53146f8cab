"""What a container's processes hold, as its limit counts it."""

import threading
from pathlib import Path

_GROUPS = Path("/sys/fs/cgroup")
_SECONDS = 0.2


class Watch:
    """While it is entered, looks five times a second at the memory of the container whose first process is `pid`.

    What files the kernel keeps a copy of is left out: under a limit it gives them up first.
    """

    def __init__(self, pid: int):
        self._group, self._is_unified = _group_of(pid)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)
        self._kills_before = 0
        self.peak_mb = 0.0
        self.kills = 0
        self.largest: dict[str, float] = {}

    def __enter__(self) -> "Watch":
        self._kills_before = self._kills()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()
        self.kills = self._kills() - self._kills_before

    def __str__(self) -> str:
        return ", ".join(f"{name} {megabytes:.0f}" for name, megabytes in sorted(self.largest.items()))

    def _look(self) -> None:
        while not self._stop.wait(_SECONDS):
            name = "anon" if self._is_unified else "total_rss"
            self.peak_mb = max(self.peak_mb, _number(self._group / "memory.stat", name) / 1e6)
            for pid in (self._group / "cgroup.procs").read_text().split():
                self._look_at(pid)

    def _look_at(self, pid: str) -> None:
        try:
            command = Path("/proc", pid, "cmdline").read_text().split("\0")
            own = Path("/proc", pid, "comm").read_text().split()
            held = _number(Path("/proc", pid, "status"), "RssAnon:") * 1024 / 1e6
        except (OSError, KeyError):  # it has ended just now
            return
        name = "run" if own[0] == "run" else "fork server" if own[0] == "fork" else _module(command)
        if name:
            self.largest[name] = max(held, self.largest.get(name, 0))

    def _kills(self) -> int:
        file = "memory.events" if self._is_unified else "memory.oom_control"
        return _number(self._group / file, "oom_kill")


def _module(command: list[str]) -> str:
    return next((part.rpartition(".")[2] for part in command if part.startswith(("deployments.", "prefect."))), "")


def _group_of(pid: int) -> tuple[Path, bool]:
    for line in Path(f"/proc/{pid}/cgroup").read_text().splitlines():
        number, controllers, path = line.split(":", 2)
        if "memory" in controllers.split(","):
            return _GROUPS / "memory" / path.removeprefix("/"), False
        if number == "0" and (_GROUPS / path.removeprefix("/") / "memory.stat").exists():
            return _GROUPS / path.removeprefix("/"), True
    raise LookupError(f"process {pid} has no group of memory")


def _number(file: Path, name: str) -> int:
    numbers = {line.split()[0]: line.split()[1] for line in file.read_text().splitlines() if len(line.split()) > 1}
    return int(numbers[name])  # a process that has ended and waits to be buried has none
