"""What the Prefect server is to have: by `prefect.yaml`, by the files of the automations, and by the settings."""

from collections.abc import Iterable, Iterator
from datetime import timedelta
from typing import Any
from uuid import UUID

import yaml
from prefect.client.schemas.responses import DeploymentResponse
from prefect.events.schemas.automations import AutomationCore, EventTrigger

from deployments import ROOT
from flows.settings import ApplySettings

POOL_TYPE = "process"  # of a pool that is not there yet
TICKS = "retry-failed/retry-failed"  # see prefect.yaml, as of all these
QUEUES = UPKEEP_QUEUE, PASSES_QUEUE = "upkeep", "passes"
TICKS_AT_ONCE = 1  # those that were due while no worker was there would all start together
PASSES_AT_ONCE = 4  # each has a process of 130 to 180 MB


def prefect_file(passes: int, known: Iterable[DeploymentResponse] = ()) -> dict[str, Any]:
    """prefect.yaml with what the settings say, and with what an operator has paused of `known`.

    passes: how many may run at a time.
    """
    file: dict[str, Any] = yaml.safe_load((ROOT / "prefect.yaml").read_text(encoding="utf-8"))
    found = {deployment.name: deployment for deployment in known}
    image = ApplySettings().soulprint_image
    for entry in file["deployments"]:
        if "concurrency_limit" in entry:
            entry["concurrency_limit"]["limit"] = max(passes, 1)  # with 0, Prefect refuses to let a run wait
        if image:
            entry["work_pool"]["job_variables"]["image"] = image
        if entry["name"] in found:
            _keep_paused(entry, found[entry["name"]])
    return file


def _keep_paused(entry: dict[str, Any], found: DeploymentResponse) -> None:
    """Prefect's `deploy` lets everything go on that it is not told to leave."""
    if found.paused:
        entry["paused"] = True
    paused = {schedule.slug for schedule in found.schedules if not schedule.active}
    for schedule in entry.get("schedules", []):
        if schedule["slug"] in paused:
            schedule["active"] = False


def automations(settings: ApplySettings, ticks: UUID | None) -> Iterator[AutomationCore]:
    """ticks: the id of the deployment `retry-failed`, which the last one starts; None: it is not there yet."""
    yield _automation("crash_silent_runs.yaml", timedelta(seconds=settings.full_pass_silent_seconds))
    yield _automation("crash_lost_runs.yaml", timedelta(minutes=settings.full_pass_start_minutes))
    yield _automation("reconcile_bad_ends.yaml", deployment_id=ticks)


def _automation(file: str, within: timedelta | None = None, deployment_id: UUID | None = None) -> AutomationCore:
    text = (ROOT / "deployments" / "automations" / file).read_text(encoding="utf-8")
    placed = text.replace(str(UUID(int=0)), str(deployment_id or UUID(int=0)))
    automation = AutomationCore.model_validate(yaml.safe_load(placed))
    assert isinstance(automation.trigger, EventTrigger)
    automation.trigger.within = within or automation.trigger.within
    return automation
