"""The whole flow on the real stack, told by what is in the database, in Prefect and in the log afterwards."""

import json
import re
import zipfile
from datetime import datetime
from pathlib import Path
from uuid import UUID

import pytest

from flows import __version__
from flows.records import Step
from flows.settings import ModelSettings, PassSettings
from flows.steps import STARTS_AT_PERCENT
from tests import browser, sample
from tests.docs import sample_run as documented
from tests.integration.service import FullPassService, export_of, simple_export

SAMPLE = Path(__file__).resolve().parents[1] / "data" / "sample_export.zip"


@pytest.fixture(scope="module")
def sample_run(stack):
    """(user, run id, row) after the shipped sample went through; several tests look at it."""
    with FullPassService(stack) as service:
        user_id = service.new_user(import_status="quick_ready")
        path = service.upload(user_id, SAMPLE.read_bytes(), "export.zip")
        usual = {"EXTRACTION_PACK_TOKENS": str(PassSettings.model_fields["extraction_pack_tokens"].default)}
        run_id = service.start(settings=usual, user_id=str(user_id), storage_path=path)
        service.ended(run_id)
        yield user_id, run_id, service.settled(user_id, run_id)


@pytest.mark.xdist_group("stack, sample run")
def test_the_row_says_complete_with_everything_that_was_made(sample_run):
    _, run_id, row = sample_run
    assert row["full_pass_status"] == "complete"
    assert row["full_pass_run_id"] == run_id
    assert row["full_pass_error"] is None
    assert row["full_pass_attempts"] == 1
    assert row["progress_percent"] == 100
    started, completed = (datetime.fromisoformat(row[f"full_pass_{what}_at"]) for what in ("started", "completed"))
    assert started < completed
    assert row["import_status"] == "quick_ready"  # the full pass never touches it
    for section in ("soul_md", "identity_md", "user_md", "tools_md"):
        assert json.loads(row[section])
    assert json.loads(row["user_md"])["name"] == "Ana Ferreira"
    assert "Ana Ferreira" in row["soulprint_text"]


@pytest.mark.xdist_group("stack, sample run")
def test_memory_holds_every_fact_that_the_person_stated_and_no_other(sample_run):
    _, _, row = sample_run
    facts = list(sample.planted_facts())
    missing = [
        fact.text for fact in facts if fact.survives and fact.where != "title" and fact.text not in row["memory_md"]
    ]
    invented = [fact.text for fact in facts if not fact.survives and fact.text in row["memory_md"]]
    assert (missing, invented) == ([], [])


@pytest.mark.xdist_group("stack, sample run")
def test_no_fact_has_a_word_that_its_chunk_lacks(service, sample_run):
    user_id, _, _ = sample_run
    chunks = {chunk["chunk_key"]: chunk["content"] for chunk in service.chunks(user_id)}
    answers = service.answers(user_id)
    assert {answer["chunk_key"] for answer in answers} == set(chunks)
    facts = [(fact["text"], answer["chunk_key"]) for answer in answers for fact in answer["facts"]]
    assert len(facts) > 100
    assert [text for text, key in facts if text not in " ".join(chunks[key].split())] == []


@pytest.mark.xdist_group("stack, sample run")
def test_the_chunks_are_the_users_own_rows(service, sample_run):
    user_id, _, _ = sample_run
    chunks = service.chunks(user_id)
    assert len(chunks) > 400
    assert {chunk["chunk_tier"] for chunk in chunks} == {"medium"}
    assert {chunk["is_recent"] for chunk in chunks} == {True, False}
    own = {"Authorization": f"Bearer {service.token_of(user_id)}"}
    assert len(service.supabase.get("/rest/v1/conversation_chunks", headers=own).json()) == len(chunks)
    other = {"Authorization": f"Bearer {service.token_of(service.new_user())}"}
    assert service.supabase.get("/rest/v1/conversation_chunks", headers=other).json() == []


