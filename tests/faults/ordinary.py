"""What is no fault and happens every day: senders in a hurry, operators at work, a machine that is full."""

import contextlib
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from deployments.local.stack import ROOT
from tests.faults.passes import Pass
from tests.faults.suite import Suite

# Senders


def two_webhooks(suite: Suite, same: bool) -> None:
    """Two deliveries at the same moment for one user: the same one twice, or of two uploads."""
    each = suite.passes.make()
    other = each.path if same else suite.passes.upload_again(each)
    suite.passes.behave(latency=0.2)
    with ThreadPoolExecutor(2) as pool:
        runs = list(pool.map(lambda path: suite.service.trigger(each.user_id, path), (each.path, other)))
    assert len({run_id for run_id in runs if run_id}) == 1  # of two uploads the other waits
    first = suite.service.ended(next(run_id for run_id in runs if run_id))
    suite.passes.behave()
    healed = suite.passes.heal([each])
    assert first["state_type"] == "COMPLETED"
    name = "two webhooks, " + ("same body" if same else "two uploads")
    said = "completed" if same else "completed, the other followed"
    suite.line(name, "-", each, said=said, true_after=None, in_flight=0, healed=healed[each.marker])


def second_upload(suite: Suite) -> None:
    """A larger export is delivered while the pass over an earlier one is at work: it is read when that has ended."""
    each = suite.passes.make()
    earlier = suite.passes.upload_earlier(each)
    suite.passes.behave(latency=1)
    each.run_id = suite.service.trigger(each.user_id, earlier)
    suite.passes.until(lambda: suite.passes.asked(each) >= 3)
    assert suite.service.trigger(each.user_id, each.path) == ""  # queued
    suite.passes.behave()
    seconds = suite.passes.until(lambda: len(suite.service.chunks(each.user_id)) == each.conversations)
    healed = suite.passes.heal([each], tick=False)
    assert suite.service.row(each.user_id)["full_pass_run_id"] != each.run_id
    # Nothing is extracted twice; MEMORY and sections are written for each of the two exports.
    documents = suite.passes.calls_beside_extraction(each)
    said = "completed, the other followed"
    suite.line(
        "second upload",
        "extract_facts",
        each,
        said=said,
        true_after=None,
        in_flight=documents,
        healed=seconds + healed[each.marker],
    )


def burst(suite: Suite, deliveries: int, users: int) -> None:
    """Many deliveries at once, each user's again and again, as senders do that have no answer in time."""
    passes = [suite.passes.make() for _ in range(users)]

    def deliver(number: int) -> None:
        suite.service.deliver(passes[number % users].user_id, passes[number % users].path)

    def made() -> list[int]:
        return [len(suite.service.made_runs(each.user_id)) for each in passes]

    # None of them ends before the last delivery: what is delivered after an end is another order.
    with suite.service.pool_paused(), ThreadPoolExecutor(20) as pool:
        list(pool.map(deliver, range(deliveries)))
        suite.passes.until(lambda: all(made()))  # in a burst they follow the answers
        assert made() == [1] * users
    healed = suite.passes.heal(passes, tick=False)
    for each in passes:
        assert suite.service.row(each.user_id)["full_pass_attempts"] == 1
        name = f"{deliveries} deliveries, {users} users"
        suite.line(name, "-", each, said="one run", true_after=None, in_flight=0, healed=healed[each.marker])


# Operators


def suspended(suite: Suite) -> None:
    """By the button in the UI, and resumed: a tick between does not take the run for lost."""
    each = suite.passes.extracting()
    suite.service.suspend(each.run_id)
    suite.service.gone(each.run_id)
    asked = suite.passes.asked(each)
    suite.passes.tick()
    row = suite.service.row(each.user_id)
    assert (row["full_pass_status"], row["full_pass_run_id"]) == ("processing", each.run_id), row["full_pass_error"]
    assert suite.passes.asked(each) == asked
    suite.passes.behave()
    suite.service.resume(each.run_id)
    healed = suite.passes.heal([each], tick=False)
    assert suite.service.row(each.user_id)["full_pass_run_id"] == each.run_id
    said = "processing, nothing asked; went on"
    suite.line(
        "suspended, resumed",
        "extract_facts",
        each,
        said=said,
        true_after=None,
        in_flight=0,
        healed=healed[each.marker],
    )


def applied_elsewhere(suite: Suite) -> None:
    """The deployment is applied from another folder, which is gone afterwards: a pass goes on, and the next begins."""
    first = suite.passes.extracting()
    with tempfile.TemporaryDirectory(prefix="soulprint-elsewhere-") as name:
        _apply_from(Path(name), suite.stack.environment)
    suite.passes.behave()
    second = suite.passes.make()
    suite.passes.start([second])
    healed = suite.passes.heal([first, second])
    for each, step in ((first, "extract_facts"), (second, "-")):
        _went_on(suite, "applied from elsewhere", step, each, healed[each.marker])


def _apply_from(folder: Path, environment: dict[str, str]) -> None:
    shutil.copytree(ROOT / "flows", folder / "flows")
    shutil.copytree(ROOT / "deployments", folder / "deployments", ignore=shutil.ignore_patterns("local"))
    shutil.copy(ROOT / "prefect.yaml", folder)
    command = [sys.executable, "-m", "deployments.apply"]
    subprocess.run(command, cwd=folder, env=environment, check=True, capture_output=True)


# The machine


def full_machine(suite: Suite, loops: int) -> None:
    """Others take all of the processor for as long as the pass takes; its heartbeats are late, and it is not lost."""
    with _busy(loops):
        each = suite.passes.extracting()
        healed = suite.passes.heal([each])
    suite.passes.behave()
    _went_on(suite, f"{loops} busy loops", "extract_facts", each, healed[each.marker])


@contextlib.contextmanager
def _busy(loops: int) -> Iterator[None]:
    running = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(loops)]
    try:
        yield
    finally:
        for loop in running:
            loop.kill()
            loop.wait()


def _went_on(suite: Suite, fault: str, step: str, each: Pass, healed: float) -> None:
    """By the same run, without another attempt."""
    row = suite.service.row(each.user_id)
    assert (row["full_pass_run_id"], row["full_pass_attempts"]) == (each.run_id, 1), row["full_pass_attempts"]
    suite.line(fault, step, each, said="went on", true_after=None, in_flight=0, healed=healed)
