"""Of the fault suite (`make faults`) what is quick: a kill in the middle of a step. More of it is in test_recovery."""

from collections.abc import Iterable

from tests.faults import scenarios
from tests.faults.passes import QUICK, Pass, Passes
from tests.faults.suite import Suite


class QuickPasses(Passes):
    """Processes have only the runs that are to be killed; the others are executed here, which spares their starts."""

    def start(self, some: Iterable[Pass], **settings: str) -> None:
        super().start(some, **QUICK, **settings)

    def complete(self, each: Pass) -> None:
        self.service.run_here(each.user_id, each.path, **QUICK)

    def tick(self) -> None:
        for each in self._all:
            if self.service.row(each.user_id)["full_pass_status"] == "failed":
                self.service.due(each.user_id)
        with self.service.without_worker():
            self.service.tick(20, **QUICK)
            for each in self._all:
                for run_id in self.service.made_runs(each.user_id):
                    self.service.execute(run_id, **QUICK)


def test_a_run_that_is_killed_in_a_step_comes_back_and_loses_and_doubles_nothing(service):
    """In the one that has the most behind it: chunks, answers and facts."""
    suite = Suite(service, QuickPasses(service))
    scenarios.in_each_step(suite, "SIGKILL", scenarios.sigkill, steps=["hierarchical_reduce"])
    assert suite.failures == []
