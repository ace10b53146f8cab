"""Applying the deployment after a changed setting. As a command, every start of a stack does it."""

import shutil
import subprocess
import sys
from collections.abc import Iterator
from uuid import UUID

import httpx
import pytest

from deployments import ROOT, apply
from tests.integration.service import FullPassService, export_of


@pytest.fixture
def usual_afterwards(service: FullPassService) -> Iterator[None]:
    """Other tests find what they expect of the server."""
    yield
    service.prepare_server()


@pytest.mark.usefixtures("usual_afterwards")
def test_a_changed_limit_holds_for_a_run_that_is_under_way(service):
    service.messages.put("/_control", json={"latency_seconds": 2}).raise_for_status()
    user_id = service.new_user()
    with service.running_here(user_id, service.upload(user_id, export_of(150))):
        service.asked(in_flight=3)
        service.prepare_server(FACT_EXTRACTION_CONCURRENCY="7")
        service.asked(in_flight=7)
        service.messages.put("/_control", json={}).raise_for_status()
    service.succeeded(user_id)
    assert service.messages.get("/_control").json()["in_flight"]["max"] == 7


@pytest.mark.usefixtures("usual_afterwards")
@pytest.mark.parametrize(("given", "limit"), [("50", 50), ("51", 3)])
def test_the_tags_limit_follows_the_setting_when_the_deployment_is_applied_again(service, given, limit):
    service.prepare_server(FACT_EXTRACTION_CONCURRENCY=given)
    found = service.prefect.get("/concurrency_limits/tag/extraction").raise_for_status().json()
    assert found["concurrency_limit"] == limit


def passes_at_once(service):
    queue = service.prefect.get("/work_pools/full-pass/queues/passes").raise_for_status().json()
    return queue["concurrency_limit"], queue["id"]


def test_passes_have_a_limit_which_an_operator_or_the_setting_changes(service):
    """Without one, each of a thousand deliveries has a process at once."""
    usual, queue = passes_at_once(service)
    try:
        assert usual == 4
        service.prefect_cli("work-queue", "set-concurrency-limit", "passes", "2", "--pool", "full-pass")
        service.prepare_server()
        assert passes_at_once(service)[0] == 2
        service.prepare_server(FULL_PASS_CONCURRENCY="1")
        assert passes_at_once(service)[0] == 1
    finally:
        service.prefect.patch(f"/work_queues/{queue}", json={"concurrency_limit": usual}).raise_for_status()


def test_a_deployment_applied_again_and_from_elsewhere_stays_paused_and_knows_no_folder(service, stack, tmp_path):
    """As a command: what it runs last is Prefect's own `deploy`, which lets what was paused go on."""
    shutil.copytree(ROOT / "flows", tmp_path / "flows")
    shutil.copytree(ROOT / "deployments", tmp_path / "deployments", ignore=shutil.ignore_patterns("local"))
    shutil.copy(ROOT / "prefect.yaml", tmp_path)
    command = [sys.executable, "-m", "deployments.apply"]
    subprocess.run(command, cwd=tmp_path, env=stack.environment, check=True, capture_output=True)
    ticks = service.prefect.get("/deployments/name/retry-failed/retry-failed").raise_for_status().json()
    assert ticks["paused"]  # by the fixture, as an operator does it
    assert not service.automation("full-pass-reconcile-bad-ends")["enabled"]
    assert str(tmp_path) not in str(ticks)


@pytest.mark.usefixtures("usual_afterwards")
def test_an_automation_that_an_operator_has_paused_stays_paused(service):
    service.automate("full-pass-crash-lost-runs", False)
    try:
        service.prepare_server()
        assert not service.automation("full-pass-crash-lost-runs")["enabled"]
    finally:
        service.automate("full-pass-crash-lost-runs", True)


