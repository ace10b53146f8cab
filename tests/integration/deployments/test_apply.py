"""Applying the deployment after a changed setting. As a command, every start of a stack does it."""

from collections.abc import Iterator

import pytest

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


def test_the_deployments_and_the_schedule_are_on_the_server(service):
    for name in ("full-pass/full-pass", "retry-failed/retry-failed"):
        deployment = service.prefect.get(f"/deployments/name/{name}").raise_for_status().json()
        assert deployment["work_pool_name"] == "full-pass"
        schedules = {each["schedule"]["cron"]: each["parameters"] for each in deployment["schedules"]}
        every = {"*/10 * * * *": {}, "2-59/10,4-59/10,7-59/10 * * * *": {"most_starts": 0}}
        assert schedules == ({} if name.startswith("full-pass") else every)
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
