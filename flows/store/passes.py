"""Who owns a user's pass, and what its status is."""

from collections.abc import AsyncIterator, Iterable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec

from flows.errors import NotOwner
from flows.records import DueUser, FailedPass, Ownership, ProfileRow, Step
from flows.store.requests import Query, Requests, no_such_user, owned_by, pages

_TABLE = "user_profiles"


class PassTable:
    """The columns of user_profiles that a pass owns."""

    def __init__(self, requests: Requests):
        self._requests = requests

    async def claim(
        self, user_id: UUID, run_id: str, parameters: Mapping[str, Any], replaces: str | None = None
    ) -> Ownership:
        """Makes `run_id` the owner of the user and the status processing, unless another run is processing.

        `replaces` names a run that is known to be dead. The owner that is returned is `run_id` on success.
        Raises UserNotFound.
        """
        answer = await self._requests.rpc(
            "full_pass_claim",
            {"p_user_id": str(user_id), "p_run_id": run_id, "p_parameters": parameters, "p_replaces": replaces},
        )
        return _ownership(answer, user_id)

    async def progress(self, user_id: UUID, run_id: str, stage: Step, percent: int) -> None:
        """Writes where the run is. Raises NotOwner when another run has the user, UserNotFound."""
        answer = await self._requests.rpc(
            "full_pass_progress",
            {"p_user_id": str(user_id), "p_run_id": run_id, "p_stage": stage, "p_percent": percent},
        )
        row = _ownership(answer, user_id)
        if row.owner != run_id or row.status != "processing":
            raise NotOwner(owned_by(row.owner, row.status, run_id))

    async def complete(self, user_id: UUID, run_id: str) -> bool:
        """Sets the status complete; returns whether it is, that is, whether the run still owned the user."""
        return bool(await self._requests.rpc("full_pass_complete", {"p_user_id": str(user_id), "p_run_id": run_id}))

    async def fail(
        self,
        user_id: UUID,
        run_id: str,
        error: str,
        *,
        retry_after: timedelta | None,
        max_attempts: int,
        not_before: datetime | None = None,
    ) -> FailedPass:
        """Sets the status failed, if `run_id` owns the user. `retry_after` None: not tried again by itself.

        not_before: the time of the next attempt, if something else than the export decides it; this one does not count.
        """
        answer = await self._requests.rpc(
            "full_pass_fail",
            {
                "p_user_id": str(user_id),
                "p_run_id": run_id,
                "p_error": error,
                "p_retry_after": _interval(retry_after) if retry_after else None,
                "p_max_attempts": max_attempts,
                "p_not_before": not_before.isoformat() if not_before else None,
            },
        )
        return msgspec.convert(answer, FailedPass)

    async def take_due(self, limit: int, lease: timedelta) -> list[DueUser]:
        """Failed users whose next attempt is due, oldest first.

        Whoever takes them has `lease` to start their runs; after that they are due again.
        """
        taken: list[DueUser] = []
        # One at a time: "Max rows" cuts off what a function gives, too, and who is cut off would be taken by nobody.
        while len(taken) < limit:
            rows = await self._requests.rpc("full_pass_take_due", {"p_limit": 1, "p_lease": _interval(lease)})
            if not rows:
                break
            taken += msgspec.convert(rows, list[DueUser])
        return taken

    async def save_cost(self, user_id: UUID, run_id: str, cost: Mapping[str, Any]) -> None:
        await self._requests.rpc("full_pass_save_cost", {"p_user_id": str(user_id), "p_run_id": run_id, "p_cost": cost})

    async def processing(self) -> AsyncIterator[tuple[UUID, str]]:
        """User and flow run of every row that says processing; "" for a row that names none, as older systems left."""
        asked = _by_user(Query(_TABLE, "user_id,full_pass_run_id", equal={"full_pass_status": "processing"}))
        async for row in pages(self._requests, asked):
            yield UUID(row["user_id"]), row["full_pass_run_id"] or ""

    async def rows(self, user_ids: Iterable[UUID], columns: str) -> dict[UUID, ProfileRow]:
        """The named columns (user_id is one) of the rows of some users; who has none is missing."""
        asked = _by_user(Query(_TABLE, columns, among={"user_id": [str(user_id) for user_id in user_ids]}))
        rows = [msgspec.convert(row, ProfileRow) async for row in pages(self._requests, asked)]
        return {row.user_id: row for row in rows}


def _by_user(query: Query) -> Query:
    return replace(query, order="user_id", after=str(UUID(int=0)))


def _ownership(answer: Any, user_id: UUID) -> Ownership:
    row = msgspec.convert(answer, Ownership)
    if not row.found:
        raise no_such_user(user_id)
    return row


def _interval(time: timedelta) -> str:
    return f"{time.total_seconds()} seconds"