@pytest.mark.xdist_group("stack, sample run")
def test_calls_tokens_and_cost_are_in_the_row(service, sample_run):
    user_id, _, row = sample_run
    cost = row["import_cost_json"]
    steps = {entry["step"]: entry for entry in cost["by_step"]}
    assert 0 < steps["extract_facts"]["calls"] < len(service.chunks(user_id))  # small chunks share a call
    assert (steps["generate_memory"]["calls"], steps["v2_regeneration"]["calls"]) == (2, 1)
    assert cost["total"]["calls"] == sum(entry["calls"] for entry in cost["by_step"])
    assert cost["total"]["cost_usd"] > 0


@pytest.mark.xdist_group("stack, sample run")
def test_the_log_shows_each_step_begin_and_end_and_nothing_the_person_said(service, sample_run):
    user_id, run_id, _ = sample_run
    seen = [boundary for boundary in service.boundaries(run_id) if boundary[1] != "progress"]
    assert seen == [(step, status) for step in Step for status in ("started", "completed")]
    log = "\n".join(service.log(run_id))
    assert f"[FullPass] user_id={user_id} step=save_chunks status=completed seconds=" in log
    assert [fact.text for fact in sample.planted_facts() if fact.text in log] == []
    worker = service.stack.services["worker"].log.read_text()
    assert f"[FullPass] user_id={user_id} step=v2_regeneration status=completed" in worker


@pytest.mark.xdist_group("stack, sample run")
def test_the_readme_shows_what_a_run_of_the_sample_prints(service, sample_run):
    _, run_id, _ = sample_run
    assert documented.logged(service.log(run_id)) == documented.recorded(), "make docs RUN=1"


@pytest.mark.xdist_group("stack, sample run")
def test_prefect_shows_a_task_per_step_and_extraction_under_its_tag(service, sample_run):
    _, run_id, _ = sample_run
    runs = service.all_task_runs(run_id)
    calls = service.row(sample_run[0])["import_cost_json"]["by_step"][0]["calls"]
    batches = [f"extract_facts {number}/{calls}" for number in (1, 2, 3)]
    assert {run["name"] for run in runs} == {*Step, *batches, "summarise"}
    for run in runs:
        assert ("extraction" in run["tags"]) == (run["name"] in batches)
        assert run["state_type"] == "COMPLETED"
    assert service.prefect.get("/concurrency_limits/tag/extraction").json()["concurrency_limit"] == 3


@pytest.mark.xdist_group("stack, sample run")
def test_a_run_bears_its_user_attempt_trigger_model_and_version(service, sample_run):
    user_id, run_id, _ = sample_run
    run = service.run(run_id)
    assert run["name"] == f"full-pass · {str(user_id)[:8]} · attempt 1"
    model = ModelSettings.model_fields["extraction_model"].default
    tags = {f"user:{user_id}", "trigger:manual", f"model:{model}", f"version:{__version__}"}
    assert tags <= set(run["tags"])


@pytest.mark.xdist_group("stack, sample run")
def test_a_runs_state_and_report_say_what_it_has_come_to(service, sample_run):
    user_id, run_id, row = sample_run
    message = service.run(run_id)["state"]["message"]
    cost = row["import_cost_json"]["total"]["cost_usd"]
    assert re.fullmatch(rf"complete: 300 conversations, 472 chunks, \d+ facts, \${cost:.2f}, \d+ (s|min)", message)
    (report,) = service.artifacts(run_id, "markdown")
    assert report["key"] == f"full-pass-{user_id}"
    assert report["data"].startswith(f"**{message}**")
    assert report["description"] == message  # by which the page of artifacts tells users apart
    for number, step in enumerate(Step, 1):
        assert f"| {number} {step} | completed | " in report["data"]
    assert "Coverage: 100.00% of 472 chunks have an answer" in report["data"]
    assert [fact.text for fact in sample.planted_facts() if fact.text in report["data"]] == []
    (progress,) = service.artifacts(run_id, "progress")
    assert progress["data"] == 100
    assert progress["description"].startswith("472 of 472 chunks, ")


