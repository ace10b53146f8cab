"""What is delivered for users: remembered until a pass has read it, and started one after the other."""

from collections.abc import AsyncIterator, Iterable, Sequence
from typing import Any
from uuid import UUID

import msgspec

from flows.errors import ExportError
from flows.records import Delivered, Delivery, DueDelivery
from flows.store.requests import Query, Requests, pages

_TABLE = "full_pass_deliveries"
_COLUMNS = ",".join(Delivery.__struct_fields__)


class DeliveryTable:
    def __init__(self, requests: Requests):
        self._requests = requests

    async def deliver(
        self,
        user_id: UUID,
        bucket: str,
        names: Sequence[str],
        *,
        file_type: str | None,
        conversation_count: int | None,
        replaces: bool,
        key_hash: str | None,
        body_hash: str,
        most_a_day: int,
        most_usd_a_month: float | None,
    ) -> Delivered:
        """Takes a delivery of objects, by their names in the bucket. What has come before is the same."""
        answer = await self._requests.rpc(
            "full_pass_deliver_stored",
            {
                "p_user_id": str(user_id),
                "p_bucket": bucket,
                "p_object_names": list(names),
                "p_file_type": file_type,
                "p_conversation_count": conversation_count,
                "p_replaces": replaces,
                "p_key_hash": key_hash,
                "p_body_hash": body_hash,
                "p_most": most_a_day,
                "p_most_usd": most_usd_a_month,
            },
        )
        return msgspec.convert(answer, Delivered)

    async def read(self, user_id: UUID, delivery_id: UUID) -> Delivery:
        """Raises ExportError when the user has no such delivery."""
        where = {"user_id": str(user_id), "id": str(delivery_id)}
        page = await self._requests.select(Query(_TABLE, _COLUMNS, equal=where, limit=1))
        if not page.rows:
            raise ExportError("the delivery of this run is not known any more; deliver the export again")
        return msgspec.convert(page.rows[0], Delivery)

    async def has_run(self, user_id: UUID, delivery_id: UUID, run_id: str) -> None:
        """Remembers the flow run that was made for it."""
        arguments: dict[str, Any] = {"p_user_id": str(user_id), "p_delivery_id": str(delivery_id), "p_run_id": run_id}
        await self._requests.rpc("full_pass_delivery_started", arguments)

    async def take(self, user_id: UUID | None = None, limit: int = 1) -> list[DueDelivery]:
        """Deliveries whose runs are to be made now, of the user, or None: of all users, the oldest first.

        Whoever takes them has a minute to make their runs; after that they are there again.
        """
        taken: list[DueDelivery] = []
        # One at a time: "Max rows" cuts off what a function gives, and who is cut off would wait for nothing.
        while len(taken) < limit:
            arguments = {"p_user_id": str(user_id) if user_id else None, "p_limit": 1}
            rows = await self._requests.rpc("full_pass_take_deliveries", arguments)
            if not rows:
                break
            taken += msgspec.convert(rows, list[DueDelivery])
        return taken

    async def started(self) -> AsyncIterator[Delivery]:
        """Deliveries whose runs have been made and have not ended, as far as is known here."""
        asked = Query(_TABLE, _COLUMNS, equal={"state": "started"}, order="id", after=str(UUID(int=0)))
        async for row in pages(self._requests, asked):
            yield msgspec.convert(row, Delivery)

    async def status(self, user_id: UUID) -> dict[str, Any] | None:
        """`{status, stage, percent, error, attempts, started_at, completed_at, next_retry_at, cost_usd, flow_run_id,
        queue_place}` of a user's pass; None: the user has no row."""
        answer = await self._requests.rpc("full_pass_status_of", {"p_user_id": str(user_id)})
        return dict(answer) if answer else None

    async def end(self, ended: Iterable[UUID], untouched: Iterable[UUID]) -> None:
        """Says that the runs of these are over, and have never had their users; the untouched wait again."""
        for ids, again in ((ended, False), (untouched, True)):
            if found := [str(each) for each in ids]:
                await self._requests.rpc("full_pass_end_deliveries", {"p_ids": found, "p_again": again})
