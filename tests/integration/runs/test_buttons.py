"""What the buttons of the Prefect UI do to a pass: they send the states that are sent here."""

from datetime import UTC, datetime, timedelta

from tests.integration.service import FullPassService, export_of


def suspend(service: FullPassService, run_id: str) -> None:
    """As the UI asks for it (prefect/server/ui/assets: FlowRunSuspend)."""
    until = (datetime.now(UTC) + timedelta(minutes=5)).isoformat()
    details = {"pause_timeout": until, "pause_reschedule": True}
    body = {"state": {"type": "PAUSED", "name": "Suspended", "state_details": details}}
    answer = service.prefect.post(f"/flow_runs/{run_id}/set_state", json=body).raise_for_status()
    assert answer.json()["status"] == "ACCEPT"


def test_a_suspended_run_asks_nothing_more_and_goes_on_where_it_was(service):
    service.messages.put("/_control", json={"latency_seconds": 0.3}).raise_for_status()
    user_id = service.new_user()
    with service.without_worker():
        run_id = service.start(user_id=str(user_id), storage_path=service.upload(user_id, export_of(60)))
        with service.executing(run_id):
            service.asked(calls=3)
            suspend(service, run_id)
        asked = service.calls()
        assert asked < 60
        assert len(service.answers(user_id)) == asked  # what was under way is paid for, and kept
        assert service.run(run_id)["state_name"] == "Suspended"
        service.tick()
        row = service.row(user_id)
        assert (row["full_pass_status"], row["full_pass_run_id"]) == ("processing", run_id)
        spent = row["import_cost_json"]["total"]["calls"]
        service.prefect.post(f"/flow_runs/{run_id}/resume").raise_for_status()
        service.messages.put("/_control", json={}).raise_for_status()
        service.execute(run_id)
    row = service.row(user_id)
    assert (row["full_pass_status"], row["full_pass_attempts"]) == ("complete", 1)
    assert service.calls() == 60
    assert row["import_cost_json"]["earlier_runs"]["calls"] == spent
