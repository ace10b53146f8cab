"""What Prefect says of its own working, kept out of a run's log: the lines that tell what has happened stand out."""

import logging

#: Of each of thousands of task runs that it has completed, and that hooks run: DEBUG has it.
_TRIVIAL = ("Finished in state Completed", "Running hook ", "Hook ")
#: What a task raised, with a traceback, its state once more, and the same of those that were cancelled for it. Steps
#: have said it, without what a library may have put into its message.
_REPEATED = (
    *("Task run failed with exception", "Finished in state Failed"),
    *("Crash detected!", "Finished in state Crashed"),
)

_TASK_RUNS = logging.getLogger("prefect.task_runs")
_FLOW_RUNS = logging.getLogger("prefect.flow_runs")


def hush() -> None:
    """In this process, runs say what is news only; who sets the level DEBUG has the rest."""
    for logger, filter_ in ((_TASK_RUNS, _of_a_task_run), (_FLOW_RUNS, _of_a_flow_run)):
        if filter_ not in logger.filters:
            logger.addFilter(filter_)


def _of_a_task_run(record: logging.LogRecord) -> bool:
    return _is_news(_TASK_RUNS, record) and not record.getMessage().startswith(_REPEATED)


def _of_a_flow_run(record: logging.LogRecord) -> bool:
    return record.getMessage().startswith("Finished in state") or _is_news(_FLOW_RUNS, record)


def _is_news(logger: logging.Logger, record: logging.LogRecord) -> bool:
    return logger.isEnabledFor(logging.DEBUG) or not record.getMessage().startswith(_TRIVIAL)
