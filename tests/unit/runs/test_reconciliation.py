"""Which rows are set right, and which are left to those who know more."""

import asyncio
from datetime import UTC, datetime
from uuid import UUID, uuid4

import pytest
from prefect.client.schemas.objects import Artifact, State, StateType

from flows.runs import flow_runs, reconciliation
from tests.unit.fake_prefect import DEPLOYMENT
from tests.unit.fake_supabase import USER

OTHER = UUID("00000000-0000-4000-8000-000000000002")
EXCEPTION = "Flow run encountered an exception: "


@pytest.fixture(autouse=True)
def at_once(monkeypatch):
    monkeypatch.setenv("FULL_PASS_HOOK_SECONDS", "0")


def reconcile(supabase, prefect):
    return len(asyncio.run(reconciliation.reconcile(supabase.store(), prefect, DEPLOYMENT)))


@pytest.mark.parametrize(
    ("state", "row_says"),
    [
        (StateType.RUNNING, "processing"),
        (StateType.PENDING, "processing"),
        (StateType.CANCELLING, "processing"),
        (StateType.COMPLETED, "complete"),
        (StateType.CRASHED, "failed"),
        (StateType.CANCELLED, "failed"),
        (StateType.FAILED, "failed"),
    ],
)
def test_a_row_that_says_processing_follows_its_run_when_that_has_ended(supabase, prefect, state, row_says):
    run = prefect.run(state, USER)
    supabase.owned(run_id=str(run.id))
    assert reconcile(supabase, prefect) == (row_says != "processing")
    assert supabase.row()["full_pass_status"] == row_says


@pytest.mark.parametrize("run_id", ["", "33333333-0000-4000-8000-000000000001", "of an older system"])
def test_a_row_whose_run_prefect_does_not_know_is_failed(supabase, prefect, run_id):
    supabase.owned(run_id=run_id)
    assert reconcile(supabase, prefect) == 1
    assert supabase.row()["full_pass_error"].startswith("Crashed: ")


@pytest.mark.parametrize("state", [StateType.RUNNING, StateType.COMPLETED, StateType.CANCELLED])
def test_a_row_that_names_a_run_of_another_user_is_failed_and_the_other_user_is_left_alone(supabase, prefect, state):
    run = prefect.run(state, OTHER)
    supabase.owned(run_id=str(run.id))
    supabase.owned(OTHER, run_id=str(run.id), full_pass_status="failed")
    assert reconcile(supabase, prefect) == 1
    assert supabase.row()["full_pass_error"].startswith("Crashed: ")
    assert supabase.row(OTHER)["full_pass_status"] == "failed"


def test_a_run_that_fell_silent_after_it_was_told_to_stop_was_cancelled(supabase, prefect):
    run = prefect.run(StateType.CRASHED, USER)
    prefect.earlier_states[run.id] = [State(type=StateType.RUNNING), State(type=StateType.CANCELLING)]
    supabase.owned(run_id=str(run.id))
    reconcile(supabase, prefect)
    assert supabase.row()["full_pass_error"] == "Cancelled: cancelled by operator"


@pytest.mark.parametrize("before", ["pending", "failed", "complete"])
def test_a_run_that_died_before_it_had_its_user_is_written_down(supabase, prefect, before):
    supabase.owned(full_pass_status=before, run_id="")
    first = prefect.run(StateType.CRASHED, USER)
    last = prefect.run(StateType.FAILED, USER, EXCEPTION + "StoreError: away")
    assert first.created < last.created
    assert reconcile(supabase, prefect) == 1
    assert supabase.row()["full_pass_run_id"] == str(last.id)
    assert supabase.row()["full_pass_error"] == "StoreError: away"


def delivered(supabase, run_id):
    """A delivery whose run was made; returns its row."""
    row = {**dict.fromkeys(("file_type", "conversation_count")), "replaces": False, "state": "started"}
    row |= {"id": str(uuid4()), "user_id": str(USER), "object_names": ["x"], "object_versions": [None]}
    supabase.tables["full_pass_deliveries"].append(row | {"flow_run_id": run_id})
    return supabase.tables["full_pass_deliveries"][-1]


@pytest.mark.parametrize("before", ["pending", "complete"])
def test_a_run_that_was_deleted_before_it_began_does_not_keep_its_user_waiting(supabase, prefect, before):
    supabase.owned(full_pass_status=before, run_id="")
    delivery = delivered(supabase, str(uuid4()))
    reconcile(supabase, prefect)
    row = supabase.row()
    assert row["full_pass_status"] == "failed"
    assert row["full_pass_error"].startswith("RunDeleted: the flow run was deleted before it began; deliver")
    assert row["retry_after"] is None
    assert delivery["state"] == "ended"


