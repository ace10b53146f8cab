"""A server that `prefect deploy` alone has made ready lacks what holds a pass to its promises, and that is said."""

import asyncio
import contextlib
import logging

import pytest
import yaml
from prefect.client.schemas.objects import StateType

from deployments import ROOT
from flows.errors import NotOwner
from flows.runs import applied, run_context
from tests.unit.fake_supabase import USER

EXAMPLES = "notify_"  # which an operator makes by hand


def names() -> set[str]:
    files = (file for file in (ROOT / "deployments" / "automations").iterdir() if not file.name.startswith(EXAMPLES))
    return {yaml.safe_load(file.read_text())["name"] for file in files}


def test_nothing_is_missing_of_a_server_to_which_all_was_applied(prefect):
    prefect.automations = names()
    assert asyncio.run(applied.missing(prefect)) == []


def test_the_limit_and_each_automation_are_missed(prefect):
    prefect.limit = None
    said = asyncio.run(applied.missing(prefect))
    assert "tag extraction" in said[0]
    assert {name for name in names() if any(name in line for line in said)} == names()


def test_a_run_on_such_a_server_warns_in_its_log(supabase, prefect, monkeypatch, caplog):
    @contextlib.asynccontextmanager
    async def client():
        yield prefect

    run = prefect.run(StateType.RUNNING, USER)
    monkeypatch.setattr(run_context, "get_client", client)
    monkeypatch.setattr(run_context, "current_run", lambda: run)
    monkeypatch.setattr(run_context, "get_run_logger", logging.getLogger)
    monkeypatch.setenv("ANTHROPIC_API_KEY", "key")
    prefect.limit = None
    supabase.owned(run_id=str(prefect.run(StateType.RUNNING, USER).id))
    with pytest.raises(NotOwner, match="has this user"):
        asyncio.run(run_context._claim(USER, supabase.store()))
    told = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
    assert len(told) == 1 + len(names())
    assert all(line.endswith("Run: python -m deployments.apply") for line in told)
