"""Of the fault suite (`make faults`) what is quick: kills in the middle of steps. More of it is in test_recovery."""

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


def test_runs_that_are_killed_in_a_step_come_back_and_lose_and_double_nothing(suite):
    steps = ("save_chunks", "hierarchical_reduce", "save_memory")
    scenarios.in_each_step(suite, "SIGKILL", scenarios.sigkill, steps=steps)
    assert suite.failures == []
