"""How a run's extraction takes part in the slots of the tag `extraction`: it holds as many at a time as are its share.

The tag's limit on the Prefect server is what holds, over all flow runs and workers. Waiting for a slot is polling, and
whoever asks first gets it; so runs that extract at the same time do not compete: each takes its share of the limit,
which it works out from what the server says is running. A run that is alone takes all of it.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable

import httpx
from prefect.client.orchestration import PrefectClient
from prefect.exceptions import PrefectHTTPStatusError

from flows.errors import FullPassError
from flows.runs import tag_slots
from flows.settings import fact_extraction_concurrency

_LOOK_SECONDS = 3.0  # how often the server is asked for the limit and for who else extracts, by up to ten runs
_MOST_LOOK_SECONDS = 15.0  # by more; together they ask no more often, up to fifty
_RUNS_AT_FULL_PACE = 10
_ROTATE_SECONDS = 30  # how long those who got one slot more than others keep it


class SlotSharing:
    """The slots that one run holds. `hold` takes one, works, and ends; `calls_left` says how many nobody makes yet."""

    def __init__(self, run_id: str, hold: Callable[["Slot"], Awaitable[None]], calls_left: Callable[[], int]):
        self._run_id = run_id
        self._hold = hold
        self._calls_left = calls_left
        self._problem: BaseException | None = None
        self._share = 0
        self._part = 1.0
        self._look_seconds = _LOOK_SECONDS
        self._held: set[Slot] = set()
        self._was_known = False
        #: Whether the server knows no more that this run extracts, as when somebody has deleted the run.
        self.is_missing = False

    async def run(self, prefect: PrefectClient, on_look: Callable[[], Awaitable[None]]) -> None:
        """Holds slots until there is no more work; `on_look` is awaited every few seconds.

        Raises what the first failing holder or look raised, once the others have ended.
        """
        holders: dict[asyncio.Task[None], Slot] = {}
        looked_at = -_MOST_LOOK_SECONDS
        while holders or self._wants_more():
            if time.monotonic() - looked_at >= self._look_seconds:
                self._share = await self._current_share(prefect)
                looked_at = time.monotonic()
                try:
                    await on_look()
                except FullPassError as error:
                    self._problem = self._problem or error
            while self._wants_more() and len(self._held) < self._share:
                slot = self._next_slot()
                holders[asyncio.create_task(self._hold_one(slot))] = slot
            if not holders:
                if self._wants_more():  # there are more runs than slots, and it is others' turn
                    await asyncio.sleep(_LOOK_SECONDS)
                continue
            ended, _ = await asyncio.wait(holders, timeout=_LOOK_SECONDS, return_when=asyncio.FIRST_COMPLETED)
            for holder in ended:
                del holders[holder]
            # Asked of each, or asyncio would log it.
            for problem in [holder.exception() for holder in ended if not holder.cancelled()]:
                self._problem = self._problem or problem
            if self._problem is not None:
                for holder, slot in holders.items():
                    if not slot.is_taken:  # others may have it for long
                        holder.cancel()
        if self._problem is not None:
            raise self._problem

    @property
    def part(self) -> float:
        """The run's share as a part of all slots, which is never nothing: its last calls may still be under way."""
        return self._part

    def holds_too_many(self) -> bool:
        return self._problem is not None or len(self._held) > self._share

    def release(self, slot: "Slot") -> None:
        self._held.discard(slot)

    def _wants_more(self) -> bool:
        """Whether another slot is of use: each that is waited for is for one call."""
        return self._problem is None and self._calls_left() > sum(not slot.is_taken for slot in self._held)

    def _next_slot(self) -> "Slot":
        slot = Slot(self)
        self._held.add(slot)
        return slot

    async def _hold_one(self, slot: "Slot") -> None:
        try:
            await self._hold(slot)
        finally:
            slot.release()

    async def _current_share(self, prefect: PrefectClient) -> int:
        """This run's share of the limit. When the server does not answer, the share stays as it was."""
        try:
            limit = await tag_slots.limit(prefect)
            others = await tag_slots.extracting_runs(prefect)
        except (httpx.HTTPError, PrefectHTTPStatusError):
            return self._share or fact_extraction_concurrency()
        self.is_missing = self._was_known and self._run_id not in others
        self._was_known = self._was_known or self._run_id in others
        runs = sorted(others | {self._run_id})
        self._look_seconds = min(_LOOK_SECONDS * max(len(runs) / _RUNS_AT_FULL_PACE, 1), _MOST_LOOK_SECONDS)
        mine = share(limit, runs, self._run_id, time.time())
        self._part = max(mine, 1) / limit
        return mine


class Slot:
    """One slot, as its holder sees it."""

    def __init__(self, sharing: SlotSharing):
        self._sharing = sharing
        self.is_taken = False

    def take(self) -> None:
        """To be said when the server has given it: who still waits for one is cancelled when another has failed."""
        self.is_taken = True

    def should_release(self) -> bool:
        """Asked between two calls: whether the run holds more than its share. Who is told so has to release."""
        return self._sharing.holds_too_many()

    def release(self) -> None:
        """From now on it does not count. The server has it back when the task run has ended."""
        self._sharing.release(self)


def share(limit: int, runs: list[str], mine: str, now: float) -> int:
    """The slots of `limit` that the run `mine` takes of those that all `runs` take; together they take all.

    What does not divide evenly goes round: every half minute (`now` in seconds) it is other runs that have one more.
    """
    each, rest = divmod(limit, len(runs))
    place = (runs.index(mine) - int(now // _ROTATE_SECONDS)) % len(runs)
    return each + (place < rest)
