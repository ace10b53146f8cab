"""What a run needs while it works: the clients of Supabase and Claude, and a folder for its data."""

import asyncio
import contextlib
import logging
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
from prefect import get_client, get_run_logger
from prefect.exceptions import PrefectException

from flows import events, spool
from flows.errors import FullPassError, NotOwner, UserNotFound
from flows.llm.client import open_model
from flows.records import Ownership, Step
from flows.runs import applied, flow_runs, status
from flows.settings import ModelSettings, PassSettings, StoreSettings, check
from flows.steps import current_run, log, run_id
from flows.store.client import Store, open_store
from flows.store.requests import owned_by

_TOLD_OF_A_KIND = 3  # in the log; of the others there is the number, and DEBUG
_LAST_SECONDS = 5  # for the figures of a run that is ending; it may have been told to go


@asynccontextmanager
async def run_context(user_id: UUID) -> AsyncIterator[Path]:
    """Opens the clients and gives the run's folder. What the calls cost is saved at the end, also of a failed run.

    Raises SettingsError with every problem of the environment before anything is begun, StoreError when Supabase does
    not answer.
    """
    check(StoreSettings, ModelSettings, PassSettings)

    async def save_cost(store: Store, cost: Mapping[str, Any]) -> None:
        await store.passes.save_cost(user_id, run_id(), cost)

    async with open_store() as store, _asking(user_id, store, save_cost):
        await _claim(user_id, store)
        with spool.folder(PassSettings().spool_dir, run_id()) as folder:
            yield folder


@asynccontextmanager
async def regeneration_context(user_id: UUID) -> AsyncIterator[None]:
    """The same without a folder, for a run that owns nobody."""
    check(StoreSettings, ModelSettings)
    with contextlib.suppress(httpx.HTTPError, PrefectException):
        async with get_client() as prefect:
            name, model = flow_runs.run_name("regenerate-sections", user_id), ModelSettings().memory_model
            await flow_runs.introduce(prefect, current_run(), user_id, name, model)

    async def save_cost(store: Store, cost: Mapping[str, Any]) -> None:
        await store.profiles.add_regeneration_cost(user_id, cost)

    async with open_store() as store, _asking(user_id, store, save_cost):
        yield


@asynccontextmanager
async def _asking(
    user_id: UUID, store: Store, save_cost: Callable[[Store, Mapping[str, Any]], Awaitable[None]]
) -> AsyncIterator[None]:
    """Opens the client of the models, and saves what was spent, also by a run that fails or is told to go."""

    told = Counter[str]()

    def tell(step: Step, status: str, figures: Mapping[str, int | str]) -> None:
        told[status] += 1
        log(user_id, step, status, figures, logging.INFO if told[status] <= _TOLD_OF_A_KIND else logging.DEBUG)

    def on_retry(step: Step, reason: str, failures: int) -> None:
        tell(step, "retry", {"reason": reason, "failures": failures})

    def on_limited(step: Step, figures: Mapping[str, int | str]) -> None:
        tell(step, "limited", figures)

    async with open_model(store.answers.pause, on_retry, on_limited) as model:
        try:
            yield
        except BaseException:
            # The run's own error matters more than its figures, which are saved while it works, too.
            with contextlib.suppress(FullPassError, TimeoutError):
                async with asyncio.timeout(_LAST_SECONDS), open_store(patience=0) as once:
                    await save_cost(once, model.usage.as_json())
            raise
        await save_cost(store, model.usage.as_json())


async def _claim(user_id: UUID, store: Store) -> None:
    """The hook has done this, unless the database was away. Raises NotOwner; who has no row, the first step says."""
    run = current_run()
    async with get_client() as prefect:
        with contextlib.suppress(httpx.HTTPError, PrefectException):
            for what in await applied.missing(prefect):
                get_run_logger().warning("the Prefect server lacks %s. Run: python -m deployments.apply", what)
        try:
            row = await status.claim(store, prefect, run)
        except UserNotFound:
            row = Ownership(found=False, owner=run_id())
        has_user, model = row.owner == run_id(), ModelSettings().extraction_model
        name = flow_runs.name_of(user_id, row.attempts or 1 if has_user else None)
        trigger = await flow_runs.introduce(prefect, run, user_id, name, model)
        if not has_user:
            raise NotOwner(owned_by(row.owner, row.status or "processing"))
        told = {"attempt": row.attempts or 1, "trigger": trigger, "model": model}
        events.emit("started", user_id, run_id(), told)
