"""Applies the deployment to the Prefect server at PREFECT_API_URL: `python -m deployments.apply`.

Makes the work pool and the automation that ends silent runs, sets the limit of the tag `extraction` to
FACT_EXTRACTION_CONCURRENCY, and deploys what prefect.yaml names. May be run any number of times; run it again whenever
FACT_EXTRACTION_CONCURRENCY or FULL_PASS_SILENT_SECONDS changes.
"""

import asyncio
import contextlib
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import httpx
import yaml
from prefect import get_client
from prefect.client.schemas.actions import WorkPoolCreate
from prefect.events.schemas.automations import AutomationCore, EventTrigger
from prefect.exceptions import ObjectAlreadyExists

from flows.errors import SettingsError
from flows.settings import ApplySettings, fact_extraction_concurrency
from flows.turns import TAG

ROOT = Path(__file__).resolve().parent.parent
WORK_POOL = "full-pass"


async def prepare_server() -> int:
    """Makes the work pool and the automation, and sets the tag's limit, which it returns."""
    limit = fact_extraction_concurrency()
    automation = _crash_silent_runs(ApplySettings().full_pass_silent_seconds)
    async with get_client() as prefect:
        with contextlib.suppress(ObjectAlreadyExists):
            await prefect.create_work_pool(WorkPoolCreate(name=WORK_POOL, type="process"))
        await prefect.create_concurrency_limit(tag=TAG, concurrency_limit=limit)
        known = await prefect.read_automations_by_name(automation.name)
        if known:
            await prefect.update_automation(known[0].id, automation)
        else:
            await prefect.create_automation(automation)
    return limit


def _crash_silent_runs(seconds: float) -> AutomationCore:
    text = (ROOT / "deployments" / "automations" / "crash_silent_runs.yaml").read_text(encoding="utf-8")
    automation = AutomationCore.model_validate(yaml.safe_load(text))
    assert isinstance(automation.trigger, EventTrigger)
    automation.trigger.within = timedelta(seconds=seconds)
    return automation


def main() -> int:
    try:
        limit = asyncio.run(prepare_server())
    except SettingsError as error:
        print(error, file=sys.stderr)
        return 1
    except httpx.HTTPError as error:
        print(f"the Prefect API does not answer ({type(error).__name__}); set PREFECT_API_URL", file=sys.stderr)
        return 1
    print(f"work pool {WORK_POOL}; at most {limit} extraction calls at a time", flush=True)
    deploy = [
        sys.executable,
        "-m",
        "prefect",
        "--no-prompt",
        "deploy",
        "--all",
        "--prefect-file",
        "prefect.yaml",
    ]
    return subprocess.run(deploy, cwd=ROOT, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