@pytest.mark.xdist_group("stack, sample run")
@pytest.mark.skipif(not browser.found(), reason=browser.MISSING)
def test_a_browser_shows_the_whole_report_and_the_status_page(stack, service, sample_run):
    """In short; `make browser-test` looks at every page."""
    from tests.integration.ui.prefect_ui import PrefectUi

    run = service.run(sample_run[1])
    status_page = stack.url("webhook")
    with browser.window(stack.url("prefect"), stack.environment["WEBHOOK_KEY"], status_page) as page:
        prefect_ui = PrefectUi(page, stack.prefect_login)
        prefect_ui.report(run)
        prefect_ui.sees(run["state"]["message"])
        assert prefect_ui.illegible() == []
        page.goto(f"{status_page}/status/{sample_run[0]}")
        assert "100 % done" in page.inner_text("main")
        assert browser.hindrances(page) == ""


@pytest.mark.xdist_group("stack, sample run")
def test_the_log_stays_short_and_ends_with_what_has_become_of_the_run(service, sample_run):
    log = service.log(sample_run[1])
    assert len(log) < 60
    assert "Finished in state Completed('complete: 300 conversations" in log[-1]


@pytest.mark.xdist_group("stack, sample run")
def test_automations_see_the_run_begin_each_step_and_the_end(service, sample_run):
    user_id, run_id, _ = sample_run
    related = {"any_resource": {"id": [f"prefect.flow-run.{run_id}"]}, "event": {"prefix": ["soulprint."]}}
    body = {"filter": related, "limit": 50}
    found = service.wait(
        lambda: service.prefect.post("/events/filter", json=body).raise_for_status().json()["events"],
        lambda events: any(event["event"].endswith(".completed") for event in events),
    )
    assert {event["resource"]["soulprint.user-id"] for event in found} == {str(user_id)}
    steps = [event["payload"]["step"] for event in found if event["event"] == "soulprint.full-pass.step"]
    assert sorted(steps) == sorted(Step)
    (completed,) = (event["payload"] for event in found if event["event"] == "soulprint.full-pass.completed")
    assert (completed["conversations"], completed["chunks"]) == (300, 472)


def test_extraction_never_has_more_calls_in_flight_than_the_limit(service):
    service.messages.put("/_control", json={"latency_seconds": 0.05}).raise_for_status()
    row = service.full_pass(service.new_user(), export_of(30))
    assert row["full_pass_status"] == "complete"
    assert service.messages.get("/_control").json()["in_flight"]["max"] == 3


def test_what_is_skipped_is_in_the_log_and_in_an_artifact(service):
    user_id = service.new_user()
    export = [{"id": "empty", "messages": []}, 7, *simple_export("I like tea."), {"who": "private words"}]
    run_id = service.run_here(user_id, service.upload(user_id, export))
    assert service.row(user_id)["full_pass_status"] == "complete"
    (line,) = (line for line in service.log(run_id) if "chunk_conversations status=completed" in line)
    assert "skipped=3 skipped_no_messages=1 skipped_not_an_object=1 skipped_unknown_format=1" in line
    (artifact,) = service.artifacts(run_id, "markdown")
    assert "| unknown format | 1 |" in artifact["data"]
    assert "private words" not in artifact["data"]


def test_a_user_whose_run_is_dead_is_taken_over_and_chunks_from_before_the_full_pass_are_replaced(service):
    user_id = service.new_user(full_pass_status="processing", full_pass_run_id="00000000-0000-4000-8000-0000000000aa")
    service.supabase.post("/rest/v1/conversation_chunks", json={"user_id": str(user_id), "content": "old"})
    row = service.full_pass(user_id, simple_export("I like tea."))
    assert row["full_pass_status"] == "complete"
    assert [chunk["conversation_id"] for chunk in service.chunks(user_id)] == ["c0"]


