"""The flow that erases a person: what runs for them stops, and nothing that the full pass has of them stays.

Made to be repeated: each part removes what is there, so a run after one that was killed half-way does the rest.
"""

import asyncio
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from prefect import flow, get_client, get_run_logger, task
from prefect.cache_policies import NO_CACHE
from prefect.runtime import flow_run

from flows import spool
from flows.llm import batch_removal
from flows.runs import flow_runs, user_runs
from flows.settings import PassSettings
from flows.store.client import current_store, open_store

_STOP_SECONDS = 90.0  # a worker has told a run to go after some 30 s, if it lives
_BATCH_SECONDS = 300.0  # a batch that is cancelled answers first what cannot be interrupted


@task(cache_policy=NO_CACHE)
async def stop_passes(user_id: UUID, deployment_id: UUID) -> int:
    """Nothing is started for the user any more, and what is active has stopped; returns how many runs that were."""
    await current_store().persons.withdraw(user_id)
    async with get_client() as prefect:
        return await user_runs.stop(prefect, deployment_id, user_id, _STOP_SECONDS)


@task(cache_policy=NO_CACHE)
async def cancel_batches(user_id: UUID) -> list[str]:
    """Message batches that are worked on for the user, whose words stand in them; returns their ids."""
    batch_ids = await current_store().answers.batch_ids(user_id)
    await batch_removal.cancel(batch_ids)
    return batch_ids


@task(cache_policy=NO_CACHE)
async def delete_batches(batch_ids: Sequence[str]) -> int:
    """Deletes them at the API when they have ended; returns how many."""
    left = await batch_removal.delete(batch_ids, _BATCH_SECONDS)
    if left:
        get_run_logger().warning(
            "at Anthropic, %d message batches are still there; delete them in the Claude console, or they go 29 days "
            "after they were made: %s",
            len(left),
            ", ".join(left),
        )
    return len(batch_ids) - len(left)


@task(cache_policy=NO_CACHE)
async def erase_rows(user_id: UUID) -> dict[str, int]:
    """Table → rows. Without a profile, no delivery is taken any more."""
    return await current_store().persons.erase(user_id)


@task(cache_policy=NO_CACHE)
async def remove_uploads(user_id: UUID) -> int:
    """The folder of the user in Storage; returns how many objects it had."""
    return await current_store().account.remove_uploads(user_id)


@task(cache_policy=NO_CACHE)
async def delete_account(user_id: UUID) -> bool:
    """Of Supabase Auth, with what the app keeps by it; False where there is none."""
    return await current_store().account.delete(user_id)


@task(cache_policy=NO_CACHE)
async def forget_runs(user_id: UUID, deployment_id: UUID) -> int:
    """Prefect's flow runs of the user, with logs and artifacts; returns how many."""
    async with get_client() as prefect:
        return await user_runs.forget(prefect, deployment_id, user_id)


@task(cache_policy=NO_CACHE)
async def remove_folders() -> int:
    """What runs that were killed have left on this machine; on others, their workers remove it within minutes."""
    return await asyncio.to_thread(spool.remove_abandoned, PassSettings().spool_dir)


def _name() -> str:
    return flow_runs.run_name("erase-user", flow_run.parameters["user_id"])


@flow(name="erase-user", flow_run_name=_name, retries=2, retry_delay_seconds=30)
async def erase_user(user_id: UUID, deployment: str = "full-pass/full-pass") -> dict[str, Any]:
    """Erases a person: uploads, rows, the account, flow runs, and what runs have left on disk.

    Returns `{passes_stopped, rows, uploads, account, flow_runs, folders, batches}`: how many of each there were; rows
    by table, account whether there was one. May be run again at any time.
    """
    async with get_client() as prefect:
        deployment_id = (await prefect.read_deployment_by_name(deployment)).id
    async with open_store():
        stopped = await stop_passes(user_id, deployment_id)
        batches = await cancel_batches(user_id)
        rows = await erase_rows(user_id)
        uploads = await remove_uploads(user_id)
        # What was delivered while the profile was still there.
        stopped += await stop_passes(user_id, deployment_id)
        account = await delete_account(user_id)
    removed = {
        "passes_stopped": stopped,
        "rows": rows,
        "uploads": uploads,
        "account": account,
        "flow_runs": await forget_runs(user_id, deployment_id),
        "folders": await remove_folders(),
        "batches": await delete_batches(batches),
    }
    get_run_logger().info("erased %s", removed)
    return removed
