"""Containers are stopped as a platform stops them: SIGTERM to the first process, SIGKILL after the period of grace."""

import time
from collections.abc import Iterator

import pytest

from tests.containers.compose import Topology
from tests.integration.service import FullPassService, export_of

pytestmark = pytest.mark.containers

_KILLED = 137
_CALLS = 20


@pytest.mark.parametrize("name", ["worker", "receiver", "services", "server"])
def test_each_ends_by_itself_when_it_is_told_to(topology: Topology, name: str) -> None:
    seconds = topology.stop(name)
    code = topology.exit_code(name)
    topology.up()
    assert code != _KILLED
    assert seconds < topology.grace(name)


@pytest.fixture
def endless(service: FullPassService) -> Iterator[None]:
    """A model that does not answer; a test that fails leaves none to the next ones either."""
    service.messages.put("/_control", json={"latency_seconds": 600}).raise_for_status()
    yield
    service.messages.put("/_control", json={}).raise_for_status()


@pytest.mark.usefixtures("endless")
def test_a_run_whose_machine_is_gone_is_noticed(topology: Topology, service: FullPassService) -> None:
    """By an automation: in the process of the schedules, told of heartbeats by Redis."""
    user_id = service.new_user()
    run_id = service.trigger(user_id, service.upload(user_id, export_of(1)))
    service.asked(in_flight=1)
    topology.kill("worker")
    assert service.ended(run_id)["state_type"] == "CRASHED"
    topology.up("worker")
    service.retry_failed()
    assert service.row(user_id)["full_pass_status"] == "failed"


@pytest.fixture
def one_chunk_a_call(topology: Topology) -> Iterator[None]:
    """Each conversation of the export has its own question."""
    usual = topology.beside["worker"]
    topology.beside["worker"] = {**usual, "EXTRACTION_PACK_TOKENS": "2000"}
    topology.start("worker")
    yield
    topology.beside["worker"] = usual
    topology.start("worker")
    topology.up("worker")


@pytest.mark.usefixtures("one_chunk_a_call")
def test_a_pass_goes_on_with_the_next_worker(topology: Topology, service: FullPassService) -> None:
    service.messages.delete("/_control").raise_for_status()
    service.messages.put("/_control", json={"latency_seconds": 0.5}).raise_for_status()
    user_id = service.new_user()
    run_id = service.trigger(user_id, service.upload(user_id, export_of(_CALLS)))
    service.asked(calls=6)
    began = time.monotonic()
    topology.stop("worker")
    service.messages.put("/_control", json={}).raise_for_status()
    topology.start("worker")
    row = service.succeeded(user_id)
    assert (row["full_pass_run_id"], row["full_pass_attempts"]) == (run_id, 1)
    assert time.monotonic() - began < 60
    assert service.calls() <= _CALLS + 3
