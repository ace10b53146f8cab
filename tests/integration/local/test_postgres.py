"""The embedded Postgres: what a killed stack leaves behind does not stop the next one."""

import asyncio
import subprocess
import sys
import threading
from typing import Any

import asyncpg
import psutil
import pytest

from deployments.local import ending
from deployments.local.postgres import EmbeddedPostgres
from deployments.local.processes import StackError
from deployments.local.stack import ROOT


def query(url: str, sql: str, *arguments: object) -> Any:
    async def run() -> Any:
        connection = await asyncpg.connect(url)
        try:
            return await connection.fetchval(sql, *arguments)
        finally:
            await connection.close()

    return asyncio.run(run())


def test_data_survives_a_stop_and_a_kill(tmp_path):
    server = EmbeddedPostgres(tmp_path / "data")
    with server:
        server.create_database("kept")
        server.create_database("kept")
        query(server.url("kept"), "create table t as select 7 as seven")
    with server:
        assert query(server.url("kept"), "select seven from t") == 7
        server.kill()
        server.start()
        assert query(server.url("kept"), "select seven from t") == 7


def test_nothing_listens_on_the_network_and_nothing_is_left_after_the_stop(tmp_path):
    with EmbeddedPostgres(tmp_path / "data") as server:
        process = psutil.Process(server.pid)
        family = [process, *process.children(recursive=True)]
        # Its children have the same sockets, and come and go.
        assert process.net_connections(kind="inet") == []
        assert query(server.url("postgres"), "show listen_addresses") == ""
        assert query(server.url("postgres"), "show fsync") == "on"
    assert not any(process.is_running() for process in family)


def test_a_server_whose_parent_was_killed_makes_way(tmp_path):
    script = (
        "import sys, time; from pathlib import Path; from deployments.local.postgres import EmbeddedPostgres;"
        "server = EmbeddedPostgres(Path(sys.argv[1])); server.start(); server.create_database('kept');"
        "print(server.pid, flush=True); time.sleep(600)"
    )
    command = [sys.executable, "-c", script, str(tmp_path / "data")]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        old = psutil.Process(int(parent.stdout.readline()))
        parent.kill()
    with EmbeddedPostgres(tmp_path / "data") as server:
        assert server.pid != old.pid
        assert query(server.url("kept"), "select 1") == 1
        assert ending.is_gone(old)


def test_a_signal_while_the_database_is_asked_raises_and_never_crashes_the_process(postgres):
    script = """
import random, signal, sys, time
from pathlib import Path
from deployments.local.postgres import EmbeddedPostgres

def interrupt(*_):
    raise KeyboardInterrupt

server = EmbeddedPostgres(Path(sys.argv[1]))
server.create_database("there")
started = time.monotonic()
server.create_database("there")
seconds = time.monotonic() - started
signal.signal(signal.SIGALRM, interrupt)
interrupted = 0
while interrupted < 200:
    try:
        signal.setitimer(signal.ITIMER_REAL, random.uniform(0.0001, seconds), 1)
        server.create_database("there")
        signal.setitimer(signal.ITIMER_REAL, 0)
    except KeyboardInterrupt:
        signal.setitimer(signal.ITIMER_REAL, 0)
        interrupted += 1
print(interrupted)
"""
    command = [sys.executable, "-c", script, str(postgres.data)]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert (ended.returncode, ended.stdout) == (0, "200\n"), ended.stderr


def test_a_folder_whose_making_was_interrupted_is_made_anew(tmp_path):
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "base").mkdir()
    (tmp_path / "data.unfinished-0000").mkdir()
    with EmbeddedPostgres(tmp_path / "data") as server:
        assert query(server.url("postgres"), "select 1") == 1
    assert not (tmp_path / "data.unfinished-0000").exists()


def test_data_of_another_version_is_not_touched_and_the_message_says_what_to_do(tmp_path):
    data = tmp_path / "data"
    data.mkdir()
    (data / "PG_VERSION").write_text("12\n")
    with pytest.raises(StackError, match=r"Postgres 12, installed is \d+; delete that folder"):
        EmbeddedPostgres(data).start()
    assert (data / "PG_VERSION").read_text() == "12\n"


def test_a_folder_with_a_long_name_works_too(tmp_path):
    with EmbeddedPostgres(tmp_path / ("long-" * 20) / ("name-" * 20) / "data") as server:
        assert query(server.url("postgres"), "select 1") == 1


def test_it_outlives_the_thread_that_started_it(tmp_path):
    server = EmbeddedPostgres(tmp_path / "data")
    thread = threading.Thread(target=server.start)
    thread.start()
    thread.join()
    server.create_database("made_afterwards")
    assert query(server.url("made_afterwards"), "select 1") == 1
    server.stop()
