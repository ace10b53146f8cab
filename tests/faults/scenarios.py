"""What may go wrong, done to passes in the middle of their work; and what it has cost, a line for each pass."""

import contextlib
import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator

from deployments.local.stack import ROOT, Stack
from flows.records import Step
from flows.settings import DEFAULT_FACT_EXTRACTION_CONCURRENCY
from tests.faults import ordinary
from tests.faults.passes import ASKS, Pass
from tests.faults.step_locks import Holds
from tests.faults.suite import Suite

_MOVED_CLOCK = ROOT / "tests" / "faults" / "moved_clock"


# In each step


def in_each_step(
    suite: Suite,
    name: str,
    harm: Callable[[Suite, Pass], None],
    *,
    steps: Iterable[str] = tuple(Step),
    cancelled: bool = False,
) -> None:
    """Passes that stand in a step each meet the fault; those that ask a model, in the middle of the call."""
    passes = {step: suite.passes.make() for step in steps}
    asking = [step for step in passes if step in ASKS]
    standing = [each for step, each in passes.items() if step not in ASKS]
    with Holds(suite.stack.database_url) as holds:
        for step, each in passes.items():
            if each in standing:
                holds.place(each.user_id, step)
        suite.passes.behave(*(suite.passes.in_call(passes[step], step) for step in asking))
        suite.passes.start(passes.values())
        holds.reached(*(each.user_id for each in standing))
        suite.passes.reach_call([passes[step] for step in asking])
        # One that was told to go begins again at once, in another process.
        working = {step: suite.service.processes(each.run_id) for step, each in passes.items()}
        harmed = {}
        for step, each in passes.items():
            harmed[step] = time.monotonic()
            harm(suite, each)
        # Not longer: to say that they have ended, they need the row that is being held.
        for step, each in passes.items():
            suite.passes.until(lambda step=step, each=each: suite.has_stopped(each, working[step]))  # type: ignore[misc]
    for each in passes.values():
        suite.service.gone(each.run_id)
    suite.passes.behave()
    true_after, said = {}, {}
    left = dict(passes)
    while left:
        for step, each in tuple(left.items()):
            if suite.passes.row_is_true(each):
                true_after[step] = time.monotonic() - harmed[step]
                row = suite.service.row(each.user_id)
                said[step] = f"{row['full_pass_status']} {row['full_pass_error'] or ''}"
                del left[step]
        if left and time.monotonic() - max(harmed.values()) > 20:
            suite.passes.tick()
    if cancelled:
        suite.service.retry_failed()
        for step, each in passes.items():
            row = suite.service.row(each.user_id)
            assert "cancelled by operator" in row["full_pass_error"], (step, row["full_pass_error"])
            assert row["full_pass_run_id"] == each.run_id, step  # not tried again by itself
            assert suite.service.retry(each.user_id).status_code == 202
    healed = suite.passes.heal(passes.values(), tick=not cancelled)
    for step, each in passes.items():
        suite.line(
            name,
            step,
            each,
            said=said[step],
            true_after=true_after[step],
            in_flight=int(step in asking),
            healed=healed[each.marker],
        )


def sigterm(suite: Suite, each: Pass) -> None:
    suite.service.kill_run(each.run_id, signal.SIGTERM)


def sigkill(suite: Suite, each: Pass) -> None:
    suite.service.kill_run(each.run_id)


def cancel(suite: Suite, each: Pass) -> None:
    suite.service.cancel(each.run_id)


def database_away(suite: Suite, seconds: float) -> None:
    """Nine passes, each at the beginning of another step, when the users' database goes away."""
    passes = {step: suite.passes.make() for step in Step}
    with Holds(suite.stack.database_url) as holds:
        for step, each in passes.items():
            holds.place(each.user_id, step)
        suite.passes.start(passes.values())
        holds.reached(*(each.user_id for each in passes.values()))
        with _database_closed(suite.stack):
            time.sleep(seconds)
        holds.lose()
        healed = suite.passes.heal(passes.values())
    for step, each in passes.items():
        runs = suite.passes.verdict(each).runs
        said = "went on" if runs == 1 else f"{runs} runs"
        suite.line(
            f"database away for {seconds:.0f} s",
            step,
            each,
            said=said,
            true_after=None,
            in_flight=0,
            healed=healed[each.marker],
        )


