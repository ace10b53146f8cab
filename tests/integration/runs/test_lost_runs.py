"""Runs that have ended without a word, and the rows that they have left."""

from collections.abc import Iterator
from datetime import UTC, datetime
from uuid import UUID, uuid4

import pytest

from deployments.local.stack import Stack
from flows import events
from tests.integration.service import FullPassService, Json, simple_export

Lost = dict[str | tuple[str, str], tuple[UUID, str]]
#: States in which a run is silent, and neither lost nor dead.
LEFT_ALONE = [("PAUSED", "Suspended"), ("COMPLETED", "Completed without sections"), ("CANCELLED", "Not run")]

pytestmark = pytest.mark.xdist_group("stack, lost runs")


def made(service: FullPassService, state: str, **parameters: object) -> str:
    """A run of the deployment that is in a state though no process has ever worked on it; returns its id."""
    found = service.prefect.get("/deployments/name/full-pass/full-pass").json()
    body = {"parameters": parameters, "state": {"type": state}}
    run = service.prefect.post(f"/deployments/{found['id']}/create_flow_run", json=body).raise_for_status()
    return str(run.json()["id"])


def processing(service: FullPassService, run_id: str, **columns: object) -> Json:
    """A user whose row says that this run has it."""
    return {"full_pass_status": "processing", "full_pass_run_id": run_id, "full_pass_attempts": 1, **columns}


def silent(service: FullPassService, state: str, name: str) -> str:
    """A run that has begun, sent a heartbeat, and then went into a state; returns its id."""
    run_id = made(service, "PENDING", user_id=str(uuid4()))
    resource = {"prefect.resource.id": f"prefect.flow-run.{run_id}"}
    related = [{"prefect.resource.id": "prefect.tag.soulprint", "prefect.resource.role": "tag"}]
    heartbeat = {"event": "prefect.flow-run.heartbeat", "resource": resource, "related": related, "id": str(uuid4())}
    heartbeat["occurred"] = datetime.now(UTC).isoformat()
    service.prefect.post("/events", json=[heartbeat]).raise_for_status()
    for body in ({"type": "RUNNING", "name": "Rerunning"}, {"type": state, "name": name}):
        asked = {"state": body, "force": True}
        service.prefect.post(f"/flow_runs/{run_id}/set_state", json=asked).raise_for_status()
    return run_id


def deleted(service: FullPassService) -> str:
    """A run that was at work, has noticed that somebody has deleted it, and has ended; returns its id."""
    run_id = silent(service, "RUNNING", "Running")
    service.prefect.delete(f"/flow_runs/{run_id}").raise_for_status()
    with service._environment({}):
        events.emit_deleted(run_id)
        events.deliver()
    return run_id


def of_automations(service: FullPassService, run_ids: list[str]) -> list[Json]:
    """What automations have done about some runs."""
    about = {"id": [f"prefect.flow-run.{run_id}" for run_id in run_ids]}
    asked = {"filter": {"event": {"prefix": ["prefect.automation"]}, "any_resource": about}}
    found: list[Json] = service.prefect.post("/events/filter", json=asked).raise_for_status().json()["events"]
    return found


def limit_passes(service: FullPassService, limit: int) -> None:
    queue = service.prefect.get("/work_pools/full-pass/queues/passes").raise_for_status().json()
    service.prefect.patch(f"/work_queues/{queue['id']}", json={"concurrency_limit": limit}).raise_for_status()


