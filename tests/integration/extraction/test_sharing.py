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
    service.messages.put("/_control", json={"latency_seconds": 2}).raise_for_status()
    users = [service.new_user() for _ in range(2)]
    runs = []
    for number, (user_id, calls) in enumerate(zip(users, (400, 4), strict=True)):
        path = service.upload(user_id, export_of(calls, f"{number} "))
        runs.append(service.start(user_id=str(user_id), storage_path=path))
        service.wait(lambda: holders(service, *runs)[-1], bool)
    shares = service.wait(lambda: holders(service, *runs), lambda held: sum(held) == LIMIT)
    assert sorted(shares) == [1, 2]
    service.messages.put("/_control", json={"latency_seconds": 0.3}).raise_for_status()
    service.succeeded(users[1])
    assert service.row(users[0])["full_pass_status"] == "processing"
    service.wait(lambda: holders(service, runs[0]), lambda held: held == [LIMIT])
    service.messages.put("/_control", json={}).raise_for_status()
    service.succeeded(users[0])
    assert service.messages.get("/_control").json()["in_flight"]["max_by_schema"]["ChunkFacts"] == LIMIT
