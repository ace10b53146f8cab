"""From a delivery to the first call of a model, and where the time goes: `make bench-start`, a minute.

The real deployment (Prefect server on Postgres, receiver, worker) on the embedded stack, and one small export after the
other. Wall seconds, and those of the CPU that the run's process has used until then: other work on the machine makes
the first larger and not the second.
"""

import argparse
import re
import statistics
import tempfile
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

import psutil

from deployments.local.stack import Stack
from tests.conftest import clean_environment
from tests.integration.service import FullPassService, simple_export

_STEP = re.compile(r"\[FullPass\] user_id=\S+ step=(\w+) status=started")
#: The model keeps the first call for so long that the run is still there when it is looked at.
_LATENCY_SECONDS = 2.0


class Start(NamedTuple):
    """What has happened, and when: seconds from the delivery."""

    moments: dict[str, float]
    run_cpu: float
    all_cpu: float  # of the server, the worker, the receiver, the stand-ins and the run, meanwhile


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.cold_start", description=__doc__)
    parser.add_argument("--times", type=int, default=10, help="deliveries, one after the other; default: %(default)s")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="soulprint-bench-") as name:
        stack = Stack(Path(name) / "stack", clean_environment(), tell=lambda what: None)
        with stack, FullPassService(stack) as service:
            service.messages.put("/_control", json={"latency_seconds": _LATENCY_SECONDS}).raise_for_status()
            _started(service)  # the first one also warms the server
            _show([_started(service) for _ in range(arguments.times)])


def _started(service: FullPassService) -> Start:
    user_id = service.new_user()
    path = service.upload(user_id, simple_export("I live in Lisbon.", "I keep two cats."))
    before, began = _cpu(service.stack), time.time()
    run_id = service.trigger(user_id, path)
    moments = {"the receiver has answered": time.time()}
    service.asked(in_flight=1)
    asked = time.time()
    after = _cpu(service.stack)
    process = psutil.Process(int(service.run(run_id)["infrastructure_pid"]))
    run_cpu, moments["the run's process is there"] = sum(process.cpu_times()[:2]), process.create_time()
    service.ended(run_id)
    moments |= dict(_told(service, run_id))
    moments["the first call is at the model"] = asked
    return Start({what: at - began for what, at in moments.items()}, run_cpu, after - before)


def _told(service: FullPassService, run_id: str) -> Iterator[tuple[str, float]]:
    """What Prefect and the run's log say of the time."""
    states = service.prefect.get("/flow_run_states/", params={"flow_run_id": run_id}).raise_for_status().json()
    at = {state["type"]: _seconds(state["timestamp"]) for state in states}
    yield "a worker has taken the run", at["PENDING"]
    yield "the run is Running", at["RUNNING"]
    service.log(run_id)  # until all of it is there
    body = {"logs": {"flow_run_id": {"any_": [run_id]}}, "sort": "TIMESTAMP_ASC", "limit": 200}
    for entry in service.prefect.post("/logs/filter", json=body).raise_for_status().json():
        if (match := _STEP.match(entry["message"])) and match[1] in ("download_conversations", "extract_facts"):
            yield f"{match[1]} begins", _seconds(entry["timestamp"])


def _seconds(timestamp: str) -> float:
    return datetime.fromisoformat(timestamp).timestamp()


def _cpu(stack: Stack) -> float:
    """Seconds that the stack's processes have used, with those that they have started."""
    total = 0.0
    for service in stack.services.values():
        own = psutil.Process(service.pid)
        total += sum(sum(process.cpu_times()[:4]) for process in (own, *own.children(recursive=True)))
    return total


def _show(starts: list[Start]) -> None:
    print("| | median | of it | least | most |\n|---|---:|---:|---:|---:|")
    earlier = 0.0
    names = sorted(starts[0].moments, key=lambda name: statistics.median(start.moments[name] for start in starts))
    for name in names:
        at = sorted(start.moments[name] for start in starts)
        median = statistics.median(at)
        print(f"| {name} | {median:.2f} s | {median - earlier:.2f} s | {at[0]:.2f} s | {at[-1]:.2f} s |")
        earlier = median
    run, everything = (statistics.median(cpu) for cpu in zip(*(start[1:] for start in starts), strict=True))
    print(f"\nCPU until then: {run:.2f} s of the run's process, {everything:.2f} s of everything")


if __name__ == "__main__":
    main()