@pytest.fixture(scope="module")
def lost(stack: Stack) -> Iterator[Lost]:
    """(user, run id) of a run that is killed with its worker, of one that a worker took and never began, of one whose
    machine was gone before its first heartbeat, and of one that waits for a place in the queue.

    The silence of all but the last tells after half a minute. Meanwhile the other tests of this module run, which
    start no process.
    """
    with FullPassService(stack) as service:
        shortened = {"FULL_PASS_SILENT_SECONDS": "35", "FULL_PASS_START_MINUTES": "0.2"}
        service.prepare_server(**shortened)
        service.messages.put("/_control", json={"faults": [{"kind": "hang", "schema": "ChunkFacts"}]})
        user_id = service.new_user()
        run_id = service.trigger(user_id, service.upload(user_id, simple_export("I like tea.")))
        service.asked(in_flight=1)
        stack.services["worker"].kill()
        service.kill_run(run_id)
        stack.start_worker()
        other = service.new_user()
        path = service.upload(other, simple_export("I like tea."))
        never_begun = made(service, "PENDING", user_id=str(other), storage_path=path)
        left_alone: Lost = {state: (service.new_user(), silent(service, *state)) for state in LEFT_ALONE}
        left_alone["deleted"] = service.new_user(), deleted(service)
        fourth = service.new_user()
        path = service.upload(fourth, simple_export("I like tea."))
        begun = made(service, "PENDING", user_id=str(fourth), storage_path=path)
        service.becomes(begun, "RUNNING")
        # As at a new version's start: whom the server waits for already is not forgotten.
        service.prepare_server(**shortened)
        limit_passes(service, 0)
        third = service.new_user()
        waiting = service.trigger(third, service.upload(third, simple_export("I like tea.")))
        yield {
            "killed": (user_id, run_id),
            "never begun": (other, never_begun),
            "begun": (fourth, begun),
            "waiting": (third, waiting),
            **left_alone,
        }
        limit_passes(service, 4)


@pytest.fixture(scope="module")
def noticed(stack: Stack, lost: Lost) -> Lost:
    """The same when the server has ended those runs; after that, runs have their usual time again."""
    with FullPassService(stack) as service:
        states = {service.ended(lost[name][1])["state_type"] for name in ("killed", "never begun", "begun")}
        service.prepare_server()
    assert states == {"CRASHED"}
    return lost


@pytest.mark.usefixtures("lost")
@pytest.mark.parametrize(
    ("states", "status", "error"),
    [
        (["COMPLETED"], "complete", None),
        (["CRASHED"], "failed", "step=save_chunks: Crashed: "),
        (["CANCELLING", "CRASHED"], "failed", "step=save_chunks: Cancelled: cancelled by operator (permanent: "),
        (["CANCELLED"], "failed", "step=save_chunks: Cancelled: cancelled by operator (permanent: "),
        (["FAILED"], "failed", "step=save_chunks: Failed: unexpected; "),
    ],
    ids=["completed", "crashed", "cancelled, then silent", "cancelled", "failed"],
)
def test_a_row_whose_run_has_ended_without_a_word_says_how(service, states, status, error):
    user_id = service.new_user()
    run_id = made(service, "RUNNING", user_id=str(user_id), storage_path=f"imports/{user_id}/x.zip")
    service.patch(user_id, **processing(service, run_id, import_stage="save_chunks"))
    for state in states:
        service.becomes(run_id, state)
    service.tick()
    row = service.row(user_id)
    assert row["full_pass_status"] == status
    assert (row["full_pass_error"] or "").startswith(error or "")
    assert row["full_pass_completed_at"] is not None


def test_the_error_of_a_failed_run_is_read_from_its_state_with_its_permanence(service):
    user_id = service.new_user()
    run_id = made(service, "RUNNING", user_id=str(user_id), storage_path=f"imports/{user_id}/x.zip")
    service.patch(user_id, **processing(service, run_id))
    message = (
        "Flow run encountered an exception: StepFailed: step=chunk_conversations: ExportError: the export is empty"
    )
    service.becomes(run_id, "FAILED", message)
    service.tick()
    row = service.row(user_id)
    assert row["full_pass_error"] == (
        "step=chunk_conversations: ExportError: the export is empty (permanent: not tried again by itself)"
    )
    assert row["full_pass_next_retry_at"] is None


