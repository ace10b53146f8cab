"""Of the fault suite (`make faults`) what is quick: kills in the middle of steps. More of it is in test_recovery."""

from collections.abc import Iterator

import pytest

from deployments.local.stack import Stack
from tests.faults import scenarios
from tests.faults.passes import QUICK, Passes
from tests.faults.scenarios import Suite
from tests.integration.service import FullPassService


@pytest.fixture
def suite(service: FullPassService, stack: Stack) -> Iterator[Suite]:
    """On a worker whose runs heal within seconds, and with ticks in this process."""
    stack.services["worker"].stop()
    stack.start_worker(**QUICK)
    yield Suite(service, Passes(service, tick=lambda: service.tick(20, **QUICK)))
    stack.services["worker"].stop()
    stack.start_worker()


def test_runs_that_are_killed_in_a_step_come_back_and_lose_and_double_nothing(suite):
    steps = ("save_chunks", "hierarchical_reduce")
    scenarios.in_each_step(suite, "SIGKILL", scenarios.sigkill, steps=steps)
    assert suite.failures == []
