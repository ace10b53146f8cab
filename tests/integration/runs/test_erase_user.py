"""A person is erased: what runs for them stops, and nothing of them stays anywhere."""

from pathlib import Path

import pytest

from tests.integration.service import FullPassService, export_of, simple_export


def objects_of(service: FullPassService, user_id: object) -> list[str]:
    body = {"prefix": str(user_id), "limit": 100, "offset": 0}
    return [found["name"] for found in service.supabase.post("/storage/v1/object/list/imports", json=body).json()]


def runs_of(service: FullPassService, user_id: object) -> list[str]:
    body = {"flows": {"name": {"any_": ["full-pass"]}}, "sort": "ID_DESC", "limit": 200}
    runs = service.prefect.post("/flow_runs/filter", json=body).raise_for_status().json()
    return [run["id"] for run in runs if run["parameters"].get("user_id") == str(user_id)]


def rows_of(service: FullPassService, user_id: object) -> int:
    where = {"user_id": f"eq.{user_id}"}
    tables = ("user_profiles", "conversation_chunks", "chunk_facts", "memory_facts", "full_pass_deliveries")
    return sum(len(service.supabase.get(f"/rest/v1/{table}", params=where).json()) for table in tables)


@pytest.fixture
def busy(service):
    """A user whose second pass is at work on the worker, and whose third delivery waits."""
    user_id = service.new_user()
    service.run_here(user_id, service.upload(user_id, simple_export("I like tea.")))
    service.messages.put("/_control", json={"latency_seconds": 1}).raise_for_status()
    run_id = service.trigger(user_id, service.upload(user_id, export_of(200), "second.json"))
    service.asked(in_flight=1)
    assert service.trigger(user_id, service.upload(user_id, simple_export("I like milk."), "third.json")) == ""
    return user_id, run_id


def test_a_person_is_erased_while_a_pass_is_at_work_and_a_delivery_waits(service, stack, busy):
    user_id, run_id = busy
    folder = Path(stack.environment["SPOOL_DIR"]) / run_id
    assert folder.exists()
    reports = {"artifacts": {"flow_run_id": {"any_": runs_of(service, user_id)}}}
    assert service.prefect.post("/artifacts/filter", json=reports).json() != []
    removed = service.erase(user_id, SPOOL_DIR=stack.environment["SPOOL_DIR"])
    assert service.processes(run_id) == []
    assert not folder.exists()
    assert (rows_of(service, user_id), objects_of(service, user_id), runs_of(service, user_id)) == (0, [], [])
    assert service.prefect.post("/artifacts/filter", json=reports).json() == []
    assert (removed["passes_stopped"], removed["uploads"], removed["account"]) == (1, 3, True)
    assert removed["rows"]["user_profiles"] == 1
    assert removed["flow_runs"] == 2
    erasing = {"flows": {"name": {"any_": ["erase-user"]}}, "sort": "START_TIME_DESC", "limit": 1}
    (run,) = service.prefect.post("/flow_runs/filter", json=erasing).json()
    assert run["name"] == f"erase-user · {str(user_id)[:8]}"
    again = service.erase(user_id)
    assert (again["passes_stopped"], again["rows"], again["uploads"], again["account"]) == (0, {}, 0, False)
