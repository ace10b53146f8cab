"""What a run needs while it works: the clients of Supabase and Claude, and a folder for its data."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from uuid import UUID

from flows import claude, spool, store
from flows.settings import ModelSettings, PassSettings, StoreSettings, check
from flows.steps import log, run_id


@asynccontextmanager
async def workspace(user_id: UUID) -> AsyncIterator[Path]:
    """Opens the clients and gives the run's folder. What the calls cost is saved at the end, also of a failed run.

    Raises SettingsError with every problem of the environment before anything is begun.
    """
    check(StoreSettings, ModelSettings, PassSettings)

    def on_retry(step: str, reason: str, failures: int) -> None:
        log(user_id, step, "retry", reason=reason, failures=failures)

    async with store.connected() as users, claude.connected(users.pause, on_retry) as model:
        with spool.folder(PassSettings().spool_dir, run_id()) as folder:
            try:
                yield folder
            finally:
                await users.save_cost(user_id, run_id(), model.ledger.as_json())
