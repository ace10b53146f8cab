"""Applies the deployment to the Prefect server at PREFECT_API_URL: `python -m deployments.apply`.

Makes the work pool, the automations that end silent and lost runs, and the one that sets rows right after bad ends;
sets the limit of the tag `extraction` to FACT_EXTRACTION_CONCURRENCY and that of the queue `passes` to
FULL_PASS_CONCURRENCY; and deploys what prefect.yaml names. May be run any number of times; run it again whenever one of
these, FULL_PASS_SILENT_SECONDS or FULL_PASS_START_MINUTES changes. What an operator has paused stays paused. Warns when
the Prefect API is open to everybody.
"""

import asyncio
import contextlib
import os
import runpy
import sys
from collections.abc import Iterable
from datetime import timedelta
from uuid import UUID

import httpx
import yaml
from prefect import get_client
from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.actions import WorkPoolCreate
from prefect.client.schemas.filters import WorkPoolFilter, WorkPoolFilterName
from prefect.events.schemas.automations import AutomationCore, EventTrigger
from prefect.exceptions import ObjectAlreadyExists, PrefectHTTPStatusError
from prefect.settings import PREFECT_API_URL

from deployments import ROOT, WORK_POOL
from deployments.receiver import readiness
from flows.errors import SettingsError
from flows.runs.tag_slots import SLOT_TAG
from flows.settings import ApplySettings, fact_extraction_concurrency

TICKS, _SCHEDULES = "retry-failed/retry-failed", {"retry"}  # see prefect.yaml
UPKEEP_QUEUE, PASSES_QUEUE = "upkeep", "passes"  # see prefect.yaml

_PASSES = 4  # at a time; each has a process of 130 to 180 MB
_OPEN = """\
WARNING: the Prefect API answers without a key. Whoever reaches it can run any command as the worker's user, with every
key that the worker has. Set PREFECT_SERVER_API_AUTH_STRING for the server and PREFECT_API_AUTH_STRING for worker,
receiver and this command (deployments/README.md)."""


async def prepare_server() -> int:
    """Makes the work pool, its queue and the automations, and sets the tag's limit, which it returns."""
    limit, settings = fact_extraction_concurrency(), ApplySettings()
    async with get_client() as prefect:
        with contextlib.suppress(ObjectAlreadyExists):
            await prefect.create_work_pool(WorkPoolCreate(name=WORK_POOL, type="process"))
        await prefect.create_concurrency_limit(tag=SLOT_TAG, concurrency_limit=limit)
        await _limit_upkeep(prefect)
        await _limit_passes(prefect, settings.full_pass_concurrency)
        await _automate(prefect, "crash_silent_runs.yaml", timedelta(seconds=settings.full_pass_silent_seconds))
        await _automate(prefect, "crash_lost_runs.yaml", timedelta(minutes=settings.full_pass_start_minutes))
    return limit


async def _limit_upkeep(prefect: PrefectClient) -> None:
    """One tick at a time: those that were due while no worker was there would all start together."""
    try:
        await prefect.create_work_queue(UPKEEP_QUEUE, work_pool_name=WORK_POOL, concurrency_limit=1)
    except ObjectAlreadyExists:
        queue = await prefect.read_work_queue_by_name(UPKEEP_QUEUE, work_pool_name=WORK_POOL)
        await prefect.update_work_queue(queue.id, concurrency_limit=1)


async def _limit_passes(prefect: PrefectClient, limit: int | None) -> None:
    """Without a limit, a queue of deliveries that is let go starts hundreds of processes in a second."""
    try:
        await prefect.create_work_queue(PASSES_QUEUE, work_pool_name=WORK_POOL, concurrency_limit=limit or _PASSES)
    except ObjectAlreadyExists:
        queue = await prefect.read_work_queue_by_name(PASSES_QUEUE, work_pool_name=WORK_POOL)
        # What an operator has set with Prefect's own command stays, unless the setting says something else.
        wanted = limit or (_PASSES if queue.concurrency_limit is None else queue.concurrency_limit)
        if wanted != queue.concurrency_limit:
            await prefect.update_work_queue(queue.id, concurrency_limit=wanted)


async def is_open() -> bool:
    """Whether the Prefect API answers whoever asks."""
    url = PREFECT_API_URL.value() or ""
    async with httpx.AsyncClient(timeout=10) as stranger:
        answer = await stranger.post(f"{url}/work_pools/filter", json={"limit": 1})
    return answer.is_success


async def paused() -> list[UUID]:
    """The deployments that an operator has paused: `prefect deploy` lets them go on."""
    async with get_client() as prefect:
        known = await prefect.read_deployments(
            work_pool_filter=WorkPoolFilter(name=WorkPoolFilterName(any_=[WORK_POOL]))
        )
    return [deployment.id for deployment in known if deployment.paused]


async def finish_server(were_paused: Iterable[UUID]) -> None:
    """What needs the deployments: the automation of the ticks, what was paused, an earlier version's schedule."""
    async with get_client() as prefect:
        for deployment_id in were_paused:
            await prefect.pause_deployment(deployment_id)
        ticks = await prefect.read_deployment_by_name(TICKS)
        for schedule in ticks.schedules:
            if schedule.slug not in _SCHEDULES:
                await prefect.delete_deployment_schedule(ticks.id, schedule.id)
        await _automate(prefect, "reconcile_bad_ends.yaml", deployment_id=ticks.id)


async def _automate(
    prefect: PrefectClient, file: str, within: timedelta | None = None, deployment_id: UUID | None = None
) -> None:
    """Makes an automation, or sets it anew; one that an operator has paused stays so."""
    text = (ROOT / "deployments" / "automations" / file).read_text(encoding="utf-8")
    automation = AutomationCore.model_validate(yaml.safe_load(text.replace(str(UUID(int=0)), str(deployment_id))))
    assert isinstance(automation.trigger, EventTrigger)
    automation.trigger.within = within or automation.trigger.within
    known = await prefect.read_automations_by_name(automation.name)
    if known:
        automation.enabled = known[0].enabled
        await prefect.update_automation(known[0].id, automation)
    else:
        await prefect.create_automation(automation)


def main() -> int:
    try:
        limit = asyncio.run(prepare_server())
        were_paused = asyncio.run(paused())
        if asyncio.run(is_open()):
            print(_OPEN, file=sys.stderr)
    except SettingsError as error:
        print(error, file=sys.stderr)
        return 1
    except PrefectHTTPStatusError as error:
        print(readiness.refused(error), file=sys.stderr)
        return 1
    except httpx.HTTPError as error:
        print(f"the Prefect API does not answer ({type(error).__name__}); set PREFECT_API_URL", file=sys.stderr)
        return 1
    print(f"work pool {WORK_POOL}; at most {limit} extraction calls at a time", flush=True)
    if status := _prefect("--no-prompt", "deploy", "--all", "--prefect-file", "prefect.yaml"):
        return status
    asyncio.run(finish_server(were_paused))
    return 0


def _prefect(*arguments: str) -> int:
    """Prefect's own command, in this process: its imports, which take the longest, are there already."""
    os.chdir(ROOT)
    sys.argv = ["prefect", *arguments]
    try:
        runpy.run_module("prefect", run_name="__main__")
    except SystemExit as exit_:
        return exit_.code if isinstance(exit_.code, int) else int(exit_.code is not None)
    return 0


if __name__ == "__main__":
    sys.exit(main())