def test_the_first_reply_that_does_not_validate_is_asked_for_again(service):
    fault = {"kind": "truncate", "schema": "ChunkFacts", "times": 1}
    service.messages.put("/_control", json={"faults": [fault]}).raise_for_status()
    row = service.full_pass(service.new_user(), simple_export("I like tea."))
    assert row["full_pass_status"] == "complete"
    assert "I like tea." in row["memory_md"]


# Step 9 is an enhancement


def test_when_v2_fails_the_run_completes_and_the_old_sections_stay(service):
    fault = {"kind": "malformed", "schema": "ProfileSections"}
    service.messages.put("/_control", json={"faults": [fault]}).raise_for_status()
    user_id = service.new_user(soul_md='"old soul"', tools_md='"old tools"', soulprint_text="old text")
    run_id = service.run_here(user_id, service.upload(user_id, simple_export("I like tea.")))
    run = service.ended(run_id)
    assert (run["state_type"], run["state_name"]) == ("COMPLETED", "Completed without sections")
    assert "; without sections: regenerate-sections writes them at " in run["state"]["message"]
    row = service.settled(user_id, run_id)
    assert row["full_pass_status"] == "complete"
    assert "I like tea." in row["memory_md"]
    (scheduled,) = service.made_runs(user_id)
    assert {"trigger:retry", f"user:{user_id}"} <= set(service.run(scheduled)["tags"])
    assert (row["soul_md"], row["tools_md"], row["soulprint_text"]) == ('"old soul"', '"old tools"', "old text")
    states = {run["name"]: run["state_type"] for run in service.all_task_runs(run_id)}
    assert states["v2_regeneration"] == "FAILED"
    (report,) = service.artifacts(run_id, "markdown")
    assert "- Sections left as they were: step=v2_regeneration: InvalidReply: " in report["data"]
    assert ("v2_regeneration", "failed") in service.boundaries(run_id)
    failed = service.regenerate_sections(user_id)
    assert failed["state"]["message"].startswith("failed at v2_regeneration: InvalidReply: ")
    assert failed["state"]["message"].endswith("; the sections stay as they were, Retry writes them")
    assert failed["name"] == f"regenerate-sections · {str(user_id)[:8]}"
    assert {f"user:{user_id}", "trigger:manual", "error:InvalidReply"} <= set(failed["tags"])
    service.messages.put("/_control", json={}).raise_for_status()
    assert service.regenerate_sections(user_id)["state"]["message"].startswith("complete: sections")
    again = service.row(user_id)
    assert "I like tea." in again["soul_md"]
    assert (again["full_pass_run_id"], again["full_pass_status"]) == (run_id, "complete")
    assert again["import_cost_json"]["total"] == row["import_cost_json"]["total"]
    assert again["import_cost_json"]["regenerations"]["calls"] >= 1


def test_when_the_model_dies_during_v2_the_run_completes_with_memory(service, stack):
    fault = {"kind": "hang", "schema": "ProfileSections"}
    service.messages.put("/_control", json={"faults": [fault]}).raise_for_status()
    user_id = service.new_user()
    try:
        path = service.upload(user_id, simple_export("I like tea."))
        with service.running_here(user_id, path, MODEL_MAX_RETRIES="1") as running:
            service.asked(in_flight=1, schema="ProfileSections")
            stack.services["messages"].kill()
        run_id = running.result()
        assert service.ended(run_id)["state_type"] == "COMPLETED"
        row = service.settled(user_id, run_id)
        assert row["full_pass_status"] == "complete"
        assert "I like tea." in row["memory_md"]
        assert row["soul_md"] is None
    finally:
        stack.start_messages()


# Bad input


def zip_without_conversations(folder: Path) -> bytes:
    path = folder / "photos.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("photos/1.png", b"png")
    return path.read_bytes()