def test_a_bad_end_makes_a_tick_at_once_and_one_when_the_next_attempt_is_due(service):
    ticks = service.prefect.get("/deployments/name/retry-failed/retry-failed").json()
    asked = {"deployments": {"id": {"any_": [ticks["id"]]}}, "sort": "ID_DESC", "limit": 200}
    before = {run["id"] for run in service.prefect.post("/flow_runs/filter", json=asked).json()}
    service.automate("full-pass-reconcile-bad-ends", True)
    try:
        with service.without_worker():
            service.becomes(service.start(user_id=str(service.new_user()), storage_path="x"), "CRASHED")
            made = service.wait(
                lambda: [
                    run
                    for run in service.prefect.post("/flow_runs/filter", json=asked).json()
                    if run["id"] not in before
                ],
                lambda runs: len(runs) == 2,
            )
    finally:
        service.automate("full-pass-reconcile-bad-ends", False)
    assert sorted(run["parameters"].get("most_starts", 20) for run in made) == [0, 20]


def test_the_prefect_api_is_closed_to_strangers_and_to_other_origins(service):
    with httpx.Client(base_url=service.stack.prefect_api) as stranger:
        assert stranger.post("/work_pools/filter", json={}).status_code == 401
        assert stranger.post("/work_pools/filter", json={}, auth=("admin", "wrong")).status_code == 401
    there = {"Origin": "https://elsewhere.example", "Access-Control-Request-Method": "POST"}
    answer = service.prefect.options("/work_pools/filter", headers=there)
    assert "access-control-allow-origin" not in answer.headers


def test_an_open_prefect_api_is_warned_of(monkeypatch, capsys):
    async def prepared() -> int:
        return 3

    async def answered() -> bool:
        return True

    monkeypatch.setattr(apply, "prepare_server", prepared)

    async def none_are_paused() -> list[UUID]:
        return []

    async def finished(were_paused: list[UUID]) -> None:
        assert not were_paused

    monkeypatch.setattr(apply, "paused", none_are_paused)
    monkeypatch.setattr(apply, "finish_server", finished)
    monkeypatch.setattr(apply, "is_open", answered)
    monkeypatch.setattr(apply, "_prefect", lambda *_: 0)
    assert apply.main() == 0
    assert "PREFECT_SERVER_API_AUTH_STRING" in capsys.readouterr().err


def test_the_deployments_and_the_schedule_are_on_the_server(service):
    for name in ("full-pass/full-pass", "regenerate-sections/regenerate-sections", "retry-failed/retry-failed"):
        deployment = service.prefect.get(f"/deployments/name/{name}").raise_for_status().json()
        assert deployment["work_pool_name"] == "full-pass"
        schedules = {each["schedule"]["cron"]: each["parameters"] for each in deployment["schedules"]}
        assert schedules == ({"*/30 * * * *": {}} if name.startswith("retry-failed") else {})
        assert int(deployment["job_variables"]["env"]["PREFECT_FLOWS_HEARTBEAT_FREQUENCY"]) == 30


@pytest.mark.usefixtures("usual_afterwards")
def test_what_is_applied_again_follows_its_settings(service):
    for seconds in (120, 40):
        service.prepare_server(FULL_PASS_SILENT_SECONDS=str(seconds))
        named = {"automations": {"name": {"any_": ["full-pass-crash-silent-runs"]}}}
        (automation,) = service.prefect.post("/automations/filter", json=named).raise_for_status().json()
        assert automation["enabled"]
        assert automation["trigger"]["within"] == seconds
        queue = service.prefect.get("/work_pools/full-pass/queues/upkeep").raise_for_status().json()
        assert queue["concurrency_limit"] == 1  # one tick at a time


@pytest.mark.usefixtures("usual_afterwards")
def test_an_automation_that_an_operator_has_paused_stays_so(service):
    named = {"automations": {"name": {"any_": ["full-pass-crash-silent-runs"]}}}
    (automation,) = service.prefect.post("/automations/filter", json=named).raise_for_status().json()
    address = f"/automations/{automation['id']}"
    service.prefect.patch(address, json={"enabled": False}).raise_for_status()
    try:
        service.prepare_server()
        assert not service.prefect.get(address).raise_for_status().json()["enabled"]
    finally:
        service.prefect.patch(address, json={"enabled": True}).raise_for_status()
