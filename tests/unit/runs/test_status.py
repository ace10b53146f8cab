"""What the state hooks make of a user's row."""

import asyncio
from datetime import UTC, datetime

import pytest
from prefect.client.schemas.objects import StateType

from flows.errors import SpendLimitReached, UserNotFound, describe
from flows.runs import status
from tests.unit.fake_supabase import USER

ENDED = "Flow run encountered an exception: StepFailed: step=save_chunks: "


def claim(supabase, prefect, run):
    return asyncio.run(status.claim(supabase.store(), prefect, run)).owner == str(run.id)


def end(supabase, prefect, run):
    asyncio.run(status.write_end(supabase.store(), prefect, run, run.state))
    return supabase.row()


def test_a_run_claims_its_user_with_what_it_was_asked_for(supabase, prefect):
    supabase.owned(full_pass_status="pending", run_id="")
    run = prefect.run(StateType.RUNNING, USER)
    assert claim(supabase, prefect, run)
    assert supabase.row()["full_pass_run_id"] == str(run.id)
    assert supabase.row()["full_pass_parameters"] == {"user_id": str(USER)}


@pytest.mark.parametrize(
    ("state", "taken"), [(StateType.RUNNING, False), (StateType.PENDING, False), (StateType.CRASHED, True)]
)
def test_a_user_is_taken_over_only_from_a_run_that_has_ended(supabase, prefect, state, taken):
    owner = prefect.run(state, USER)
    supabase.owned(run_id=str(owner.id))
    run = prefect.run(StateType.RUNNING, USER)
    assert claim(supabase, prefect, run) is taken
    assert supabase.row()["full_pass_run_id"] == str(run.id if taken else owner.id)


@pytest.mark.parametrize(("read", "taken"), [("of the newer run", False), ("the same", True)])
def test_an_old_run_that_is_retried_leaves_a_newer_export_alone(supabase, prefect, read, taken):
    old = prefect.run(StateType.RUNNING, USER)
    old.parameters["delivery_id"] = "the same"
    newer = prefect.run(StateType.COMPLETED, USER)
    supabase.owned(run_id=str(newer.id), full_pass_status="complete", full_pass_parameters={"delivery_id": read})
    assert claim(supabase, prefect, old) is taken
    assert supabase.row()["full_pass_run_id"] == str(old.id if taken else newer.id)


@pytest.mark.parametrize("owner", ["33333333-0000-4000-8000-000000000001", "", "of another system"])
def test_an_owner_that_prefect_does_not_know_is_not_alive(supabase, prefect, owner):
    supabase.owned(run_id=owner)
    assert claim(supabase, prefect, prefect.run(StateType.RUNNING, USER))


def test_a_user_without_a_row_is_said_to_be_missing(supabase, prefect):
    with pytest.raises(UserNotFound, match="create the profile"):
        claim(supabase, prefect, prefect.run(StateType.RUNNING, USER))


@pytest.mark.parametrize(
    ("state", "message", "row_says", "error", "is_retried"),
    [
        (StateType.COMPLETED, None, "complete", None, None),
        (StateType.FAILED, ENDED + "StoreError: away", "failed", "step=save_chunks: StoreError: away", True),
        (StateType.FAILED, ENDED + "ExportError: bad", "failed", "step=save_chunks: ExportError: bad", False),
        (StateType.FAILED, "private words", "failed", "Failed: unexpected; the flow run's log shows where", True),
        (StateType.CRASHED, None, "failed", "Crashed: the process of the flow run ended before its work did", True),
        (StateType.CANCELLED, None, "failed", "Cancelled: cancelled by operator", False),
        (StateType.CANCELLING, None, "failed", "Cancelled: cancelled by operator", False),
    ],
)
def test_the_row_says_how_the_run_has_ended(supabase, prefect, events, state, message, row_says, error, is_retried):
    run = prefect.run(state, USER, message)
    supabase.owned(run_id=str(run.id))
    row = end(supabase, prefect, run)
    assert row["full_pass_status"] == row_says
    assert row.get("full_pass_error") == error
    if error:
        assert (row["retry_after"] is not None) is is_retried
    assert [event["event"] for event in events] == ([f"soulprint.full-pass.{row_says}"] if error else [])


