"""A worker is told to go, as at each deploy: the pass goes on with the next one, as if nothing had been."""

import signal

from tests.integration.service import export_of

_CALLS, _AT_ONCE = 20, 3


def test_a_restart_of_the_worker_costs_no_more_than_the_calls_in_flight(service, stack):
    # Each second call is under way for good: on the slowest machine, too, the worker is told before the pass is over.
    hang = {"kind": "hang", "schema": "ChunkFacts", "every": 2}
    service.messages.put("/_control", json={"faults": [hang]}).raise_for_status()
    user_id = service.new_user()
    patient = {"MODEL_TIMEOUT_SECONDS": "600"}
    path = service.upload(user_id, export_of(_CALLS))
    run_id = service.start(settings=patient, user_id=str(user_id), storage_path=path)
    service.asked(calls=3, in_flight=_AT_ONCE)
    # An answer that is still on its way into the database is a call in flight to the run, though not to the stand-in.
    service.wait(lambda: len(service.answers(user_id)), lambda stored: stored == 3)
    stack.services["worker"].send(signal.SIGTERM)
    stack.services["worker"].finish()
    assert service.run(run_id)["state_name"] == "AwaitingRetry"
    assert not service.processes(run_id)
    assert service.row(user_id)["full_pass_status"] == "processing"
    service.messages.put("/_control", json={}).raise_for_status()
    stack.start_worker()
    row = service.succeeded(user_id)
    assert (row["full_pass_run_id"], row["full_pass_attempts"]) == (run_id, 1)
    assert _CALLS <= service.calls() <= _CALLS + _AT_ONCE
    cost = row["import_cost_json"]
    assert cost["earlier_runs"]["calls"] == 3  # what was paid before is not forgotten
    steps = {step["step"]: step["calls"] for step in cost["by_step"]}
    assert steps["extract_facts"] + cost["earlier_runs"]["calls"] <= service.calls()
