"""deployments/compose.yaml from its own file: all of it starts, and a pass goes through."""

import httpx
import pytest

from tests.containers.compose import Topology
from tests.integration.service import FullPassService, simple_export

pytestmark = pytest.mark.containers


def test_a_pass_goes_through(service: FullPassService) -> None:
    user_id = service.new_user()
    run_id = service.trigger(user_id, service.upload(user_id, simple_export("I live in Lisbon.", "I keep two cats.")))
    assert service.ended(run_id)["state_type"] == "COMPLETED"
    assert "Lisbon" in service.succeeded(user_id)["memory_md"]


def test_everything_is_healthy(topology: Topology) -> None:
    checked = [name for name, described in topology.services.items() if "healthcheck" in described]
    assert {name: topology.is_healthy(name) for name in checked} == dict.fromkeys(checked, True)


def test_prefect_answers_nobody_without_the_password(service: FullPassService) -> None:
    assert httpx.post(f"{service.stack.prefect_api}/flow_runs/filter", json={}).status_code == 401
