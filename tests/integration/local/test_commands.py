"""`make run` and `make up`, as a newcomer uses them."""

import argparse
import json
import re
import shlex
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from deployments.local import ending
from deployments.local.stack import ROOT
from tests.conftest import clean_environment
from tests.integration.service import executes, simple_export

_SECONDS = 600  # only what is broken takes so long
#: What the shell has its background jobs ignore, and children inherit.
BACKGROUND = (signal.SIGINT, signal.SIGQUIT)

Process = subprocess.Popen[str]

pytestmark = pytest.mark.xdist_group("commands")


@pytest.fixture(scope="module")
def state(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One state folder for all tests: what a newcomer runs again and again."""
    return tmp_path_factory.mktemp("state")


@pytest.fixture
def command(state: Path) -> Iterator[Callable[..., Process]]:
    """Starts `python -m deployments.local …`; whatever a test leaves running is ended after it."""
    started: list[Process] = []

    def start(*arguments: object, ignoring: tuple[signal.Signals, ...] = (), **environment: str) -> Process:
        process = subprocess.Popen(
            [sys.executable, "-m", "deployments.local", *map(str, arguments)],
            cwd=ROOT,
            env={**clean_environment(), "SOULPRINT_STATE": str(state), "COLUMNS": "200", **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
            preexec_fn=lambda: _ignore_only(ignoring),
        )
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()
    assert still_alive(state) == []


def _ignore_only(signals: tuple[signal.Signals, ...]) -> None:
    """Whatever the tests themselves were started with: nohup, for one, ignores SIGHUP."""
    for each in (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGTERM):
        signal.signal(each, signal.SIG_IGN if each in signals else signal.SIG_DFL)


def write(path: Path, value: object) -> Path:
    path.write_text(json.dumps(value))
    return path


def read_until(process: Process, pattern: str) -> str:
    """The output up to the line that matches; fails when the output ends before."""
    seen = ""
    assert process.stdout is not None
    for line in process.stdout:
        seen += line
        if re.search(pattern, line):
            return seen
    raise AssertionError(f"the output ended without {pattern}:\n{seen}")


def processes_of(state: Path) -> list[psutil.Process]:
    """Every process of this stack: all of them have the state folder in their environment or work in it."""
    found = []
    for process in psutil.process_iter():
        try:
            named = process.environ().get("SOULPRINT_STATE") == str(state)
            if (named or Path(process.cwd()).is_relative_to(state)) and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
        except (psutil.AccessDenied, psutil.NoSuchProcess):
            continue
    return found


def still_alive(state: Path, seconds: float = 20) -> list[list[str]]:
    """The command lines of those processes that are still there after so many seconds."""
    ending.wait(processes_of(state), seconds)
    return [process.cmdline() for process in processes_of(state)]


def refuses(url: str) -> bool:
    address = httpx.URL(url)
    with socket.socket() as probe:
        return probe.connect_ex((address.host, address.port)) != 0


def said_to_curl(line: str) -> dict[str, Any]:
    """What the server answers to a curl line, on a machine that may have no curl."""
    parser = argparse.ArgumentParser()
    parser.add_argument("-X", dest="method")
    parser.add_argument("-H", dest="headers", action="append")
    parser.add_argument("-d", dest="body")
    parser.add_argument("url")
    given = parser.parse_args(shlex.split(line)[1:])
    headers = dict(header.split(": ", 1) for header in given.headers)
    answer = httpx.request(given.method, given.url, headers=headers, content=given.body, timeout=60)
    return dict(answer.json())


def test_a_run_ends_with_memory_and_leaves_no_process_and_no_port(command, state, tmp_path):
    export = write(tmp_path / "mine.json", simple_export("I like tea.", "I'm building a small boat."))
    process = command("run", export)
    output, _ = process.communicate(timeout=_SECONDS)
    assert process.returncode == 0, output
    assert output.startswith("Answering: a rule-based stand-in, because ANTHROPIC_API_KEY is not set.")
    ticks = re.findall(r"^✓ (\d) (\w+)", output, re.MULTILINE)
    assert [int(number) for number, _ in ticks] == list(range(1, 10))
    assert "I like tea." in output
    assert "I'm building a small boat." in output
    assert re.search(r"conversation_chunks +2 rows", output)
    assert re.search(r"full_pass_status +complete", output)
    assert re.search(r"\d+ calls, [\d,]+ input and [\d,]+ output tokens, cost .*, \d+ s", output)
    (url,) = re.findall(r"(http://\S+)/runs/flow-run/", output)
    assert refuses(url)
    assert processes_of(state) == []


def test_up_shows_a_curl_line_that_works_and_ctrl_c_ends_everything(command, state, tmp_path):
    export = write(tmp_path / "mine.json", simple_export("I like tea."))
    up = command("up", export, ignoring=BACKGROUND)
    output = read_until(up, r"^Ctrl-C")
    until_a_run_is_under_way(up, state, output)

    second = command("run", export)
    said, _ = second.communicate(timeout=_SECONDS)
    assert second.returncode == 1
    assert "a stack is already running" in said

    urls = re.findall(r"http://127\.0\.0\.1:\d+", output)
    up.send_signal(signal.SIGINT)
    assert still_alive(state) == []
    up.communicate(timeout=_SECONDS)
    assert up.returncode == 130
    assert all(refuses(url) for url in urls)
    assert processes_of(state) == []


@pytest.mark.slow
def test_the_stack_ends_when_the_command_is_killed_while_a_run_is_under_way(command, state, tmp_path):
    up = command("up", write(tmp_path / "mine.json", simple_export("I like tea.")), ignoring=BACKGROUND)
    until_a_run_is_under_way(up, state, read_until(up, r"^Ctrl-C"))
    up.kill()
    assert still_alive(state) == []


def until_a_run_is_under_way(up: Process, state: Path, output: str) -> None:
    """Starts one by the line that the command shows."""
    (curl,) = re.findall(r"^curl .*$", output, re.MULTILINE)
    run = said_to_curl(curl)["flow_run_id"]
    while not any(executes(process, run) for process in processes_of(state)):
        assert up.poll() is None
        time.sleep(0.1)  # to look at every process of the machine keeps a core busy


@pytest.mark.parametrize(
    ("number", "ignoring"),
    [
        (signal.SIGINT, BACKGROUND),
        (signal.SIGQUIT, BACKGROUND),
        (signal.SIGTERM, (signal.SIGTERM,)),
        (signal.SIGHUP, ()),
        (signal.SIGKILL, (*BACKGROUND, signal.SIGHUP, signal.SIGTERM)),
    ],
    ids=lambda value: value.name if isinstance(value, signal.Signals) else "",
)
def test_whatever_ends_the_command_while_it_starts_ends_the_stack(command, state, tmp_path, number, ignoring):
    up = command("up", write(tmp_path / "mine.json", simple_export("I like tea.")), ignoring=ignoring)
    read_until(up, "^starting the Prefect server")
    assert processes_of(state)
    up.send_signal(number)
    assert still_alive(state) == []
    assert up.wait(_SECONDS) in (130, -number)


def test_a_signal_that_comes_where_python_drops_exceptions_is_not_lost(command, state, tmp_path):
    hook = "lambda: os.path.exists(os.environ['SOULPRINT_STATE'] + '/logs') and os.kill(os.getpid(), signal.SIGINT)"
    (tmp_path / "sitecustomize.py").write_text(f"import os, signal\nos.register_at_fork(after_in_parent={hook})\n")
    up = command("up", write(tmp_path / "mine.json", simple_export("I like tea.")), PYTHONPATH=f"{tmp_path}")
    output, _ = up.communicate(timeout=_SECONDS)
    assert up.returncode == 130
    assert "KeyboardInterrupt" in output
    assert "starting the worker" not in output
    assert still_alive(state) == []


@pytest.mark.parametrize(
    ("arguments", "environment", "said"),
    [
        (["run", "nowhere.zip"], {}, "there is no file nowhere.zip"),
        (["run"], {"SUPABASE_URL": "https://example.supabase.co"}, "SUPABASE_URL is set alone"),
        (["run"], {"USER_ID": "ana"}, "USER_ID is not a UUID"),
        (["up"], {"FULL_PASS_MAX_ATTEMPTS": "many"}, "FULL_PASS_MAX_ATTEMPTS: "),
    ],
)
def test_a_mistake_is_said_before_anything_is_started(command, state, arguments, environment, said):
    process = command(*arguments, **environment)
    output, _ = process.communicate(timeout=_SECONDS)
    assert process.returncode in (1, 2)
    assert said in output
    assert "starting" not in output
    assert processes_of(state) == []
