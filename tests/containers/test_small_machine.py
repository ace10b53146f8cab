"""A machine of 512 MB, which kills what needs more: worker, its run and the receiver at once."""

import time
import zipfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from tests import sample
from tests.containers.compose import Topology, until
from tests.containers.memory import Watch
from tests.integration.service import FullPassService, Json, simple_export

pytestmark = pytest.mark.containers

_MB_PER_CONVERSATION = 0.0179
_LONGEST_SECONDS = 3_600  # on a busy machine; 300 MB, given by hand, are some 9,000 calls
#: Both processes, as on a host that has no more than this; the worker is the one that SIGTERM reaches.
_BOTH = (
    "python -m deployments.webhook --host 127.0.0.1 --port 8000 & exec python -m deployments.worker --with-healthcheck"
)


@pytest.fixture
def machine(topology: Topology) -> Iterator[str]:
    """The name of the one container that has worker and receiver."""
    worker, receiver = topology.services["worker"], topology.services["receiver"]
    topology.services["machine"] = {
        **worker,
        "command": ["sh", "-c", _BOTH],
        "environment": {**receiver["environment"], **worker["environment"]},
    }
    topology.beside["machine"] = topology.beside["worker"]
    for service in ("worker", "receiver"):
        topology.stop(service)
    topology.up("machine")
    until(_receiver_answers)
    yield "machine"
    topology.remove("machine")
    topology.up("worker", "receiver")


def _receiver_answers() -> bool:
    try:
        return httpx.get("http://127.0.0.1:8000/health").is_success
    except httpx.TransportError:
        return False


def _delivered(service: FullPassService, body: Json) -> int:
    """As an app delivers: again, when it is told to come later."""
    while (answer := service.webhook.post("/process-full-v2", json=body)).status_code == 503:
        time.sleep(int(answer.headers["retry-after"]))
    return answer.status_code


def _megabytes(export: Path) -> float:
    with zipfile.ZipFile(export) as archive:
        return archive.getinfo("conversations.json").file_size / 1e6


@pytest.mark.parametrize("megabytes", [5, 30])
def test_a_pass_and_a_tick_have_room(
    machine: str,
    topology: Topology,
    service: FullPassService,
    tmp_path: Path,
    megabytes: int,
    show: Callable[[str], None],
) -> None:
    export = tmp_path / "export.zip"
    sample.write_export(export, round(megabytes / _MB_PER_CONVERSATION), style="zip")
    user_id = service.new_user()
    path = service.upload(user_id, export.read_bytes(), "export.zip")
    with Watch(topology.pid(machine)) as watch:
        run_id = service.trigger(user_id, path)
        tick = service.start("retry-failed/retry-failed")
        assert service.ended(tick)["state_type"] == "COMPLETED"
        assert service.ended(run_id, _LONGEST_SECONDS)["state_type"] == "COMPLETED"
    show(f"{_megabytes(export):.0f} MB of JSON: {watch.peak_mb:.0f} MB at most of 537 ({watch})")
    assert watch.kills == 0
    assert service.succeeded(user_id)["memory_md"]
    assert _receiver_answers()


def test_a_thousand_deliveries_for_twenty_users_are_twenty_passes_in_a_row(
    machine: str, topology: Topology, service: FullPassService, show: Callable[[str], None]
) -> None:
    users = [service.new_user() for _ in range(20)]
    bodies = [
        {"user_id": str(user_id), "storage_path": service.upload(user_id, simple_export("I like tea."))}
        for user_id in users
    ]
    with Watch(topology.pid(machine)) as watch:
        with ThreadPoolExecutor(20) as pool:
            assert set(pool.map(lambda body: _delivered(service, body), bodies * 50)) == {202}
        for user_id in users:
            service.wait(lambda: service.row(user_id), lambda row: row["full_pass_status"] == "complete")  # noqa: B023
    show(f"1,000 deliveries, 20 passes: {watch.peak_mb:.0f} MB at most of 537 ({watch})")
    assert watch.kills == 0
    assert [service.row(user_id)["full_pass_attempts"] for user_id in users] == [1] * 20
    assert _receiver_answers()
