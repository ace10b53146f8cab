"""What a compose file describes, started with podman: as much of it as the files here use.

Every container shares one network of the machine, so that a service's name is an address of the loopback.
"""

import json
import re
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import yaml

#: Keys of a service that are carried out, and those that mean nothing here.
CARRIED_OUT = {
    *("image", "command", "environment", "env_file", "volumes", "tmpfs", "read_only", "cap_drop", "security_opt"),
    *("mem_limit", "memswap_limit", "shm_size", "stop_grace_period", "depends_on", "healthcheck"),
}
LEFT_OUT = {"build", "restart", "logging", "networks", "ports"}

_PODMAN = ("podman", "--runtime", "runc", "--cgroup-manager", "cgroupfs")
LIMITS = ("--ulimit", "nofile=4096:4096", "--ulimit", "nproc=4096:4096")
_VARIABLE = re.compile(r"\$(?:\$|\{(\w+)(?:(:?[-?])([^}]*))?\}|(\w+))")
_HEALTHY_SECONDS = 180
_POLL_SECONDS = 0.5


class Topology:
    """The services of a compose file; `beside` is what an override file would add to their environment."""

    def __init__(self, file: Path, variables: Mapping[str, str], beside: Mapping[str, Mapping[str, str]], name: str):
        self._name, self.beside = name, dict(beside)
        self._folder = file.parent
        self.services: dict[str, dict[str, Any]] = interpolated(yaml.safe_load(file.read_text()), variables)["services"]

    def up(self, *services: str) -> None:
        """Starts the services, after what they depend on, and waits until they are healthy or done."""
        for service in services or self.services:
            self._up(service, "service_healthy" if "healthcheck" in self.services[service] else "service_started")

    def down(self) -> None:
        """Removes containers and volumes."""
        for service in reversed(self.services):
            podman("rm", "--force", "--time", "5", "--volumes", self.container(service), check=False)
        volumes = podman("volume", "ls", "--quiet", "--filter", f"name={self._name}-").split()
        if volumes:
            podman("volume", "rm", "--force", *volumes)

    def container(self, service: str) -> str:
        return f"{self._name}-{service}"

    def start(self, service: str) -> None:
        """Starts it, or starts it again, without a wait."""
        self.remove(service)
        podman(*self._command(service))

    def stop(self, service: str) -> float:
        """As a platform does: SIGTERM, and SIGKILL after the period of grace. Returns how many seconds it took."""
        began = time.monotonic()
        podman("stop", self.container(service))
        return time.monotonic() - began

    def kill(self, service: str) -> None:
        """As a machine that is gone: no process of it has another moment."""
        podman("kill", "--signal", "KILL", self.container(service))

    def remove(self, service: str) -> None:
        podman("rm", "--force", "--time", "5", self.container(service), check=False)

    def pid(self, service: str) -> int:
        """Of its first process."""
        return int(podman("inspect", "--format", "{{.State.Pid}}", self.container(service)))

    def grace(self, service: str) -> float:
        """Seconds from SIGTERM to SIGKILL."""
        return float(self.services[service]["stop_grace_period"].removesuffix("s"))

    def exit_code(self, service: str) -> int:
        return int(podman("inspect", "--format", "{{.State.ExitCode}}", self.container(service)))

    def is_healthy(self, service: str) -> bool:
        return _run("healthcheck", "run", self.container(service)).returncode == 0

    def log(self, service: str) -> str:
        return podman("logs", "--tail", "40", self.container(service), check=False)

    def _up(self, service: str, condition: str) -> None:
        for other, needed in self.services[service].get("depends_on", {}).items():
            self._up(other, needed["condition"])
        once = condition == "service_completed_successfully"
        running = "--all" if once else "--filter=status=running"
        if podman("ps", running, "--quiet", "--filter", f"name=^{self.container(service)}$") == "":
            self.start(service)
        if once:
            podman("wait", self.container(service), check=False)  # of one that has ended, it may know nothing any more
            assert self.exit_code(service) == 0, self.log(service)
        elif condition == "service_healthy":
            until(lambda: self._becomes_healthy(service))

    def _becomes_healthy(self, service: str) -> bool:
        running = podman("inspect", "--format", "{{.State.Running}}", self.container(service))
        assert running == "true", f"{service} has ended:\n{self.log(service)}"
        return self.is_healthy(service)

    def _command(self, service: str) -> list[str]:
        described = self.services[service]
        assert not (unknown := described.keys() - CARRIED_OUT - LEFT_OUT), f"{service}: {unknown} is not carried out"
        options = ["run", "--detach", "--name", self.container(service), "--network", "host", *LIMITS]
        for other in self.services:
            options += ["--add-host", f"{other}:127.0.0.1"]
        options += self._of_the_machine(described)
        options += _health(described.get("healthcheck"))
        for name, value in {**described.get("environment", {}), **self.beside.get(service, {})}.items():
            options += ["--env", f"{name}={value}"]
        for volume in described.get("volumes", []):
            options += ["--volume", f"{self._name}-{volume}"]
        return [*options, described["image"], *described.get("command", [])]

    def _of_the_machine(self, described: dict[str, Any]) -> list[str]:
        memory = described["mem_limit"]
        options = ["--memory", memory, "--memory-swap", described.get("memswap_limit", memory)]
        options += (
            ["--stop-timeout", described["stop_grace_period"].removesuffix("s")]
            if "stop_grace_period" in described
            else []
        )
        options += ["--shm-size", described["shm_size"]] if "shm_size" in described else []
        options += ["--read-only", "--read-only-tmpfs=false"] if described.get("read_only") else []
        for option in ("tmpfs", "cap_drop", "security_opt"):
            for value in described.get(option, []):
                options += [f"--{option.replace('_opt', '-opt').replace('_drop', '-drop')}", value.replace(":true", "")]
        return options


