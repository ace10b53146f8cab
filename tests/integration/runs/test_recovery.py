"""Rows that no hook has written are set right, and failed users come back by themselves or when somebody asks."""

import json
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, HTTPServer
from uuid import uuid4

import pytest
from prefect.exceptions import CancelledRun

from deployments.local.stack import ROOT
from flows import spool
from tests.faults.step_locks import Holds
from tests.integration.service import FullPassService, Json, export_of, simple_export


def fault(service: FullPassService, **given: object) -> None:
    service.messages.put("/_control", json={"faults": [given]}).raise_for_status()


# Set right


def test_a_database_that_is_away_does_not_hide_the_error_and_nothing_is_asked_twice(service, stack):
    user_id = service.new_user()
    path = service.upload(user_id, simple_export("I like tea."))
    with service.without_worker(), Holds(stack.database_url) as holds:
        holds.place(user_id, "save_memory")
        run_id = service.start(user_id=str(user_id), storage_path=path)
        with service.executing(run_id, SUPABASE_PATIENCE_SECONDS="1") as running:
            holds.reached(user_id)
            stack.postgres.close_database(stack.database_name)
            try:
                running.result()
            finally:
                stack.postgres.open_database(stack.database_name)
        holds.lose()
    run = service.run(run_id)
    assert run["state_type"] == "FAILED"
    assert "failed at save_memory: StoreError: " in run["state"]["message"]
    assert service.row(user_id)["full_pass_status"] == "processing"
    assert service.tick(most_starts=0)["corrected"] >= 1  # rows that other tests have left, too
    row = service.row(user_id)
    assert row["full_pass_error"].startswith("step=save_memory: StoreError: ")
    assert " (attempt 1 of 20, the next about " in row["full_pass_error"]
    service.due(user_id)
    service.retry_failed()
    row = service.succeeded(user_id)
    assert row["full_pass_attempts"] == 2
    assert [service.calls(kind) for kind in ("ChunkFacts", "MemoryEntries", "ProfileSections")] == [1, 1, 1]


def test_a_run_that_never_reached_the_database_is_not_forgotten(service, stack):
    user_id = service.new_user()
    path = service.upload(user_id, simple_export("I like tea."))
    with service.without_worker():
        run_id = service.start(user_id=str(user_id), storage_path=path)
        stack.postgres.close_database(stack.database_name)
        try:
            service.execute(run_id, SUPABASE_PATIENCE_SECONDS="1")
        finally:
            stack.postgres.open_database(stack.database_name)
    assert service.run(run_id)["state_type"] == "FAILED"
    assert service.row(user_id)["full_pass_status"] == "pending"
    service.tick(most_starts=0)
    row = service.row(user_id)
    assert (row["full_pass_status"], row["full_pass_run_id"]) == ("failed", run_id)
    assert row["full_pass_error"].startswith("step=download_conversations: StoreError: ")
    service.due(user_id)
    with service.without_worker():
        assert service.tick()["started"] == 1
        service.execute(service.made_run(user_id))
    assert service.succeeded(user_id)["full_pass_attempts"] == 2


def test_a_run_that_has_lost_its_user_stops_in_the_middle_of_extraction(service):
    service.messages.put("/_control", json={"latency_seconds": 0.5}).raise_for_status()
    user_id = service.new_user()
    with service.running_here(user_id, service.upload(user_id, export_of(60))) as running:
        service.asked(calls=3)
        run_id = service.row(user_id)["full_pass_run_id"]
        claim = {"p_user_id": str(user_id), "p_run_id": str(uuid4()), "p_parameters": {}, "p_replaces": run_id}
        assert service.supabase.post("/rest/v1/rpc/full_pass_claim", json=claim).json()["claimed"]
    assert running.result() == run_id
    run = service.ended(run_id)
    assert "failed at extract_facts: NotOwner: " in run["state"]["message"]
    assert service.calls() < 60
    assert service.row(user_id)["full_pass_run_id"] == claim["p_run_id"]


