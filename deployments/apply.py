"""Applies the deployment to the Prefect server at PREFECT_API_URL: `python -m deployments.apply [--check]`.

Makes the work pool, the automations that end silent and lost runs, and the one that sets rows right after bad ends;
sets the limit of the tag `extraction` to FACT_EXTRACTION_CONCURRENCY and those of the queue `passes` and of the
deployment `full-pass` to FULL_PASS_CONCURRENCY; and deploys what prefect.yaml names. Prints a line for each thing that
it has changed. May be run any number of times; run it again whenever a setting that it reads has changed. What an
operator has paused stays paused. Warns when the Prefect API is open to everybody.

With --check it changes nothing, and prints what differs. The status is 0 when nothing does, 1 when something does, and
2 when the server cannot be asked.
"""

import argparse
import asyncio
import contextlib
import io
import os
import runpy
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import httpx
import yaml
from prefect import get_client
from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.actions import WorkPoolCreate
from prefect.client.schemas.filters import WorkPoolFilter, WorkPoolFilterName
from prefect.exceptions import ObjectAlreadyExists, PrefectHTTPStatusError
from prefect.settings import PREFECT_API_URL

from deployments import ROOT, WORK_POOL, drift, wanted
from deployments.receiver import readiness
from flows.errors import SettingsError
from flows.runs.tag_slots import SLOT_TAG
from flows.settings import fact_extraction_concurrency

_SCHEDULES = {"retry"}  # see prefect.yaml

_OPEN = """\
WARNING: the Prefect API answers without a key. Whoever reaches it can run any command as the worker's user, with every
key that the worker has. Set PREFECT_SERVER_API_AUTH_STRING for the server and PREFECT_API_AUTH_STRING for worker,
receiver and this command (deployments/README.md)."""


class NotApplied(Exception):
    """The server is not as it should be after all has been done; the message says why."""


async def differences() -> list[str]:
    """A line for each thing that the server has otherwise than it should."""
    async with get_client() as prefect:
        return await drift.differences(prefect)


async def prepare_server() -> None:
    """Makes the work pool, its queues and the automations, and sets the limits."""
    async with get_client() as prefect:
        with contextlib.suppress(ObjectAlreadyExists):
            await prefect.create_work_pool(WorkPoolCreate(name=WORK_POOL, type=wanted.POOL_TYPE))
        await prefect.create_concurrency_limit(tag=SLOT_TAG, concurrency_limit=fact_extraction_concurrency())
        await _limit_queue(prefect, wanted.UPKEEP_QUEUE, wanted.TICKS_AT_ONCE)
        # Without a limit, a queue of deliveries that is let go starts hundreds of processes in a second.
        await _limit_queue(prefect, wanted.PASSES_QUEUE, await drift.passes_at_once(prefect))
        await _automate(prefect)


async def _limit_queue(prefect: PrefectClient, name: str, limit: int) -> None:
    try:
        await prefect.create_work_queue(name, work_pool_name=WORK_POOL, concurrency_limit=limit)
    except ObjectAlreadyExists:
        queue = await prefect.read_work_queue_by_name(name, work_pool_name=WORK_POOL)
        if queue.concurrency_limit != limit:
            await prefect.update_work_queue(queue.id, concurrency_limit=limit)


async def _automate(prefect: PrefectClient) -> None:
    """Makes automations, or sets them anew; one that an operator has paused stays so."""
    async for known, automation in drift.automations(prefect):
        if not known:
            await prefect.create_automation(automation)
        # An update makes the trigger forget whom it waits for: a run whose machine has died just now was never ended.
        elif drift.of_automation(known[0], automation):
            automation.enabled = known[0].enabled
            await prefect.update_automation(known[0].id, automation)
        for another in known[1:]:
            await prefect.delete_automation(another.id)


async def is_open() -> bool:
    """Whether the Prefect API answers whoever asks."""
    url = PREFECT_API_URL.value() or ""
    async with httpx.AsyncClient(timeout=10) as stranger:
        answer = await stranger.post(f"{url}/work_pools/filter", json={"limit": 1})
    return answer.is_success


async def prefect_file() -> dict[str, Any]:
    """What is deployed: prefect.yaml with what the settings say, and what is paused on the server."""
    async with get_client() as prefect:
        of_the_pool = WorkPoolFilter(name=WorkPoolFilterName(any_=[WORK_POOL]))
        known = await prefect.read_deployments(work_pool_filter=of_the_pool)
        return wanted.prefect_file(await drift.passes_at_once(prefect), known)


async def finish_server() -> None:
    """What needs the deployments: the automation of the ticks, and the end of an earlier version's schedule."""
    async with get_client() as prefect:
        ticks = await prefect.read_deployment_by_name(wanted.TICKS)
        for schedule in ticks.schedules:
            if schedule.slug not in _SCHEDULES:
                await prefect.delete_deployment_schedule(ticks.id, schedule.id)
        await _automate(prefect)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m deployments.apply", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument(
        "--check", action="store_true", help="change nothing; print what differs, and exit with 1 if any"
    )
    check = parser.parse_args(arguments).check
    try:
        if asyncio.run(is_open()):
            print(_OPEN, file=sys.stderr)
        found = asyncio.run(differences())
        if found and not check:
            _apply()
    except (SettingsError, NotApplied) as error:
        problem = str(error)
    except PrefectHTTPStatusError as error:
        problem = readiness.refused(error)
    except httpx.HTTPError as error:
        problem = f"the Prefect API does not answer ({type(error).__name__}); set PREFECT_API_URL"
    else:
        print("\n".join(line if check else f"changed {line}" for line in found) or "nothing differs", flush=True)
        return int(check and bool(found))
    print(problem, file=sys.stderr)
    return 2 if check else 1


def _apply() -> None:
    asyncio.run(prepare_server())
    _deploy(asyncio.run(prefect_file()))
    asyncio.run(finish_server())
    if left := asyncio.run(differences()):
        raise NotApplied("after all was applied, the server still differs:\n" + "\n".join(left))


def _deploy(file: dict[str, Any]) -> None:
    """Prefect's own command, in this process: its imports, which take the longest, are there already."""
    told = io.StringIO()
    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(told):
        path = Path(folder) / "prefect.yaml"
        path.write_text(yaml.safe_dump(file), encoding="utf-8")
        status = _prefect("--no-prompt", "deploy", "--all", "--prefect-file", str(path))
    if status:
        raise NotApplied(f"prefect deploy ended with {status}:\n{told.getvalue()}")


def _prefect(*arguments: str) -> int:
    os.chdir(ROOT)
    sys.argv = ["prefect", *arguments]
    try:
        runpy.run_module("prefect", run_name="__main__")
    except SystemExit as exit_:
        return exit_.code if isinstance(exit_.code, int) else int(exit_.code is not None)
    return 0


if __name__ == "__main__":
    sys.exit(main())