@pytest.mark.parametrize(
    ("server_is_older", "error", "is_retried"),
    [
        (True, "RunDeleted: the flow run was deleted before it ended; deliver", False),
        (False, "Crashed: the process of the flow run ended", True),  # the server has lost its data, and all its runs
    ],
)
def test_a_run_that_was_deleted_while_it_was_suspended_is_not_begun_again_by_itself(
    supabase, prefect, server_is_older, error, is_retried
):
    run_id = uuid4()
    supabase.owned(run_id=str(run_id), full_pass_started_at="2026-11-26T12:00:00+00:00")
    prefect.deployment_made = datetime(2026, 11, 26, 11 if server_is_older else 13, tzinfo=UTC)
    report = Artifact(id=uuid4(), data="**Suspended**\n\nWhat to do: Resume here", flow_run_id=run_id)
    prefect.reports = [report]
    delivered(supabase, str(run_id))
    reconcile(supabase, prefect)
    row = supabase.row()
    assert row["full_pass_error"].startswith(error)
    assert (row["retry_after"] is not None) is is_retried
    assert ("Resume" not in str(report.data)) is server_is_older


def test_a_deleted_run_takes_nobody_from_another(supabase, prefect):
    running = prefect.run(StateType.RUNNING, USER)
    supabase.owned(run_id=str(running.id))
    delivered(supabase, str(uuid4()))
    reconcile(supabase, prefect)
    assert (supabase.row()["full_pass_status"], supabase.row()["full_pass_run_id"]) == ("processing", str(running.id))


def test_a_suspended_run_that_nobody_resumed_in_time_is_not_begun_again_by_itself(supabase, prefect):
    """As the server ends it (prefect/server/services/pause_expirations.py)."""
    run = prefect.run(StateType.FAILED, USER, "The flow was paused and never resumed.")
    prefect.reports = [Artifact(id=uuid4(), data="**Suspended**\n\nWhat to do: Resume here", flow_run_id=run.id)]
    supabase.owned(run_id=str(run.id))
    reconcile(supabase, prefect)
    row = supabase.row()
    assert row["full_pass_error"] == "Suspended: by an operator, and not resumed in time"
    assert row["retry_after"] is None
    told = "failed at save_chunks: Suspended: by an operator, and not resumed in time; not tried again by itself"
    assert run.state.message.startswith(told)
    assert prefect.reports[0].data.startswith(f"**{run.state.message}**\n\nWhat to do: what the error says; then Retry")
    assert "Resume" not in prefect.reports[0].data


def test_a_row_of_a_newer_run_is_left_as_it_is(supabase, prefect):
    prefect.run(StateType.CRASHED, USER)
    newer = prefect.run(StateType.COMPLETED, USER)
    supabase.owned(full_pass_status="complete", run_id=str(newer.id))
    assert reconcile(supabase, prefect) == 0


def test_a_user_for_whom_another_run_waits_is_left_to_that(supabase, prefect):
    supabase.owned(full_pass_status="pending", run_id="")
    prefect.run(StateType.CRASHED, USER)
    prefect.run(StateType.SCHEDULED, USER)
    assert reconcile(supabase, prefect) == 0


@pytest.mark.parametrize("error", ["NotOwner: flow run x has this user", "UserNotFound: no row"])
def test_a_run_that_had_nothing_to_write_is_no_concern(supabase, prefect, error):
    supabase.owned(full_pass_status="complete", run_id="")
    prefect.run(StateType.FAILED, USER, EXCEPTION + error)
    prefect.run(StateType.CRASHED)  # its parameters name no user
    prefect.run(StateType.CRASHED, OTHER)  # who has no row
    assert reconcile(supabase, prefect) == 0


def test_slots_that_nobody_has_are_given_back(supabase, prefect):
    running = prefect.run(StateType.RUNNING)
    prefect.holding(running)
    prefect.taken = 3
    reconcile(supabase, prefect)
    assert prefect.taken == 1


def test_a_slot_whose_lease_is_lost_stays_with_who_still_calls(supabase, prefect):
    prefect.holding(prefect.run(StateType.RUNNING))
    prefect.holders.clear()
    reconcile(supabase, prefect)
    assert prefect.taken == 1


def test_without_a_limit_no_slot_is_lost(supabase, prefect):
    prefect.limit, prefect.taken = None, 7
    assert reconcile(supabase, prefect) == 0
    assert prefect.taken == 7


def test_more_rows_than_one_request_names_are_all_set_right(supabase, prefect):
    users = [uuid4() for _ in range(250)]
    for user_id in users:
        supabase.owned(user_id, run_id=str(prefect.run(StateType.CRASHED, user_id).id))
    assert reconcile(supabase, prefect) == 250
    assert {supabase.row(user_id)["full_pass_status"] for user_id in users} == {"failed"}


# The runs themselves


def test_all_runs_are_found_page_by_page(prefect):
    made = [prefect.run(StateType.SCHEDULED, USER) for _ in range(450)]

    async def found():
        return [run async for run in flow_runs.active(prefect, DEPLOYMENT)]

    assert asyncio.run(found()) == made


@pytest.mark.parametrize("user_id", [None, "ana", 7])
def test_a_run_that_names_no_user_has_none(prefect, user_id):
    assert flow_runs.user_of(prefect.run(StateType.RUNNING, user_id)) is None