def test_slots_that_nobody_has_any_more_are_given_back(service):
    """What a server with its leases in memory is left with when it has been killed."""
    taken = {"names": ["tag:extraction"], "slots": 3}
    service.prefect.post("/v2/concurrency_limits/increment", json=taken).raise_for_status()
    user_id = service.new_user()
    with service.running_here(user_id, service.upload(user_id, simple_export("I like tea."))):
        service.wait(lambda: service.row(user_id), lambda row: row["import_stage"] == "extract_facts")
        assert service.calls() == 0
        service.tick()
    service.succeeded(user_id)
    limit = service.prefect.get("/v2/concurrency_limits/tag:extraction").json()
    assert limit["active_slots"] == 0


def test_slots_that_are_in_use_are_not_given_back(service):
    def calls_take(seconds):
        service.messages.put("/_control", json={"latency_seconds": seconds}).raise_for_status()

    calls_take(0.5)
    user_id = service.new_user()
    with service.running_here(user_id, service.upload(user_id, export_of(30)), MODEL_TIMEOUT_SECONDS="90"):
        service.asked(calls=1)  # which goes ahead of the others
        calls_take(60)
        try:
            service.asked(in_flight=3)
            service.tick()
            limit = service.prefect.get("/v2/concurrency_limits/tag:extraction").json()
            under_way = service.messages.get("/_control").json()["in_flight"]["now"]
        finally:
            calls_take(0)
    assert limit["active_slots"] == under_way == 3
    service.succeeded(user_id)
    assert service.messages.get("/_control").json()["in_flight"]["max_by_schema"]["ChunkFacts"] == 3


def test_a_tick_removes_the_text_of_a_killed_run_from_its_machine(service, tmp_path):
    left = tmp_path / "killed" / "export"
    with spool.folder(tmp_path, "alive") as alive:
        left.parent.mkdir()
        left.write_text("private words")
        service.tick(most_starts=0, SPOOL_DIR=str(tmp_path))
        assert alive.exists()
    assert not left.parent.exists()


def test_a_tick_does_not_overtake_another(service):
    found = service.prefect.get("/deployments/name/retry-failed/retry-failed").json()
    running = {"state": {"type": "RUNNING"}}
    other = service.prefect.post(f"/deployments/{found['id']}/create_flow_run", json=running).json()["id"]
    with pytest.raises(CancelledRun, match="an earlier tick is at work"):
        service.tick()
    service.becomes(other, "CRASHED")
    service.tick()


# The last attempt


@pytest.fixture
def oncall() -> Iterator[tuple[str, list[Json]]]:
    """(url, what was posted to it): where an operator gets notifications."""
    posted: list[Json] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            posted.append(json.loads(self.rfile.read(int(self.headers["content-length"]))))
            self.send_response(204)
            self.end_headers()

        def log_message(self, format: str, *arguments: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}/", posted
        server.shutdown()


def test_the_last_attempt_says_so_and_tells_on_call_by_the_example_automation(service, oncall, tmp_path):
    url, posted = oncall
    block = service.notification_block("oncall", url)
    example = (ROOT / "deployments" / "automations" / "notify_exhausted.yaml").read_text()
    (tmp_path / "notify.yaml").write_text(example.replace("00000000-0000-0000-0000-000000000000", block))
    service.prefect_cli("automation", "create", "--from-file", str(tmp_path / "notify.yaml"))
    fault(service, kind="malformed", schema="ChunkFacts")
    user_id = service.new_user()
    path = service.upload(user_id, simple_export("I like secret tea."))
    service.run_here(user_id, path, FULL_PASS_MAX_ATTEMPTS="1")
    row = service.row(user_id)
    assert row["full_pass_error"].endswith(" (attempt 1 of 1: not tried again by itself)")
    assert row["full_pass_next_retry_at"] is None
    service.wait(lambda: posted, bool)
    (told,) = posted
    assert row["full_pass_error"] in told["body"]
    assert str(user_id) in told["body"]
    assert "secret" not in told["body"]
    # A person may still try; the count goes on.
    service.messages.put("/_control", json={}).raise_for_status()
    with service.without_worker():
        assert service.retry(user_id).status_code == 202
        service.execute(service.made_run(user_id))
    assert service.succeeded(user_id)["full_pass_attempts"] == 2


# At once


