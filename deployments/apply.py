"""Applies the deployment to the Prefect server at PREFECT_API_URL: `python -m deployments.apply`.

Makes the work pool, sets the limit of the tag `extraction` to FACT_EXTRACTION_CONCURRENCY, and deploys what
prefect.yaml names. May be run any number of times; run it again whenever FACT_EXTRACTION_CONCURRENCY changes.
"""

import asyncio
import contextlib
import subprocess
import sys
from pathlib import Path

import httpx
from prefect import get_client
from prefect.client.schemas.actions import WorkPoolCreate
from prefect.exceptions import ObjectAlreadyExists

from flows.settings import fact_extraction_concurrency
from flows.turns import TAG

ROOT = Path(__file__).resolve().parent.parent
WORK_POOL = "full-pass"


async def prepare_server() -> int:
    """Makes the work pool and sets the tag's limit, which it returns."""
    limit = fact_extraction_concurrency()
    async with get_client() as prefect:
        with contextlib.suppress(ObjectAlreadyExists):
            await prefect.create_work_pool(WorkPoolCreate(name=WORK_POOL, type="process"))
        await prefect.create_concurrency_limit(tag=TAG, concurrency_limit=limit)
    return limit


def main() -> int:
    try:
        limit = asyncio.run(prepare_server())
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
