"""Making the flow runs of deliveries: at once while it is quick, behind the answers in a burst.

Making a run takes the Prefect server some 60 ms of a core, remembering a delivery a tenth of that. So in a burst the
delivery is answered when it is remembered; its run follows, and what is lost on the way `retry-failed` makes.
"""

import asyncio
import logging
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import dataclass, field
from uuid import UUID

import httpx
from prefect.client.orchestration import PrefectClient
from prefect.exceptions import ObjectNotFound, PrefectHTTPStatusError

from deployments.receiver.refusal import Refusal
from flows.errors import StoreError
from flows.runs import deliveries
from flows.store.client import Store

logger = logging.getLogger("soulprint.receiver")

_AT_ONCE = 4  # runs: of one more the answer does not wait for it
_BEHIND = 1  # of those, at once: in a burst the answers have the machine first
_MOST = 2_000  # that are begun here
_SECONDS = 30.0  # for one


@dataclass
class Starter:
    """What the receiver talks to, for its whole life."""

    store: Store
    prefect: PrefectClient
    deployment: str
    _deployment_id: UUID | None = None
    _behind: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(_BEHIND))
    begun: set[asyncio.Task[UUID]] = field(default_factory=set)

    async def start(self, user_id: UUID, delivery_id: UUID) -> UUID | None:
        """The flow run of a delivery; None: it is made after those before it.

        Raises Refusal when the deployment has not been applied, StoreError, and what Prefect's client raises.
        """
        if len(self.begun) >= _MOST:
            return None
        crowded = len(self.begun) >= _AT_ONCE
        task = asyncio.create_task(self._start(user_id, delivery_id, self._behind if crowded else nullcontext()))
        self.begun.add(task)
        task.add_done_callback(self._ended)
        return None if crowded else await asyncio.shield(task)

    async def deployment_id(self, *, again: bool = False) -> UUID:
        """Raises Refusal when the deployment has not been applied. again: it is looked up anew."""
        if self._deployment_id is None or again:
            try:
                self._deployment_id = (await self.prefect.read_deployment_by_name(self.deployment)).id
            except ObjectNotFound:
                problem = f"the deployment {self.deployment} does not exist; run python -m deployments.apply"
                raise Refusal(503, problem, retry_after=60) from None
        return self._deployment_id

    async def stop(self) -> None:
        """Runs that are not made yet are left to `retry-failed`."""
        for task in self.begun:
            task.cancel()
        await asyncio.gather(*self.begun, return_exceptions=True)

    async def _start(self, user_id: UUID, delivery_id: UUID, turn: AbstractAsyncContextManager[None]) -> UUID:
        async with turn, asyncio.timeout(_SECONDS):
            identity = await self.deployment_id()
            try:
                run = await deliveries.start(self.store, self.prefect, identity, user_id, delivery_id)
            except ObjectNotFound:  # it was deleted, and maybe applied again, since it was looked up
                identity = await self.deployment_id(again=True)
                run = await deliveries.start(self.store, self.prefect, identity, user_id, delivery_id)
            return run.id

    def _ended(self, task: asyncio.Task[UUID]) -> None:
        self.begun.discard(task)
        if task.cancelled() or (error := task.exception()) is None:
            return
        if not isinstance(error, (Refusal, StoreError, TimeoutError, PrefectHTTPStatusError, httpx.HTTPError)):
            logger.error("a run was not made: %s", type(error).__name__)