def test_a_failed_user_is_retried_at_once_and_only_once(service):
    fault(service, kind="malformed", schema="ChunkFacts")
    user_id = service.new_user()
    path = service.upload(user_id, simple_export("I like tea."))
    service.run_here(user_id, path)
    service.messages.put("/_control", json={}).raise_for_status()
    with service.without_worker():
        with ThreadPoolExecutor(4) as pool:
            answers = list(pool.map(lambda _: service.retry(user_id), range(4)))
        runs = {answer.json().get("flow_run_id") for answer in answers}
        assert [answer.status_code for answer in answers] == [202] * 4
        assert len(runs) == 1
        service.execute(*runs)
    row = service.succeeded(user_id)
    assert row["full_pass_run_id"] in runs
    assert row["full_pass_attempts"] == 2


@pytest.mark.parametrize("status", ["pending", "processing", "complete"])
def test_who_has_not_failed_is_not_retried(service, status):
    user_id = service.new_user(full_pass_status=status)
    answer = service.retry(user_id)
    assert (answer.status_code, answer.json()["status"]) == (409, status)
    assert "only a failed one can be retried" in answer.json()["error"]
    service.patch(user_id, full_pass_status="complete")


def test_a_retry_needs_the_key_a_user_and_something_to_retry(service):
    assert service.webhook.post("/retry-full-pass", headers={"Authorization": "Bearer x"}).status_code == 401
    assert service.webhook.post("/retry-full-pass", json={"user_id": "me"}).status_code == 422
    assert service.retry(uuid4()).status_code == 404
    answer = service.retry(service.new_user(full_pass_status="failed"))
    assert answer.status_code == 409
    assert "deliver the export again" in answer.json()["error"]


@pytest.mark.parametrize("names", ["the other user", "the other's export"])
def test_a_row_that_holds_what_is_anothers_starts_nothing(service, names):
    other = service.new_user(full_pass_status="complete")
    path = service.upload(other, simple_export("I like tea."))
    user_id = service.new_user(full_pass_status="failed", full_pass_run_id=str(uuid4()))
    parameters = {"user_id": str(other if names == "the other user" else user_id), "storage_path": path}
    service.patch(user_id, full_pass_parameters=parameters)
    service.due(user_id)
    assert service.tick()["started"] == 0
    assert service.retry(user_id).status_code == 409
    assert service.row(other)["full_pass_status"] == "complete"


def test_a_retry_while_the_database_is_away_is_503_and_says_what_to_check(service, stack):
    user_id = service.new_user(full_pass_status="failed")
    stack.postgres.close_database(stack.database_name)
    try:
        answer = service.retry(user_id)
    finally:
        stack.postgres.open_database(stack.database_name)
    assert answer.status_code == 503
    assert "the database does not answer" in answer.json()["error"]


def test_a_tick_starts_no_more_runs_than_may_wait(service):
    users = [service.new_user() for _ in range(3)]
    for user_id in users:
        parameters = {"user_id": str(user_id), "storage_path": service.upload(user_id, simple_export("I like tea."))}
        service.patch(
            user_id, full_pass_status="failed", full_pass_run_id=str(uuid4()), full_pass_parameters=parameters
        )
        service.due(user_id)
    with service.without_worker():
        assert service.tick(most_starts=2)["started"] == 2
        assert service.tick(most_starts=2)["started"] == 0  # those two are still waiting
        taken = [user_id for user_id in users if service.row(user_id)["full_pass_next_retry_at"] > "2026-01-02"]
        assert len(taken) == 2
        for user_id in taken:
            service.execute(service.made_run(user_id))
        assert service.tick(most_starts=2)["started"] == 1
    assert [service.row(user_id)["full_pass_status"] for user_id in taken] == ["complete", "complete"]


def test_the_command_that_the_readme_names_starts_a_pass(service):
    user_id = service.new_user()
    path = service.upload(user_id, simple_export("I like tea."))
    given = ("-p", f"user_id={user_id}", "-p", f"storage_path={path}")
    with service.without_worker():
        service.prefect_cli("deployment", "run", "full-pass/full-pass", *given)
        service.execute(service.made_run(user_id))
    assert service.succeeded(user_id)["full_pass_attempts"] == 1
