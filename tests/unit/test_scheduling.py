"""Which process of xdist runs which test."""

from types import SimpleNamespace
from typing import Any

import pytest

from tests.scheduling import STACKS, StackScheduling

OF_STACK = [f"tests/integration/test_a.py::test_{number}@stack" for number in range(12)]
GROUPED = [f"tests/integration/test_b.py::test_{number}@stack, sample run" for number in range(5)]
OTHERS = [f"tests/unit/test_{number}.py::test_{each}" for number in range(10) for each in "ab"]
COLLECTED = [*OF_STACK, *GROUPED, *OTHERS]


class Process:
    """One of xdist's, which runs a test whenever it is told to."""

    def __init__(self) -> None:
        self.waiting: list[int] = []
        self.ran: list[str] = []
        self.shutting_down = False
        self.gateway = SimpleNamespace(id="gw")

    def send_runtest_some(self, indices: list[int]) -> None:
        self.waiting += indices

    def shutdown(self) -> None:
        self.shutting_down = True


def all_run(processes: list[Process]) -> None:
    config: Any = SimpleNamespace(
        getvalue=lambda name: [f"{len(processes)}*popen"], option=SimpleNamespace(loadscopereorder=True)
    )
    scheduling = StackScheduling(config)
    for process in processes:
        scheduling.add_node(process)
        scheduling.add_node_collection(process, COLLECTED)
    scheduling.schedule()
    while any(process.waiting for process in processes):
        for process in processes:
            if process.waiting:
                index = process.waiting.pop(0)
                process.ran.append(COLLECTED[index])
                scheduling.mark_test_complete(process, index)


@pytest.mark.parametrize("number", [1, 2, 3, 4])
def test_every_test_is_run_once_and_no_more_processes_than_two_start_a_stack(number):
    processes = [Process() for _ in range(number)]
    all_run(processes)
    assert sorted(name for process in processes for name in process.ran) == sorted(COLLECTED)
    with_stack = [process for process in processes if set(process.ran) & {*OF_STACK, *GROUPED}]
    assert len(with_stack) == min(number, STACKS)
    assert sum(not set(GROUPED).isdisjoint(process.ran) for process in processes) == 1
    assert all(process.shutting_down for process in processes)
