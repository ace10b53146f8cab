"""SIGKILL at random moments of extraction: `make faults`.

Each time another part dies: the process of the flow run, the worker, the Prefect server, Postgres. It is started again
at once, and passes are triggered until the user is complete. What is asserted: the Messages API was asked at most as
many questions more than there are as calls were in flight when the run died, and every answer is stored once. A call is
in flight from its question until its answer is stored; of a run that is frozen before it is killed the number is known,
of one that dies of another part's death it is the limit.
"""

import argparse
import random
import signal
import tempfile
import time
from pathlib import Path
from uuid import UUID

from deployments.local.stack import Stack
from flows.settings import DEFAULT_FACT_EXTRACTION_CONCURRENCY
from tests.conftest import clean_environment
from tests.integration.service import FINAL, FullPassService, export_of

_CALLS = 40
_LATENCY = 0.25
_PARTS = ("flow run", "worker", "prefect", "postgres")
_PATIENCE_SECONDS = 240


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.faults.kill_extraction", description=__doc__)
    parser.add_argument("--moments", type=int, default=20)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    arguments = parser.parse_args()
    print(f"seed {arguments.seed}; {_CALLS} calls each", flush=True)
    print(f"{'killed':>10}{'after calls':>13}{'in flight':>11}{'repeated':>10}{'runs':>6}{'complete after':>16}")
    chance = random.Random(arguments.seed)
    worst = 0
    with tempfile.TemporaryDirectory(prefix="soulprint-faults-") as name:
        own = {"FULL_PASS_RETRY_MINUTES": "60", "EXTRACTION_PACK_TOKENS": "2000"}  # a call for each conversation
        environment = {**clean_environment(), **own}
        with Stack(Path(name) / "stack", environment, tell=lambda what: None) as stack:
            for number in range(arguments.moments):
                with FullPassService(stack) as service:
                    part = _PARTS[number % len(_PARTS)]
                    worst = max(worst, _moment(service, part, chance.randrange(1, _CALLS - 3)))
    print(f"at most {worst} calls more than were in flight")
    assert worst <= 0


def _moment(service: FullPassService, part: str, after: int) -> int:
    """Kills the part after so many calls; returns how many calls more than those in flight were repeated."""
    service.messages.put("/_control", json={"latency_seconds": _LATENCY}).raise_for_status()
    service.messages.delete("/_control").raise_for_status()
    user_id = service.new_user()
    path = service.upload(user_id, export_of(_CALLS))
    run_id = service.trigger(user_id, path)
    service.asked(calls=after)
    in_flight = _frozen(service, user_id, run_id) if part == "flow run" else DEFAULT_FACT_EXTRACTION_CONCURRENCY
    _kill(service, part, run_id)
    died = time.monotonic()
    _restart(service.stack, part)
    runs = _until_complete(service, user_id, path, run_id)
    repeated = service.calls() - _CALLS
    answers = service.answers(user_id)
    assert len(answers) == _CALLS, f"{len(answers)} answers"
    assert {answer["outcome"] for answer in answers} == {"facts"}
    print(
        f"{part:>10}{after:13}{in_flight:11}{repeated:10}{runs:6}{time.monotonic() - died:14.1f} s",
        flush=True,
    )
    return int(repeated - in_flight)


def _frozen(service: FullPassService, user_id: UUID, run_id: str) -> int:
    """Stops the run where it is; returns how many of its questions have no stored answer."""
    service.kill_run(run_id, signal.SIGSTOP)
    prompts = service.messages.get("/_control").json()["prompts"]
    return int(prompts["distinct"] + prompts["repeated"]) - len(service.answers(user_id))


def _kill(service: FullPassService, part: str, run_id: str) -> None:
    match part:
        case "flow run":
            service.kill_run(run_id)
        case "postgres":
            service.stack.postgres.kill()
        case _:
            service.stack.services[part].kill()


def _restart(stack: Stack, part: str) -> None:
    match part:
        case "worker":
            stack.start_worker()
        case "prefect":
            stack.start_prefect().wait_until_answering(f"{stack.prefect_api}/health")
        case "postgres":
            stack.postgres.start()


def _until_complete(service: FullPassService, user_id: UUID, path: str, run_id: str) -> int:
    """Triggers again whenever a run has ended without completing; returns how many runs it took."""
    runs, deadline = 1, time.monotonic() + _PATIENCE_SECONDS
    while (row := service.row(user_id))["full_pass_status"] != "complete":
        assert time.monotonic() < deadline, row
        if service.run(run_id)["state_type"] in FINAL and row["full_pass_status"] == "failed":
            run_id = service.trigger(user_id, path)
            runs += 1
        time.sleep(0.2)
    return runs


if __name__ == "__main__":
    main()
