"""Runs that extract at the same time share the slots of the tag, whoever began first."""

from collections import Counter

from tests.integration.service import FullPassService, export_of

LIMIT = 3  # of the stack's deployment


def holders(service: FullPassService, *run_ids: str) -> list[int]:
    """How many task runs of each flow run hold a slot now."""
    body = {
        "flow_runs": {"id": {"any_": list(run_ids)}},
        "task_runs": {"tags": {"all_": ["extraction"]}, "state": {"type": {"any_": ["RUNNING"]}}},
    }
    found = service.prefect.post("/task_runs/filter", json=body).raise_for_status().json()
    count = Counter(run["flow_run_id"] for run in found)
    return [count[run_id] for run_id in run_ids]


def test_two_runs_share_the_slots_and_the_one_that_is_left_takes_all(service):
    """One on the worker, one here: they meet on the server only."""
    service.messages.put("/_control", json={"latency_seconds": 2}).raise_for_status()
    long, short = (service.new_user() for _ in range(2))
    first = service.start(user_id=str(long), storage_path=service.upload(long, export_of(80, "0 ")))
    service.wait(lambda: holders(service, first), lambda held: held != [0])
    with service.running_here(short, service.upload(short, export_of(4, "1 "))):
        second = service.wait(lambda: service.row(short)["full_pass_run_id"], bool)
        shares = service.wait(lambda: holders(service, first, second), lambda held: sum(held) == LIMIT and all(held))
        assert sorted(shares) == [1, 2]
        service.messages.put("/_control", json={"latency_seconds": 0.7}).raise_for_status()
    assert service.row(short)["full_pass_status"] == "complete"
    assert service.row(long)["full_pass_status"] == "processing"
    service.wait(lambda: holders(service, first), lambda held: held == [LIMIT])
    service.messages.put("/_control", json={}).raise_for_status()
    service.succeeded(long)
    assert service.messages.get("/_control").json()["in_flight"]["max_by_schema"]["ChunkFacts"] == LIMIT
