"""The lease that a pass has on the limit of its deployment: losing it ends no pass.

Prefect's engine ends a run that cannot renew its lease, as when the server is away for some minutes, or has taken the
run for dead. What the pass still has to do is less than what another one would have, and the queue's limit counts runs
and no leases. So it goes on, and says so in its log.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import UUID

from prefect import flow_engine
from prefect.concurrency._leases import amaintain_concurrency_lease


def outlive() -> None:
    """To be called before a run begins, in its process."""
    vars(flow_engine)["amaintain_concurrency_lease"] = _maintained


@asynccontextmanager
async def _maintained(lease_id: UUID, seconds: float, **_: object) -> AsyncIterator[None]:
    async with amaintain_concurrency_lease(lease_id, seconds, raise_on_lease_renewal_failure=False):
        yield
