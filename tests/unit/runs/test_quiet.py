"""Which lines of Prefect's stand in a run's log, and which not."""

import logging

import pytest

from flows.runs import quiet

TASK, FLOW = "prefect.task_runs", "prefect.flow_runs"


@pytest.fixture(autouse=True)
def hushed():
    before = {name: list(logging.getLogger(name).filters) for name in (TASK, FLOW)}
    quiet.hush()
    yield
    for name, filters in before.items():
        logging.getLogger(name).filters = filters


@pytest.mark.parametrize(
    ("logger", "line", "stands", "stands_at_debug"),
    [
        (TASK, "Finished in state Completed()", False, True),
        (TASK, "Task run failed with exception: KeyError('words')", False, False),
        (
            TASK,
            "Finished in state Failed(\"Task run encountered an exception KeyError: 'words'\")",
            False,
            False,
        ),
        (TASK, "Crash detected! Execution was cancelled by the runtime environment.", False, False),
        (TASK, "[FullPass] user_id=… step=extract_facts status=failed", True, True),
        (FLOW, "Running hook 'failed' in response to entering state 'Failed'", False, True),
        (FLOW, "Hook 'failed' finished running successfully", False, True),
        (FLOW, "An error was encountered while running hook 'failed'", True, True),
        (FLOW, "Finished in state Failed('failed at extract_facts: StoreError: away')", True, True),
    ],
)
def test_a_line_stands_in_the_log_when_it_is_news(logger, line, stands, stands_at_debug):
    for level, expected in ((logging.INFO, stands), (logging.DEBUG, stands_at_debug)):
        told = logging.getLogger(logger)
        told.setLevel(level)
        record = told.makeRecord(logger, logging.ERROR, "", 0, line, (), None)
        assert bool(told.filter(record)) is expected
    told.setLevel(logging.NOTSET)
