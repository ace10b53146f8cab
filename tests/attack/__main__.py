"""The attacks on the receiver: `make attack`.

Real server, worker, Postgres, receiver. A line for each attack with its figures; one that fails makes the exit fail.
"""

import argparse
import tempfile
import traceback
from functools import partial
from pathlib import Path

from deployments.local.stack import Stack
from tests.attack.attacks import ATTACKS, memory, released, told_to_stop
from tests.attack.door import Door
from tests.attack.rules import MOST_PER_DAY, RULES, SIGNING_SECRET
from tests.conftest import clean_environment
from tests.faults.passes import QUICK
from tests.integration.service import FullPassService


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.attack", description=__doc__)
    parser.add_argument("--only", nargs="*", default=[""], help="attacks whose name contains one of these")
    parser.add_argument("--busy", action="store_true", help="the machine has other work: deliveries/s are not judged")
    parser.add_argument("--deliveries", type=int, default=10_000, help="over which memory is watched")
    parser.add_argument("--queued", type=int, default=249, help="deliveries that are let go together")
    arguments = parser.parse_args()
    attacks = {**ATTACKS, **RULES, "SIGTERM with a stalled body": told_to_stop} | {
        "10,000 deliveries": partial(memory, deliveries=arguments.deliveries),
        "queued deliveries released": partial(released, deliveries=arguments.queued),
    }
    failures = []
    with tempfile.TemporaryDirectory(prefix="soulprint-attack-") as name:
        own = {"FULL_PASS_MAX_PER_DAY": str(MOST_PER_DAY), "WEBHOOK_SIGNING_SECRET": SIGNING_SECRET}
        environment = {**clean_environment(), **QUICK, **own}
        stack = Stack(Path(name) / "stack", environment, tell=lambda what: None)
        with stack, FullPassService(stack) as service:
            door = Door(service, quiet=not arguments.busy)
            for title in [title for title in attacks if any(part in title for part in arguments.only)]:
                try:
                    said = attacks[title](door)
                except Exception as error:  # the other attacks still have something to tell
                    traceback.print_exc()
                    said = f"FAILED: {error}"
                    failures.append(title)
                print(f"{title:<38}{said}", flush=True)
    assert not failures, failures


if __name__ == "__main__":
    main()
