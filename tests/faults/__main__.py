"""The fault suite: `make faults`.

Real server, worker, Postgres and Messages API stand-in. Each fault meets passes in the middle of their work; then the
fault is over, and the scheduled flow runs until every user is complete. A line for each pass: what the row said after
the fault and how long it was wrong, how many calls were repeated and how many had been in flight, what was lost or
doubled beside a pass that nothing has happened to, and how long it took until the user was complete.
"""

import argparse
import tempfile
import traceback
from pathlib import Path

from deployments.local.stack import Stack
from flows.records import Step
from tests.conftest import clean_environment
from tests.faults import scenarios
from tests.faults.passes import QUICK, Passes
from tests.faults.suite import Suite
from tests.integration.service import FullPassService


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("--only", nargs="*", default=[""], help="scenarios whose name contains one of these")
    arguments = parser.parse_args()
    print(Suite.heading(), flush=True)
    with tempfile.TemporaryDirectory(prefix="soulprint-faults-") as name:
        # As many passes at once as there are steps: each stands in another one when the fault comes.
        environment = {**clean_environment(), **QUICK, "FULL_PASS_CONCURRENCY": str(len(Step))}
        stack = Stack(Path(name) / "stack", environment, tell=lambda what: None)
        with stack, FullPassService(stack) as service:
            suite = Suite(service, Passes(service))
            for title, scenario in scenarios.all_of_them(suite).items():
                if not any(part in title for part in arguments.only):
                    continue
                try:
                    scenario()
                except Exception as error:  # the other faults still have something to tell
                    traceback.print_exc()
                    suite.failures.append(f"{title}: {error!r}")
    print("\n".join(suite.failures) or "nothing lost, nothing doubled, no call repeated that was not in flight")
    assert not suite.failures


if __name__ == "__main__":
    main()