def test_a_row_of_a_run_that_prefect_does_not_know_is_set_right(service):
    user_id = service.new_user()
    service.patch(user_id, **processing(service, str(uuid4()), import_stage="extract_facts"))
    service.tick()
    assert service.row(user_id)["full_pass_error"].startswith("step=extract_facts: Crashed: ")


def test_a_row_that_an_older_system_has_left_processing_is_set_right(service):
    user_id = service.new_user(full_pass_status="processing")
    service.tick()
    row = service.row(user_id)
    assert row["full_pass_status"] == "failed"
    assert row["full_pass_error"].startswith("step=download_conversations: Crashed: ")
    assert row["full_pass_error"].endswith(" (not tried again by itself: deliver the export again)")
    assert row["full_pass_next_retry_at"] is None


def test_a_row_of_a_run_that_lives_is_left_alone(service):
    user_id = service.new_user()
    run_id = made(service, "RUNNING", user_id=str(user_id), storage_path=f"imports/{user_id}/x.zip")
    service.patch(user_id, **processing(service, run_id))
    before = service.row(user_id)
    service.tick()
    assert service.row(user_id) == before
    service.becomes(run_id, "CRASHED")


def test_a_run_that_was_cancelled_before_it_began_is_not_retried_by_itself(service):
    user_id = service.new_user()
    run_id = made(service, "PENDING", user_id=str(user_id), storage_path=f"imports/{user_id}/x.zip")
    service.becomes(run_id, "CANCELLED")
    for _ in range(2):
        service.tick()
    row = service.row(user_id)
    assert (row["full_pass_status"], row["full_pass_run_id"]) == ("failed", run_id)
    assert "cancelled by operator (permanent: not tried again by itself)" in row["full_pass_error"]


def test_a_machine_that_is_gone_is_noticed_by_its_silence(service, noticed):
    user_id, _ = noticed["killed"]
    service.tick()
    row = service.row(user_id)
    assert row["full_pass_error"].startswith("step=extract_facts: Crashed: the process of the flow run ended")
    with service.without_worker():
        assert service.retry(user_id).status_code == 202
        service.execute(service.made_run(user_id))
    assert service.succeeded(user_id)["full_pass_attempts"] == 2


def test_a_run_that_a_worker_took_and_never_began_is_made_again(service, noticed):
    user_id, run_id = noticed["never begun"]
    service.tick(most_starts=0)
    assert service.row(user_id)["full_pass_run_id"] == run_id
    service.due(user_id)
    with service.without_worker():
        service.tick()
        service.execute(service.made_run(user_id))
    assert service.succeeded(user_id)["full_pass_attempts"] == 2


def test_a_run_that_was_gone_before_its_first_heartbeat_is_ended(service, noticed):
    user_id, run_id = noticed["begun"]
    service.tick(most_starts=0)
    row = service.row(user_id)
    assert (row["full_pass_status"], row["full_pass_run_id"]) == ("failed", run_id)
    assert "Crashed: the process of the flow run ended" in row["full_pass_error"]


def test_a_run_that_waits_for_a_place_in_the_queue_is_never_taken_for_lost(service, noticed):
    """It has waited longer than a worker has to begin a run, and than a run may be silent."""
    user_id, run_id = noticed["waiting"]
    service.tick()
    assert service.run(run_id)["state_type"] == "SCHEDULED"
    assert service.row(user_id)["full_pass_status"] == "pending"
    limit_passes(service, 4)
    assert service.succeeded(user_id)["full_pass_run_id"] == run_id


def test_a_run_that_is_suspended_or_deleted_or_has_ended_under_a_name_of_its_own_is_left_alone(service, noticed):
    assert [service.run(noticed[state][1])["state_name"] for state in LEFT_ALONE] == [name for _, name in LEFT_ALONE]
    # Its silence began after theirs.
    service.wait(lambda: of_automations(service, [noticed["begun"][1]]), bool)
    assert of_automations(service, [noticed[state][1] for state in (*LEFT_ALONE, "deleted")]) == []
