"""A worker is told to go, as at each deploy: the pass goes on with the next one, as if nothing had been."""

import signal

from tests.integration.service import export_of

_CALLS, _AT_ONCE = 20, 3


def test_a_restart_of_the_worker_costs_no_more_than_the_calls_in_flight(service, stack):
    service.messages.put("/_control", json={"latency_seconds": 0.5}).raise_for_status()
    user_id = service.new_user()
    run_id = service.trigger(user_id, service.upload(user_id, export_of(_CALLS)))
    service.asked(calls=6)
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
    # What was paid before is not forgotten; of the six, some may not have been read yet when the signal came.
    assert cost["earlier_runs"]["calls"] >= 6 - _AT_ONCE
    steps = {step["step"]: step["calls"] for step in cost["by_step"]}
    assert steps["extract_facts"] + cost["earlier_runs"]["calls"] <= service.calls()