def test_a_bad_export_fails_with_step_cause_and_remedy(service, tmp_path):
    user_id = service.new_user(memory_md="old memory")
    row = service.full_pass(user_id, zip_without_conversations(tmp_path))
    assert row["full_pass_status"] == "failed"
    error = "step=chunk_conversations: ExportError: the zip has no conversations.json"
    assert row["full_pass_error"].startswith(error)
    assert "upload" in row["full_pass_error"]
    for unwanted in ("Traceback", "private", "\n"):
        assert unwanted not in row["full_pass_error"]
    assert row["full_pass_completed_at"] is not None
    assert row["full_pass_next_retry_at"] is None  # the same file would fail again
    assert row["memory_md"] == "old memory"


def test_an_export_that_is_not_there_fails_in_the_first_step(service):
    user_id = service.new_user()
    run_id = service.run_here(user_id, f"imports/{user_id}/nothing.zip")
    service.ended(run_id)
    row = service.settled(user_id, run_id)
    assert row["full_pass_error"].startswith("step=download_conversations: ExportError: there is no such object")
    assert "upload the export there" in row["full_pass_error"]


def test_a_user_who_is_not_there_fails_and_the_run_says_why(service):
    stranger = "00000000-0000-4000-8000-00000000dead"
    run = service.ended(service.run_here(UUID(stranger), f"imports/{stranger}/export.zip"))
    assert run["state_type"] == "FAILED"
    assert run["state"]["message"].startswith(
        "failed at download_conversations: UserNotFound: user_profiles has no row"
    )
    assert "create the profile" in run["state"]["message"]


def test_a_run_that_was_started_by_hand_cannot_read_another_users_export(service):
    owner, user_id = service.new_user(), service.new_user()
    path = service.upload(owner, simple_export("I like tea."))
    run_id = service.run_here(user_id, path)
    assert service.ended(run_id)["state_type"] == "FAILED"
    row = service.settled(user_id, run_id)
    assert row["full_pass_error"].startswith("step=download_conversations: ExportError: storage_path must be")
    assert service.chunks(user_id) == []


def test_a_model_that_refuses_access_fails_for_good_and_at_once(service):
    service.messages.put("/_control", json={"faults": [{"kind": "status", "status": 401}]}).raise_for_status()
    row = service.full_pass(service.new_user(), simple_export(*["I like tea."] * 50))
    assert row["full_pass_status"] == "failed"
    assert row["full_pass_error"].startswith("step=extract_facts: ModelRefusedAccess: ")
    assert "set ANTHROPIC_API_KEY" in row["full_pass_error"]
    assert row["full_pass_next_retry_at"] is None
    assert service.messages.get("/_control").json()["calls"]["total"] <= 3  # one a slot, no retries


def test_a_reply_that_cannot_be_used_is_an_error_and_the_scheduled_flow_starts_the_next_try_once(service):
    """It is never taken for no facts."""
    fault = {"kind": "truncate", "schema": "ChunkFacts", "times": 2}
    service.messages.put("/_control", json={"faults": [fault]}).raise_for_status()
    user_id = service.new_user(memory_md="old memory")
    row = service.full_pass(user_id, simple_export("I like tea."))
    assert row["full_pass_status"] == "failed"
    assert row["full_pass_error"].startswith("step=extract_facts: IncompleteExtraction: 1 of 1 chunks")
    run = service.run(row["full_pass_run_id"])
    assert run["state"]["message"].startswith("failed at extract_facts: IncompleteExtraction: 1 of 1 chunks")
    assert re.search(r"; next attempt .*\d\d:\d\d UTC$", run["state"]["message"])
    (report,) = service.artifacts(run["id"], "markdown")
    assert report["data"].startswith(f"**{run['state']['message']}**")
    assert row["full_pass_next_retry_at"] is not None
    assert row["memory_md"] == "old memory"
    assert row["import_cost_json"]["total"]["calls"] == 2  # what a failed run has cost is known too
    service.due(user_id)
    with service.without_worker():
        for _ in range(2):
            service.tick()
        service.execute(service.made_run(user_id))
    row = service.row(user_id)
    assert (row["full_pass_status"], row["full_pass_attempts"]) == ("complete", 2)


