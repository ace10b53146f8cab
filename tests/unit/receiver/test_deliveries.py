"""What the receiver makes of uploads."""

import pytest
from prefect.client.schemas.objects import StateType

from deployments.receiver import app as receiver_app
from tests.unit.fake_supabase import USER


def test_an_upload_is_answered_as_the_service_before_did_and_with_its_run(receiver, prefect):
    answer = receiver.deliver(conversation_count=12)
    (run,) = prefect.flow_runs
    assert answer.status_code == 202
    assert answer.json() == {
        "status": "processing",
        "version": "v2",
        "user_id": str(USER),
        "conversation_count": 12,
        "job_id": run.parameters["delivery_id"],
        "flow_run_id": str(run.id),
    }


def test_no_name_of_a_file_gets_to_prefect(receiver, prefect):
    receiver.upload('"a"', "Ana Kovač's chats.zip")
    receiver.deliver(path="Ana Kovač's chats.zip")
    assert "Ana" not in repr(prefect.flow_runs)


def test_six_spellings_of_one_object_are_one_run(receiver, prefect):
    spellings = [
        f"imports/{USER}/export.zip",
        f"{USER}/export.zip",
        f"imports/{str(USER).upper()}/export.zip",
    ]
    again: list[dict[str, object]] = [{"file_type": "zip"}, {"conversation_count": 3}, {}]
    for path in spellings:
        for more in again:
            assert receiver.deliver(storage_path=path, **more).status_code == 202
    assert len(prefect.flow_runs) == 1


def test_a_delivery_of_several_files_is_one_run_in_any_order_and_as_their_folder(receiver, prefect, supabase):
    for name in ("may/1.zip", "may/2.zip"):
        receiver.upload(f'"{name}"', name)
    one, two = f"imports/{USER}/may/1.zip", f"{USER}/may/2.zip"
    for paths in ([one, two], [two, one, one], f"imports/{USER}/may/", [f"{USER}/may/"]):
        assert receiver.deliver(storage_path=paths).status_code == 202
    (delivery,) = supabase.tables["full_pass_deliveries"]
    assert delivery["object_names"] == [f"{USER}/may/1.zip", f"{USER}/may/2.zip"]
    assert len(prefect.flow_runs) == 1
    receiver.upload('"new"', "may/2.zip")
    assert receiver.deliver(storage_path=[one, two]).json()["status"] == "queued"


def test_of_several_files_each_must_be_the_users_and_be_there(receiver, prefect):
    own, others = f"{USER}/export.zip", "00000000-0000-4000-8000-00000000000f/export.zip"
    statuses = {403: [others, f"{USER}/../x/", "imports/", f"imports/{USER}//"], 422: [f"{USER}/no.zip", f"{USER}/no/"]}
    for status, paths in statuses.items():
        for path in paths:
            assert receiver.deliver(storage_path=[own, path]).status_code == status, path
    assert receiver.deliver(storage_path=[]).status_code == 422
    assert prefect.flow_runs == []


def test_the_same_path_with_another_content_is_queued_until_the_pass_has_ended(receiver, prefect):
    receiver.deliver()
    receiver.upload('"b"')
    answer = receiver.deliver()
    assert (answer.status_code, answer.json()["status"], answer.json()["flow_run_id"]) == (202, "queued", None)
    assert len(prefect.flow_runs) == 1


def test_deliveries_of_one_object_at_the_same_moment_are_one_run(receiver, prefect):
    answers = receiver.all(*[{"method": "POST", "url": "/process-full-v2", **receiver.delivery()}] * 20)
    assert {answer.status_code for answer in answers} == {202}
    assert len(prefect.flow_runs) == 1


def test_a_burst_is_remembered_and_its_runs_follow(receiver, prefect, supabase, monkeypatch):
    monkeypatch.setattr(receiver_app, "ANSWER_SECONDS", 60)  # one process answers and makes runs, on a busy machine
    users = [supabase.owned(type(USER)(int=number), full_pass_status="complete") for number in range(10, 60)]
    for user in users:
        receiver.bucket.versions[f"{user}/export.zip"] = '"a"'
    bodies = [receiver.delivery(user_id=str(user), storage_path=f"{user}/export.zip") for user in users]
    answers = receiver.all(*({"method": "POST", "url": "/process-full-v2", **body} for body in bodies))
    assert {answer.status_code for answer in answers} == {202}
    assert len(prefect.flow_runs) == len(users)
    answered_with_their_run = [answer.json()["flow_run_id"] for answer in answers if answer.json()["flow_run_id"]]
    assert len(answered_with_their_run) == 4
    assert prefect.most_being_made == 4 + 1  # and of those behind the answers, one after the other


def test_a_key_that_comes_with_another_body_is_422(receiver, prefect):
    key = {"Idempotency-Key": "delivery-1"}
    assert receiver.deliver(headers=key).status_code == 202
    assert receiver.deliver(headers=key).status_code == 202
    answer = receiver.deliver(headers=key, replace=True)
    assert (answer.status_code, "Idempotency-Key" in answer.json()["error"]) == (422, True)
    assert receiver.deliver(headers={"Idempotency-Key": "k" * 256}).status_code == 422
    assert len(prefect.flow_runs) == 1


