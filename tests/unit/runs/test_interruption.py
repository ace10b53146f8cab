"""What becomes of a run whose process was told to go, as at a restart of its worker."""

import asyncio
from contextlib import asynccontextmanager
from typing import Any

import pytest
from prefect.client.schemas.objects import StateType

from flows.full_pass import full_pass
from flows.runs import interruption, status
from tests.unit.fake_supabase import USER

FLOW: Any = full_pass

SIGTERM = "Execution was cancelled by the runtime environment."
SIGTERM_BEFORE_IT_BEGAN = "Process exited with status code: -15. Process exited due to a SIGTERM signal."
SIGKILL = "Process exited with status code: -9. Process was killed."


@pytest.fixture(autouse=True)
def at_hand(monkeypatch, supabase, prefect):
    """The hooks find the fakes."""

    @asynccontextmanager
    async def found(what):
        yield what

    monkeypatch.setattr("flows.runs.status.open_store", lambda: found(supabase.store()))
    monkeypatch.setattr("flows.runs.status.get_client", lambda: found(prefect))
    monkeypatch.setattr("flows.runs.interruption.told", set())


def crashed(supabase, prefect, message, **fields):
    run = prefect.run(StateType.CRASHED, USER, message, **fields)
    supabase.owned(run_id=str(run.id))
    asyncio.run(status.crashed(FLOW, run, run.state))
    return run


@pytest.mark.parametrize("message", [SIGTERM, SIGTERM_BEFORE_IT_BEGAN])
def test_a_run_that_was_told_to_go_waits_for_the_next_worker_and_its_row_stays(supabase, prefect, message):
    run = crashed(supabase, prefect, message)
    assert (run.state.type, run.state.name) == (StateType.SCHEDULED, "AwaitingRetry")
    assert supabase.row()["full_pass_status"] == "processing"


def test_a_run_that_its_worker_had_to_kill_in_the_end_waits_for_the_next(supabase, prefect):
    run = prefect.run(StateType.CRASHED, USER, SIGKILL)
    supabase.owned(run_id=str(run.id))
    interruption.told.add(run.id)
    asyncio.run(status.crashed(FLOW, run, run.state))
    assert run.state.type == StateType.SCHEDULED


def test_what_it_held_of_the_extraction_is_free(supabase, prefect):
    run = prefect.run(StateType.CRASHED, USER, SIGTERM)
    supabase.owned(run_id=str(run.id))
    prefect.holding(run)
    asyncio.run(status.crashed(FLOW, run, run.state))
    assert prefect.taken == 0


@pytest.mark.parametrize(
    ("message", "fields"),
    [
        (SIGKILL, {}),  # it may be why its machine had no memory left
        (SIGTERM, {"run_count": 20}),  # told to go again and again
    ],
)
def test_a_run_that_may_itself_be_why_has_failed(supabase, prefect, message, fields):
    run = crashed(supabase, prefect, message, **fields)
    assert run.state.type == StateType.CRASHED
    assert supabase.row()["full_pass_status"] == "failed"


def test_a_run_of_no_deployment_has_failed_since_no_worker_would_take_it(supabase, prefect):
    run = prefect.run(StateType.CRASHED, USER, SIGTERM)
    run.deployment_id = None
    assert not asyncio.run(interruption.put_back(prefect, run.id))


@pytest.mark.parametrize("ended", [StateType.COMPLETED, StateType.CANCELLED, StateType.CANCELLING, StateType.FAILED])
def test_a_run_that_has_ended_otherwise_is_left_alone(prefect, ended):
    run = prefect.run(ended, USER)
    assert not asyncio.run(interruption.put_back(prefect, run.id))
    assert run.state.type == ended