@pytest.mark.parametrize(
    ("state", "message", "type_", "told"),
    [
        (
            StateType.CRASHED,
            "Process exited with status code: -9. Process was killed.",
            StateType.CRASHED,
            "crashed at save_chunks: Process exited with status code: -9; ",
        ),
        (
            StateType.CRASHED,
            "no heartbeat; the process or the machine of the run is gone",
            StateType.CRASHED,
            "crashed at save_chunks: no heartbeat; the process or the machine of the run is gone; ",
        ),
        (
            StateType.CRASHED,
            "Execution was interrupted by an unexpected exception: ValueError: private words",
            StateType.CRASHED,
            "crashed at save_chunks: its process ended before its work did; ",
        ),
        (
            StateType.CANCELLED,
            None,
            StateType.CANCELLED,
            "cancelled at save_chunks by an operator; not tried again by itself, Retry goes on where it stopped",
        ),
        (
            StateType.CANCELLING,
            None,
            StateType.CANCELLED,
            "cancelled at save_chunks by an operator; not tried again by itself, Retry goes on where it stopped",
        ),
    ],
    ids=["killed", "silent", "of a library", "cancelled", "being cancelled"],
)
def test_the_state_of_a_run_that_did_not_end_by_itself_sums_it_up(
    supabase, prefect, events, state, message, type_, told
):
    run = prefect.run(state, USER, message)
    supabase.owned(run_id=str(run.id))
    end(supabase, prefect, run)
    assert run.state.type == type_
    assert run.state.message.startswith(told)
    assert (run.state.message == told) == (type_ == StateType.CANCELLED)  # what comes next stands behind it


def test_a_run_that_was_begun_again_meanwhile_is_not_ended_once_more(supabase, prefect, events):
    run = prefect.run(StateType.CRASHED, USER)
    supabase.owned(run_id=str(run.id))
    ended, run.state = run.state, run.state.model_copy(update={"type": StateType.SCHEDULED})
    asyncio.run(status.write_end(supabase.store(), prefect, run, ended))
    assert run.state.type == StateType.SCHEDULED


def test_a_run_that_ended_for_want_of_money_comes_back_when_there_is_some(supabase, prefect, events):
    error = SpendLimitReached("the account has reached its limit", datetime(2099, 1, 1, tzinfo=UTC))
    run = prefect.run(StateType.FAILED, USER, message=f"{ENDED}{describe(error)}")
    supabase.owned(run_id=str(run.id))
    assert datetime.fromisoformat(end(supabase, prefect, run)["not_before"]) == error.retry_at


def test_a_run_that_has_lost_its_user_writes_nothing(supabase, prefect, events):
    supabase.owned(run_id="another run", full_pass_attempts=99)
    row = end(supabase, prefect, prefect.run(StateType.CRASHED, USER))
    assert row["full_pass_status"] == "processing"
    assert events == []


def test_the_last_attempt_is_told_to_automations(supabase, prefect, events):
    run = prefect.run(StateType.CRASHED, USER)
    supabase.owned(run_id=str(run.id), full_pass_attempts=5)
    end(supabase, prefect, run)
    failed, event = events
    assert [each["event"] for each in events] == ["soulprint.full-pass.failed", "soulprint.full-pass.exhausted"]
    assert failed["related"][0]["prefect.resource.id"] == f"prefect.flow-run.{run.id}"
    assert event["resource"]["soulprint.user-id"] == str(USER)
    assert event["payload"]["attempts"] == 5


def test_a_run_whose_process_has_died_gives_its_slots_back(supabase, prefect, events):
    run, other = prefect.run(StateType.CRASHED, USER), prefect.run(StateType.RUNNING)
    for each in (run, run, other):
        prefect.holding(each)
    supabase.owned(run_id=str(run.id))
    end(supabase, prefect, run)
    assert prefect.taken == 1
    assert prefect.holders == [prefect.task_runs[-1].id]


def test_where_nothing_is_applied_there_are_no_slots_to_give_back(supabase, prefect, events):
    prefect.limit = None
    run = prefect.run(StateType.CRASHED, USER)
    supabase.owned(run_id=str(run.id))
    assert end(supabase, prefect, run)["full_pass_status"] == "failed"