def test_an_object_that_is_not_there_is_refused_at_the_door(receiver, prefect):
    answer = receiver.deliver(path="other.zip")
    assert (answer.status_code, "upload the export" in answer.json()["error"]) == (422, True)
    assert prefect.flow_runs == []


def test_nobody_without_a_profile_has_a_pass(receiver, supabase):
    supabase.profiles.clear()
    answer = receiver.deliver()
    assert (answer.status_code, "user_profiles has no row" in answer.json()["error"]) == (404, True)


def test_too_many_passes_of_one_user_are_429_with_the_time_of_the_next(receiver, monkeypatch, prefect):
    monkeypatch.setenv("FULL_PASS_MAX_PER_DAY", "2")
    answers = []
    for version in "abc":
        receiver.upload(version)
        answers.append(receiver.deliver())
    assert [answer.status_code for answer in answers] == [202, 202, 429]
    assert answers[-1].headers["retry-after"] == "60"


def test_without_the_deployment_the_answer_says_what_to_do(receiver, prefect):
    prefect.deployment = None
    answer = receiver.deliver()
    assert (answer.status_code, "deployments.apply" in answer.json()["error"]) == (503, True)
    assert "retry-after" in answer.headers


def test_a_retry_is_accepted_for_a_pass_that_failed_only(receiver, supabase, prefect):
    again = {"user_id": str(USER)}
    assert receiver.ask("POST", "/retry-full-pass", json=again).status_code == 409
    receiver.deliver()
    (first,) = prefect.flow_runs
    supabase.row().update(full_pass_status="failed", full_pass_parameters=first.parameters)
    first.state.type = StateType.FAILED
    answer = receiver.ask("POST", "/retry-full-pass", json=again)
    assert answer.status_code == 202
    assert answer.json() == {
        "status": "accepted",
        "user_id": str(USER),
        "flow_run_id": str(prefect.flow_runs[-1].id),
    }
    assert prefect.flow_runs[-1].parameters == first.parameters


def test_the_status_of_a_pass_is_there_to_be_asked(receiver, supabase):
    supabase.row().update(full_pass_status="failed", full_pass_error="step=save_chunks: x")
    answer = receiver.ask("GET", f"/status/{USER}")
    assert (answer.json()["status"], answer.json()["error"]) == ("failed", "step=save_chunks: x")
    assert receiver.ask("GET", "/status/00000000-0000-4000-8000-00000000000f").status_code == 404
    assert receiver.ask("GET", "/status/ana").status_code == 422


# What a Supabase database webhook sends


def event(kind="INSERT", table="objects", schema="storage", **record):
    return {"type": kind, "table": table, "schema": schema, "record": record or None, "old_record": None}


def test_an_object_that_was_inserted_is_a_delivery(receiver, prefect):
    body = event(bucket_id="imports", name=f"{USER}/export.zip", id="x", metadata={"size": 3})
    answer = receiver.ask("POST", "/webhooks/supabase", json=body)
    assert (answer.status_code, answer.json()["user_id"]) == (202, str(USER))
    assert len(prefect.flow_runs) == 1


def test_of_an_object_in_a_folder_the_event_delivers_the_folder_where_that_is_asked_for(
    receiver, prefect, supabase, monkeypatch
):
    monkeypatch.setenv("SUPABASE_WEBHOOK_FOLDERS", "true")
    for name in ("may/1.zip", "may/projects/p.json", "june/1.zip"):
        receiver.upload('"a"', name)
    for name in ("may/1.zip", "may/projects/p.json", "export.zip"):
        body = event(bucket_id="imports", name=f"{USER}/{name}")
        assert receiver.ask("POST", "/webhooks/supabase", json=body).status_code == 202
    folder, alone = supabase.tables["full_pass_deliveries"]
    assert folder["object_names"] == [f"{USER}/may/1.zip", f"{USER}/may/projects/p.json"]
    assert alone["object_names"] == [f"{USER}/export.zip"]


@pytest.mark.parametrize(
    "body",
    [
        event("DELETE"),
        event(bucket_id="avatars", name=f"{USER}/face.png"),
        event(bucket_id="imports", name="readme.txt"),
        event(table="uploads", schema="public", user_id=str(USER), storage_path="x"),
    ],
)
def test_an_event_that_is_no_upload_is_no_error(receiver, prefect, body):
    answer = receiver.ask("POST", "/webhooks/supabase", json=body)
    assert (answer.status_code, answer.json()["status"]) == (200, "ignored")
    assert prefect.flow_runs == []


def test_a_row_of_the_apps_own_table_is_a_delivery(receiver, prefect, monkeypatch):
    monkeypatch.setenv("SUPABASE_WEBHOOK_TABLE", "public.uploads")
    monkeypatch.setenv("SUPABASE_WEBHOOK_USER_COLUMN", "owner")
    mine = event(table="uploads", schema="public", owner=str(USER), storage_path=f"{USER}/export.zip")
    assert receiver.ask("POST", "/webhooks/supabase", json=mine).status_code == 202
    theirs = event(table="uploads", schema="public", owner=str(USER), storage_path="somebody/export.zip")
    assert receiver.ask("POST", "/webhooks/supabase", json=theirs).status_code == 403
    nobodys = event(table="uploads", schema="public", owner="ana", storage_path="ana/export.zip")
    assert receiver.ask("POST", "/webhooks/supabase", json=nobodys).status_code == 422