def _health(check: dict[str, Any] | None) -> list[str]:
    # Who asks is the test: podman's own timers are systemd's.
    if check is None:
        return []
    test = check["test"]
    command = test[1] if test[0] == "CMD-SHELL" else json.dumps(test[1:])  # podman puts CMD before a list itself
    return ["--health-cmd", command, "--health-interval", "disable", "--health-timeout", check["timeout"]]


def interpolated(value: Any, variables: Mapping[str, str]) -> Any:
    """As docs.docker.com/reference/compose-file/interpolation says, of what is used here."""
    if isinstance(value, dict):
        return {name: interpolated(each, variables) for name, each in value.items()}
    if isinstance(value, list):
        return [interpolated(each, variables) for each in value]
    return _VARIABLE.sub(lambda match: _replaced(match, variables), value) if isinstance(value, str) else value


def _replaced(match: re.Match[str], variables: Mapping[str, str]) -> str:
    braced, operator, given, bare = match.groups()
    name = braced or bare
    if name is None:
        return "$"
    found = variables.get(name)
    if found or (found is not None and not (operator or "").startswith(":")):
        return found
    if operator and operator.endswith("?"):
        raise KeyError(f"{name}: {given}")
    return given or ""


def until(reached: Callable[[], bool], seconds: float = _HEALTHY_SECONDS) -> None:
    """Returns when it is so."""
    deadline = time.monotonic() + seconds
    while not reached():
        assert time.monotonic() < deadline, f"not reached in {seconds:.0f} s"
        time.sleep(_POLL_SECONDS)


def run_once(image: str, *command: str, memory: str = "512m") -> subprocess.CompletedProcess[str]:
    """A container from its start to its end."""
    limits = ("--memory", memory, "--memory-swap", memory, *LIMITS)
    return _run("run", "--rm", "--network", "host", *limits, image, *command)


def podman(*arguments: str, check: bool = True) -> str:
    done = _run(*arguments)
    assert not check or done.returncode == 0, f"podman {' '.join(arguments[:2])}: {done.stderr[-2_000:]}"
    return done.stdout.strip() if check else done.stdout + done.stderr


def _run(*arguments: str) -> subprocess.CompletedProcess[str]:
    # In a folder of its own: of a container that has been killed, podman's monitor leaves a file where it was started.
    with tempfile.TemporaryDirectory() as folder:
        return subprocess.run([*_PODMAN, *arguments], cwd=folder, capture_output=True, text=True, check=False)
