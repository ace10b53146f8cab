"""The webhook receiver over HTTP."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest

from deployments.local.stack import ROOT
from tests.conftest import clean_environment
from tests.integration.service import simple_export


def test_it_lives_and_is_ready_whoever_asks(service):
    assert service.webhook.get("/health", headers={"Authorization": ""}).json() == {"status": "ok"}
    ready = service.webhook.get("/ready", headers={"Authorization": ""})
    assert (ready.status_code, ready.json()) == (200, {"status": "ready", "prefect": "ok", "supabase": "ok"})


@pytest.mark.parametrize(
    "path",
    [
        "imports/{other}/export.zip",
        "{other}/export.zip",
        "other-bucket/{user}/export.zip",
        "imports/{user}/../{other}/export.zip",
        "imports/{user}",
        "imports//{user}/export.zip",
        "/imports/{user}/export.zip",
        "{user}\\export.zip",
        "imports/{user}/a\x00b.zip",
        "https://example.org/{user}/export.zip",
    ],
)
def test_a_path_outside_the_users_own_folder_is_refused(service, path):
    user_id = "00000000-0000-4000-8000-000000000001"
    storage_path = path.format(user=user_id, other="00000000-0000-4000-8000-000000000002")
    answer = service.webhook.post("/process-full-v2", json={"user_id": user_id, "storage_path": storage_path})
    assert answer.status_code == 403
    assert "storage_path" in answer.json()["error"]


@pytest.mark.parametrize(
    ("body", "names"),
    [
        (b"", "body"),
        (b"[]", "body"),
        (b"not json", "body"),
        (b'{"storage_path": "imports/x/y.zip"}', "user_id"),
        (b'{"user_id": "me", "storage_path": "imports/me/y.zip"}', "user_id"),
        (b'{"user_id": "00000000-0000-4000-8000-000000000001"}', "storage_path"),
        (
            b'{"user_id": "00000000-0000-4000-8000-000000000001", "storage_path": "x", "conversation_count": -1}',
            "conversation_count",
        ),
        (b'{"user_id": "00000000-0000-4000-8000-000000000001", "storage_path": "x", "file_type": "exe"}', "file_type"),
    ],
)
def test_a_body_that_says_nothing_usable_is_422_and_names_the_field(service, body, names):
    answer = service.webhook.post("/process-full-v2", content=body)
    assert answer.status_code == 422
    assert names in answer.json()["error"]


def test_a_huge_body_is_refused_before_it_is_read(service):
    assert service.webhook.post("/process-full-v2", content=b" " * 1_000_000).status_code == 413


def test_the_same_delivery_twice_makes_one_run(service):
    user_id = service.new_user()
    path = service.upload(user_id, simple_export("I like tea."))
    with service.without_worker():
        with ThreadPoolExecutor(4) as pool:  # also at the same moment
            runs = set(pool.map(lambda _: service.trigger(user_id, path), range(4)))
        assert len(runs) == 1
        (run_id,) = runs
        service.execute(run_id)
        assert service.succeeded(user_id)["full_pass_attempts"] == 1
        assert service.trigger(user_id, path) != run_id  # after its end, the same words are a new wish


def test_a_delivery_key_makes_one_run_even_after_its_end(service):
    user_id, other = service.new_user(), service.new_user()
    path = service.upload(user_id, simple_export("I like tea."))
    key = {"Idempotency-Key": "delivery-1"}
    with service.without_worker():
        run_id = service.trigger(user_id, path, **key)
        service.becomes(run_id, "COMPLETED")
        assert service.trigger(user_id, path, **key) == run_id
        assert service.trigger(other, service.upload(other, simple_export("I like tea.")), **key) != run_id


def test_what_is_uploaded_while_a_pass_is_active_is_read_when_that_has_ended(service):
    """As the web app meets it: the same path, overwritten and delivered again."""
    user_id = service.new_user()
    path = service.upload(user_id, simple_export("I like tea."))
    with service.without_worker():
        service.messages.put("/_control", json={"latency_seconds": 2}).raise_for_status()
        with service.executing(service.trigger(user_id, path)):
            service.asked(in_flight=1)
            body = {"user_id": str(user_id), "storage_path": service.upload(user_id, simple_export("I like coffee."))}
            answer = service.webhook.post("/process-full-v2", json=body)
            assert (answer.status_code, answer.json()["status"]) == (202, "queued")
        service.execute(service.made_run(user_id))
    row = service.succeeded(user_id)
    assert "coffee" in "".join(chunk["content"] for chunk in service.chunks(user_id))
    assert row["full_pass_attempts"] == 1
    assert set(row["full_pass_parameters"]) == {"user_id", "delivery_id"}
    assert service.webhook.get(f"/status/{user_id}").json()["status"] == "complete"


def test_a_run_that_the_last_version_made_is_still_a_pass(service):
    user_id = service.new_user()
    path = service.upload(user_id, simple_export("I like tea."))
    with service.without_worker():
        service.execute(service.start(user_id=str(user_id), storage_path=path, file_type="json", replace=False))
    assert service.succeeded(user_id)["full_pass_attempts"] == 1


def test_an_upload_whose_run_was_never_made_is_started_by_the_tick(service):
    user_id = service.new_user()
    service.upload(user_id, simple_export("I like tea."))
    with service.without_worker():
        taken = {
            **{"p_user_id": str(user_id), "p_object_names": [f"{user_id}/export.json"], "p_object_versions": [None]},
            **{"p_file_type": None, "p_conversation_count": None, "p_replaces": False, "p_key_hash": None},
            **{"p_body_hash": "", "p_most": 20, "p_most_usd": None},
        }
        service.supabase.post("/rest/v1/rpc/full_pass_deliver", json=taken).raise_for_status()
        made = {"started_at": "2026-01-01T00:00:00Z"}
        where = {"user_id": f"eq.{user_id}"}
        service.supabase.patch("/rest/v1/full_pass_deliveries", params=where, json=made).raise_for_status()
        assert service.tick()["started"] >= 1
        service.execute(service.made_run(user_id))
    service.succeeded(user_id)


def test_without_its_key_the_receiver_does_not_start_and_says_what_to_set():
    started = subprocess.run(
        [sys.executable, "-m", "deployments.webhook", "--port", "0"],
        cwd=ROOT,
        env=clean_environment(),
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert started.returncode == 1
    assert started.stderr.startswith("WEBHOOK_KEY: is missing (")
    assert "SUPABASE_URL: is missing (" in started.stderr
    assert started.stderr.count("\n") == 1