def test_when_a_model_cannot_write_memory_the_facts_stand_there_in_their_own_words(service):
    fault = {"kind": "truncate", "schema": "MemoryEntries"}
    service.messages.put("/_control", json={"faults": [fault]}).raise_for_status()
    row = service.full_pass(service.new_user(memory_md="old memory"), simple_export("I like tea."))
    assert row["full_pass_status"] == "complete"
    assert row["memory_md"] == "# MEMORY\n\n## Preferences\n\n- I like tea.\n"


def test_conversations_without_a_fact_fail_with_the_reason(service):
    row = service.full_pass(service.new_user(), simple_export("What time is it?"))
    assert row["full_pass_error"].startswith("step=generate_memory: ExportError: no facts were found")


# A run that does not end by itself


@pytest.fixture(scope="module")
def hanging_run(stack):
    """(user, run id, row) of a run whose extraction hangs; several tests look at it and at what comes of it."""
    with FullPassService(stack) as service:
        service.messages.put("/_control", json={"faults": [{"kind": "hang", "schema": "ChunkFacts"}]})
        user_id = service.new_user()
        path = service.upload(user_id, simple_export("I like tea."))
        patient = {"MODEL_TIMEOUT_SECONDS": "600"}
        run_id = service.start(settings=patient, user_id=str(user_id), storage_path=path)
        service.asked(in_flight=1)
        yield user_id, run_id, service.row(user_id)


@pytest.fixture(scope="module")
def second_run(stack, hanging_run):
    """Another run of the same user, which has ended."""
    user_id, _, _ = hanging_run
    with FullPassService(stack) as service:
        return service.ended(service.run_here(user_id, f"imports/{user_id}/other.zip"))


@pytest.fixture(scope="module")
def cancelled_run(stack, hanging_run, second_run):
    """(user, row) when the operator has cancelled the first one."""
    user_id, run_id, _ = hanging_run
    with FullPassService(stack) as service:
        service.cancel(run_id)
        return user_id, service.settled(user_id, run_id)


@pytest.mark.xdist_group("stack, hanging run")
def test_a_running_pass_says_processing_and_where_it_is(hanging_run):
    _, run_id, row = hanging_run
    assert (row["full_pass_status"], row["full_pass_run_id"]) == ("processing", run_id)
    assert (row["import_stage"], row["progress_percent"]) == ("extract_facts", STARTS_AT_PERCENT[Step.EXTRACT_FACTS])


@pytest.mark.xdist_group("stack, hanging run")
def test_a_second_run_for_the_same_user_ends_at_once_and_changes_nothing(service, hanging_run, second_run):
    user_id, run_id, before = hanging_run
    assert (second_run["state_type"], second_run["state_name"]) == ("CANCELLED", "Not run")
    assert f"NotOwner: flow run {run_id} has this user" in second_run["state"]["message"]
    assert f"user:{user_id}" in second_run["tags"]
    assert service.boundaries(second_run["id"]) == []  # no step was begun, of which one would be red
    assert service.row(user_id) == before


@pytest.mark.xdist_group("stack, hanging run")
def test_a_cancelled_run_is_failed_by_the_operator_and_not_retried(cancelled_run):
    _, row = cancelled_run
    assert row["full_pass_error"].startswith("step=extract_facts: Cancelled: cancelled by operator (permanent: ")
    assert row["full_pass_next_retry_at"] is None


@pytest.mark.xdist_group("stack, hanging run")
def test_a_second_run_that_ended_at_once_stays_without_consequence(service, second_run, cancelled_run):
    user_id, before = cancelled_run
    service.tick()
    assert service.row(user_id) == before
    assert service.task_runs(second_run["id"]) == []  # of which one would be red
