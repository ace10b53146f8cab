"""What `prefect deploy` is given: prefect.yaml, with what the settings say and what an operator has paused."""

import asyncio
import re
from types import SimpleNamespace
from typing import Any

import pytest

from deployments import drift, wanted
from deployments.local.stack import ROOT
from flows import __version__


def entries(*known, passes=4):
    return {entry["name"]: entry for entry in wanted.prefect_file(passes, known)["deployments"]}


def on_the_server(name, paused=False, **schedules):
    there = [SimpleNamespace(slug=slug, active=active) for slug, active in schedules.items()]
    return SimpleNamespace(name=name, paused=paused, schedules=there)


def test_deployments_and_their_image_are_of_this_version():
    for entry in entries().values():
        assert entry["version"] == __version__
        assert entry["work_pool"]["job_variables"]["image"] == f"soulprint-full-pass:{__version__}"


def test_all_of_prefect_yaml_is_compared_with_the_server():
    assert {key for entry in entries().values() for key in entry} <= set(drift._FOUND)


def test_settings_name_the_image_and_how_many_passes_may_run(monkeypatch):
    monkeypatch.setenv("SOULPRINT_IMAGE", "registry.example.com/soulprint:7")
    made = entries(passes=9)
    assert made["full-pass"]["concurrency_limit"]["limit"] == 9
    assert {entry["work_pool"]["job_variables"]["image"] for entry in made.values()} == {
        "registry.example.com/soulprint:7"
    }


@pytest.mark.parametrize(("said", "found", "wanted_limit"), [("", None, 4), ("", 2, 2), ("", 0, 0), ("9", 0, 9)])
def test_the_queues_limit_stays_unless_the_setting_says_another(monkeypatch, said, found, wanted_limit):
    monkeypatch.delenv("FULL_PASS_CONCURRENCY", raising=False)
    if said:
        monkeypatch.setenv("FULL_PASS_CONCURRENCY", said)

    class Server:
        async def read_work_queue_by_name(self, *_, **__):
            return SimpleNamespace(concurrency_limit=found)

    server: Any = Server()
    assert asyncio.run(drift.passes_at_once(server)) == wanted_limit
    assert entries(passes=wanted_limit)["full-pass"]["concurrency_limit"]["limit"] == max(wanted_limit, 1)


def test_what_is_paused_stays_so_and_nothing_else_does():
    made = entries(on_the_server("retry-failed", retry=False), on_the_server("full-pass", paused=True))
    assert made["retry-failed"]["schedules"][0]["active"] is False
    assert made["full-pass"]["paused"] is True
    assert "paused" not in made["retry-failed"]
    made = entries(on_the_server("retry-failed", retry=True))
    assert "active" not in made["retry-failed"]["schedules"][0]


def test_a_value_that_may_be_a_key_is_not_told():
    (line,) = drift._differ("env", {"A": "1", "ANTHROPIC_API_KEY": "sk-secret"}, {"A": "1"})
    assert line == "env.ANTHROPIC_API_KEY: is not to be there"


def test_the_version_is_that_of_the_project():
    project = (ROOT / "pyproject.toml").read_text()
    assert re.findall(r'^version = "(.*)"$', project, re.MULTILINE) == [__version__]
