"""What version 0.1.0 has left in Prefect's queue and in the users' rows is taken over.

`tests/data/left_by_0.1.0.json` was read from a server and a database that 0.1.0 ran on, when some of its passes waited,
were at work, had failed and were lost. What its migrations have left is in tests/integration/store/test_forms.py.
"""

import asyncio
import contextlib
import json
import logging
from datetime import UTC, datetime
from uuid import UUID, uuid4

import pytest
from prefect.client.schemas.objects import FlowRun, State, StateType

from deployments.local.stack import ROOT
from flows.full_pass import full_pass
from flows.retry_failed import retry_failed, start_due
from flows.runs import flow_runs, reconciliation
from flows.store.exports import object_name
from tests.unit.fake_prefect import DEPLOYMENT

LEFT = json.loads((ROOT / "tests" / "data" / "left_by_0.1.0.json").read_text())
WAITING = [run for run in LEFT["flow_runs"] if run["state"]["type"] == "SCHEDULED"]


def user(what):
    return UUID(LEFT["rows"][what]["user_id"])


def row(supabase, what):
    return supabase.row(user(what))


@pytest.fixture
def left(supabase, prefect, monkeypatch):
    """Rows and runs as they were left."""
    monkeypatch.setenv("FULL_PASS_HOOK_SECONDS", "0")
    for each in LEFT["rows"].values():
        owner = {"full_pass_run_id": None, "full_pass_parameters": None, **each}
        supabase.profiles[each["user_id"]] = owner
    for each in LEFT["flow_runs"]:
        prefect.flow_runs.append(
            FlowRun(
                id=each["id"],
                flow_id=uuid4(),
                deployment_id=DEPLOYMENT if each["of_the_deployment"] else None,
                created=each["created"],
                end_time=each["end_time"] and datetime.now(UTC),
                parameters=each["parameters"],
                tags=each["tags"],
                state=State(type=StateType(each["state"]["type"]), message=each["state"]["message"]),
            )
        )


@pytest.mark.parametrize("parameters", [run["parameters"] for run in WAITING], ids=lambda each: str(len(each)))
def test_a_run_that_waits_begins_and_finds_its_export(parameters):
    asked = full_pass.validate_parameters(parameters)
    request = flow_runs.PassRequest.model_validate(asked)
    assert request.paths == [parameters["storage_path"]]
    assert object_name(request.paths[0], request.user_id, "imports").startswith(str(request.user_id))


def test_a_tick_that_waits_begins():
    for schedule in LEFT["deployments"]["retry-failed/retry-failed"]["schedules"]:
        begun = retry_failed.validate_parameters(schedule["parameters"])
        assert begun["most_starts"] == schedule["parameters"].get("most_starts", 20)


def test_rows_of_passes_at_work_stay_and_those_of_lost_ones_are_set_right(left, supabase, prefect):
    assert len(asyncio.run(reconciliation.reconcile(supabase.store(), prefect, DEPLOYMENT))) == 1
    assert row(supabase, "lost")["full_pass_status"] == "failed"
    said = {what: each["full_pass_status"] for what, each in LEFT["rows"].items() if what != "lost"}
    assert {what: row(supabase, what)["full_pass_status"] for what in said} == said


def test_a_failed_user_has_the_next_attempt_with_what_was_asked_for(left, supabase, prefect, monkeypatch):
    @contextlib.asynccontextmanager
    async def client():
        yield prefect

    monkeypatch.setattr("flows.retry_failed.get_client", client)
    monkeypatch.setattr("flows.retry_failed.get_run_logger", logging.getLogger)
    monkeypatch.setenv("SUPABASE_URL", "http://supabase.test")
    monkeypatch.setenv("SUPABASE_SERVICE_KEY", "sb_secret_test")
    row(supabase, "failed")["due"] = True
    (told,) = asyncio.run(start_due(DEPLOYMENT, most_starts=20))
    (run,) = (run for run in prefect.flow_runs if flow_runs.user_of(run) == user("failed") and run.deployment_id)
    asked = row(supabase, "failed")["full_pass_parameters"]
    assert run.parameters == {name: asked[name] for name in ("user_id", "storage_path")}
    assert str(user("failed")) in told
