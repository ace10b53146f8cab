"""What the buttons of the Prefect UI do to a pass: they send the states that are sent here."""

from tests.integration.service import export_of


def test_a_suspended_run_asks_nothing_more_and_goes_on_where_it_was(service):
    service.messages.put("/_control", json={"latency_seconds": 0.3}).raise_for_status()
    user_id = service.new_user()
    with service.without_worker():
        run_id = service.start(user_id=str(user_id), storage_path=service.upload(user_id, export_of(60)))
        with service.executing(run_id):
            service.asked(calls=3)
            service.suspend(run_id)
        asked = service.calls()
        assert asked < 60
        assert len(service.answers(user_id)) == asked  # what was under way is paid for, and kept
        assert service.run(run_id)["state_name"] == "Suspended"
        service.tick()
        row = service.row(user_id)
        assert (row["full_pass_status"], row["full_pass_run_id"]) == ("processing", run_id)
        spent = row["import_cost_json"]["total"]["calls"]
        service.resume(run_id)
        service.messages.put("/_control", json={}).raise_for_status()
        service.execute(run_id)
    row = service.row(user_id)
    assert (row["full_pass_status"], row["full_pass_attempts"]) == ("complete", 1)
    assert service.calls() == 60
    assert row["import_cost_json"]["earlier_runs"]["calls"] == spent
