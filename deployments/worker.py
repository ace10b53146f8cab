"""A worker: `python -m deployments.worker [--name …]`, with the arguments of `prefect worker start`.

It is Prefect's own, on the pool `full-pass`; of a process pool, with what `process_worker` adds. Beside it, what killed
runs have left on this machine's disk is removed, at its start and every five minutes: the tick of `retry-failed` may be
on another machine each time.
"""

import logging
import runpy
import sys
import threading
from pathlib import Path

from deployments import WORK_POOL, fork_server, process_worker
from flows import spool
from flows.errors import SettingsError, SpoolError
from flows.settings import PassSettings

logger = logging.getLogger("soulprint.worker")

_SWEEP_SECONDS = 300.0


def main() -> None:
    try:
        spool_dir = PassSettings().spool_dir
    except SettingsError as error:
        sys.exit(str(error))
    sweep(spool_dir)
    fork_server.start()
    threading.Thread(target=_sweep_again, args=(spool_dir,), daemon=True).start()
    assert process_worker.PassWorker.type == "process"  # Prefect finds it by that
    sys.argv = ["prefect", "worker", "start", "--pool", WORK_POOL, *sys.argv[1:]]
    runpy.run_module("prefect", run_name="__main__")


def sweep(spool_dir: Path) -> None:
    """Removes what killed runs have left; what stays is said in the log, and keeps no worker from its work."""
    try:
        if removed := spool.remove_abandoned(spool_dir):
            logger.warning("removed the folders of %d killed runs from SPOOL_DIR", removed)
    except SpoolError as error:
        logger.error("%s", error)
    except OSError as error:
        logger.error("SPOOL_DIR cannot be looked through: %s", error.strerror)


def _sweep_again(spool_dir: Path) -> None:
    while not threading.Event().wait(_SWEEP_SECONDS):
        sweep(spool_dir)


if __name__ == "__main__":
    main()
