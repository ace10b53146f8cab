"""What Prefect says of each of thousands of task runs, kept out of the log unless DEBUG is asked for."""

import logging

_TASK_RUNS = logging.getLogger("prefect.task_runs")
_ENDED_WELL = "Finished in state Completed"


def hush() -> None:
    """Lines that say no more than that a task run has completed go to DEBUG: steps and extraction say it themselves."""
    if _is_news not in _TASK_RUNS.filters:
        _TASK_RUNS.addFilter(_is_news)


def _is_news(record: logging.LogRecord) -> bool:
    return _TASK_RUNS.isEnabledFor(logging.DEBUG) or not record.getMessage().startswith(_ENDED_WELL)