@contextlib.contextmanager
def _database_closed(stack: Stack) -> Iterator[None]:
    stack.postgres.close_database(stack.database_name)
    try:
        yield
    finally:
        stack.postgres.open_database(stack.database_name)


# During extraction


def during_extraction(suite: Suite, name: str, harm: Callable[[Suite, Pass], None], mend: Callable[[], None]) -> None:
    """A pass meets the fault in the middle of its questions."""
    each = suite.passes.extracting()
    harm(suite, each)
    began = time.monotonic()
    mend()
    suite.passes.behave()
    while not suite.passes.row_is_true(each):
        suite.service.retry_failed()
    true_after = time.monotonic() - began
    row = suite.service.row(each.user_id)
    said = f"{row['full_pass_status']} {row['full_pass_error'] or ''}"
    healed = suite.passes.heal([each])
    suite.line(
        name,
        "extract_facts",
        each,
        said=said,
        true_after=true_after,
        # Until an answer is stored its call is in flight, and while there is work, as many are as the limit says.
        in_flight=DEFAULT_FACT_EXTRACTION_CONCURRENCY,
        healed=healed[each.marker],
    )


def _kill_worker(suite: Suite, each: Pass) -> None:
    suite.stack.services["worker"].kill()


def _tell_worker(suite: Suite, each: Pass) -> None:
    """As a platform stops it at a deploy."""
    suite.stack.services["worker"].send(signal.SIGTERM)
    suite.stack.services["worker"].finish()


def _tell_worker_of_a_run_that_hangs(suite: Suite, each: Pass) -> None:
    """The run does not hear that it is to go, and is killed in the end."""
    suite.service.kill_run(each.run_id, signal.SIGSTOP)
    _tell_worker(suite, each)


def _kill_worker_and_run(suite: Suite, each: Pass) -> None:
    suite.stack.services["worker"].kill()
    suite.service.kill_run(each.run_id)


def _kill_postgres(suite: Suite, each: Pass) -> None:
    suite.stack.postgres.kill()


def _kill_service(name: str) -> Callable[[Suite, Pass], None]:
    def kill(suite: Suite, each: Pass) -> None:
        suite.stack.services[name].kill()

    return kill


# One by one


def disk_full(suite: Suite, step: str, room: str) -> None:
    """The spool is on a disk that is too small; the next attempt finds room."""
    if os.geteuid() != 0:
        print(f"{'disk full':<28}{step:<24}left out: only root can mount a small disk", flush=True)
        return
    each = suite.passes.make()
    with tempfile.TemporaryDirectory(prefix="soulprint-small-") as folder:
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={room}", "tmpfs", folder], check=True)
        try:
            suite.passes.start([each], SPOOL_DIR=folder)
            began = time.monotonic()
            row = suite.service.settled(each.user_id, each.run_id)
        finally:
            suite.service.gone(each.run_id)
            subprocess.run(["umount", folder], check=True)
    assert row["full_pass_error"].startswith(f"step={step}: OSError: No space left on device; make room"), row
    said, true_after = f"failed {row['full_pass_error']}", time.monotonic() - began
    healed = suite.passes.heal([each])
    suite.line("disk full", step, each, said=said, true_after=true_after, in_flight=0, healed=healed[each.marker])


def model_away(suite: Suite, seconds: float) -> None:
    """The Messages API is away for minutes, in the middle of extraction."""

    def away() -> None:
        time.sleep(seconds)
        suite.stack.start_messages()

    def kill(suite: Suite, each: Pass) -> None:
        suite.passes.keep_counts()
        suite.stack.services["messages"].kill()

    during_extraction(suite, f"model API away for {seconds:.0f} s", kill, away)


