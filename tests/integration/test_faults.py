"""The quick half of the fault suite (`make faults` has all of it): kills and cancellations in the middle of steps."""

from collections.abc import Iterator

import pytest

from deployments.local.stack import Stack
from tests.conftest import clean_environment
from tests.faults import scenarios
from tests.faults.passes import QUICK, Passes
from tests.faults.scenarios import Suite
from tests.integration.service import FullPassService


@pytest.fixture(scope="module")
def suite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Suite]:
    stack = Stack(tmp_path_factory.mktemp("stack"), {**clean_environment(), **QUICK}, tell=lambda what: None)
    with stack, FullPassService(stack) as service:
        yield Suite(service, Passes(service))


@pytest.mark.parametrize(
    ("harm", "cancelled"),
    [(scenarios.sigkill, False), (scenarios.cancel, True)],
    ids=["SIGKILL", "cancelled"],
)
def test_a_run_that_is_stopped_in_a_step_loses_and_doubles_nothing(suite, harm, cancelled):
    steps = ("save_chunks", "hierarchical_reduce", "save_memory")
    scenarios.in_each_step(suite, "stopped", harm, steps=steps, cancelled=cancelled)
    assert suite.failures == []