def worker_ahead(suite: Suite, hours: int) -> None:
    """The worker's machine is hours ahead, and so is what runs on it; a run there is killed and comes back."""
    suite.stack.services["worker"].stop()
    suite.stack.start_worker(**_moved_clock(hours))
    try:
        during_extraction(suite, f"worker's clock {hours:+} h, SIGKILL", sigkill, lambda: None)
    finally:
        suite.stack.services["worker"].stop()
        suite.stack.start_worker()


def run_off(suite: Suite, hours: int) -> None:
    """The clock of the run is hours off; it lives long enough for heartbeats to be missed, if they could be."""
    each = suite.passes.make(conversations=40)
    suite.passes.behave(latency=4)
    suite.passes.start([each], **_moved_clock(hours))
    healed = suite.passes.heal([each], tick=False)
    suite.passes.behave()
    name = f"run's clock {hours:+} h"
    suite.line(name, "-", each, said="went on", true_after=None, in_flight=0, healed=healed[each.marker])


def _moved_clock(hours: int) -> dict[str, str]:
    return {"PYTHONPATH": f"{_MOVED_CLOCK}:{os.environ.get('PYTHONPATH', '')}", "MOVED_CLOCK_HOURS": str(hours)}


def all_of_them(suite: Suite) -> dict[str, Callable[[], None]]:
    """The scenarios by name."""
    stack = suite.stack

    def prefect_again() -> None:
        stack.start_prefect().wait_until_answering(f"{stack.prefect_api}/health")

    def during(name: str, harm: Callable[[Suite, Pass], None], mend: Callable[[], None]) -> Callable[[], None]:
        return lambda: during_extraction(suite, name, harm, mend)

    return {
        "sigterm": lambda: in_each_step(suite, "SIGTERM", sigterm),
        "sigkill": lambda: in_each_step(suite, "SIGKILL", sigkill),
        "cancel": lambda: in_each_step(suite, "cancelled", cancel, cancelled=True),
        "database": lambda: database_away(suite, 60),
        "restart": during("SIGTERM worker", _tell_worker, stack.start_worker),
        "restart, run hangs": during("SIGTERM worker, run hangs", _tell_worker_of_a_run_that_hangs, stack.start_worker),
        "worker": during("SIGKILL worker", _kill_worker, stack.start_worker),
        "machine": during("SIGKILL worker and run", _kill_worker_and_run, stack.start_worker),
        "prefect": during("SIGKILL Prefect server", _kill_service("prefect"), prefect_again),
        "postgres": during("SIGKILL Postgres", _kill_postgres, stack.postgres.start),
        "gateway": during("SIGKILL gateway", _kill_service("gateway"), stack.start_gateway),
        "disk full at download": lambda: disk_full(suite, "download_conversations", "64k"),
        "disk full at chunks": lambda: disk_full(suite, "chunk_conversations", "192k"),
        "model": lambda: model_away(suite, 300),
        "same webhooks": lambda: ordinary.two_webhooks(suite, same=True),
        "other webhooks": lambda: ordinary.two_webhooks(suite, same=False),
        "second upload": lambda: ordinary.second_upload(suite),
        "burst": lambda: ordinary.burst(suite, deliveries=300, users=10),
        "full machine": lambda: ordinary.full_machine(suite, loops=8),
        "suspend": lambda: ordinary.suspended(suite),
        "worker's clock ahead": lambda: worker_ahead(suite, 3),
        "run's clock ahead": lambda: run_off(suite, 3),
        "run's clock behind": lambda: run_off(suite, -3),
        "update": during(
            "deployment updated", lambda suite, each: stack.apply(FACT_EXTRACTION_CONCURRENCY="7"), stack.apply
        ),
        "applied elsewhere": lambda: ordinary.applied_elsewhere(suite),
    }
