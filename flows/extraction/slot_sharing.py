"""How a run's extraction takes part in the slots of the tag `extraction`: as many turns at a time as are its share.

The tag's limit on the Prefect server is what holds, over all flow runs and workers. Waiting for a slot is polling, and
whoever asks first gets it; so runs that extract at the same time do not compete: each takes its share of the limit,
which it works out from what the server says is running. A run that is alone takes all of it.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Coroutine
from uuid import UUID

import httpx
from prefect import get_client
from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.filters import (
    FlowRunFilter,
    FlowRunFilterId,
    TaskRunFilter,
    TaskRunFilterId,
    TaskRunFilterName,
    TaskRunFilterState,
    TaskRunFilterStateType,
    TaskRunFilterTags,
)
from prefect.client.schemas.objects import StateType
from prefect.exceptions import ObjectNotFound, PrefectHTTPStatusError

from flows.runs.flow_runs import in_state
from flows.settings import fact_extraction_concurrency

TAG = "extraction"

_LOOK_SECONDS = 3.0  # how often the server is asked for the limit and for who else extracts
_ROTATE_SECONDS = 30  # how long those who got one slot more than others keep it
_MOST_RUNS = 200

_RUNNING_FLOWS = in_state(StateType.RUNNING)
_RUNNING_TASKS = TaskRunFilterState(type=TaskRunFilterStateType(any_=[StateType.RUNNING]))


class Turns:
    """The turns of one run. `begin` does one; `more` says whether there is work for another."""

    def __init__(self, run_id: str, begin: Callable[["Turn"], Awaitable[None]], more: Callable[[], bool]):
        self._run_id = run_id
        self._begin = begin
        self._more = more
        self._problem: BaseException | None = None
        self.share = 0
        self.going: set[Turn] = set()

    async def run(self, tick: Callable[[], Awaitable[None]]) -> None:
        """Keeps as many turns going as are this run's share, until there is no more work; `tick` is awaited every
        few seconds.

        Raises what the first failing turn raised, once the others have ended.
        """
        turns: set[asyncio.Task[None]] = set()
        looked = -_LOOK_SECONDS
        async with get_client() as prefect:
            while turns or self._wanted():
                if time.monotonic() - looked >= _LOOK_SECONDS:
                    self.share = await self._look(prefect)
                    looked = time.monotonic()
                    await tick()
                while self._wanted() and len(self.going) < self.share:
                    turns.add(asyncio.create_task(self._turn()))
                if not turns:  # there are more runs than slots, and it is others' turn
                    await asyncio.sleep(_LOOK_SECONDS)
                    continue
                ended, turns = await asyncio.wait(turns, timeout=_LOOK_SECONDS, return_when=asyncio.FIRST_COMPLETED)
                for turn in ended:
                    self._problem = self._problem or turn.exception()
        if self._problem is not None:
            raise self._problem

    def _wanted(self) -> bool:
        return self._problem is None and self._more()

    def _turn(self) -> Coroutine[None, None, None]:
        turn = Turn(self)
        self.going.add(turn)

        async def go() -> None:
            try:
                await self._begin(turn)
            finally:
                self.going.discard(turn)

        return go()

    def excess(self) -> bool:
        return self._problem is not None or len(self.going) > self.share

    async def _look(self, prefect: PrefectClient) -> int:
        """This run's share of the limit. When the server does not answer, the share stays as it was."""
        try:
            try:
                limit = (await prefect.read_concurrency_limit_by_tag(TAG)).concurrency_limit
            except ObjectNotFound:  # not applied: nothing else holds, so the setting does
                limit = fact_extraction_concurrency()
            runs = await prefect.read_task_runs(
                flow_run_filter=_RUNNING_FLOWS,
                task_run_filter=TaskRunFilter(name=TaskRunFilterName(like_="extract_facts"), state=_RUNNING_TASKS),
                limit=_MOST_RUNS,
            )
        except (httpx.HTTPError, PrefectHTTPStatusError):
            return self.share or fact_extraction_concurrency()
        others = {str(run.flow_run_id) for run in runs} | {self._run_id}
        return share(limit, sorted(others), self._run_id, time.time())


def share(limit: int, runs: list[str], mine: str, now: float) -> int:
    """The slots of `limit` that the run `mine` takes of those that all `runs` take; together they take all.

    What does not divide evenly goes round: every half minute (`now` in seconds) it is other runs that have one more.
    """
    each, rest = divmod(limit, len(runs))
    place = (runs.index(mine) - int(now // _ROTATE_SECONDS)) % len(runs)
    return each + (place < rest)


async def lost_slots(prefect: PrefectClient) -> int:
    """How many slots nobody has, though the server counts them as taken.

    It counts slots apart from the leases on them, and leases that it keeps in memory are gone when it is killed: then
    nobody is left to give those slots back, and nobody would extract again.
    """
    try:
        taken = (await prefect.read_global_concurrency_limit_by_name(f"tag:{TAG}")).active_slots
        holders = (await prefect.read_concurrency_limit_by_tag(TAG)).active_slots
    except ObjectNotFound:
        return 0
    running = await prefect.read_task_runs(
        flow_run_filter=_RUNNING_FLOWS,
        task_run_filter=TaskRunFilter(tags=TaskRunFilterTags(all_=[TAG]), state=_RUNNING_TASKS),
        limit=_MOST_RUNS,
    )
    # Who has lost the lease may still be calling.
    return max(taken - max(len(holders), len(running)), 0)


async def give_back(prefect: PrefectClient, slots: int) -> None:
    await prefect.release_concurrency_slots([f"tag:{TAG}"], slots, occupancy_seconds=1.0)  # more than 0 is asked for


async def release(flow_run_id: UUID) -> None:
    """Frees the slots of a flow run whose process has died; the server itself would keep them for another minute."""
    async with get_client() as prefect:
        try:
            holders = (await prefect.read_concurrency_limit_by_tag(TAG)).active_slots
        except ObjectNotFound:
            return
        runs = await prefect.read_task_runs(
            flow_run_filter=FlowRunFilter(id=FlowRunFilterId(any_=[flow_run_id])),
            task_run_filter=TaskRunFilter(id=TaskRunFilterId(any_=list(holders))),
        )
        for run in runs:
            await prefect.decrement_v1_concurrency_slots([TAG], run.id, occupancy_seconds=0)


class Turn:
    """One holding of a slot."""

    def __init__(self, turns: Turns):
        self._turns = turns

    def is_over(self) -> bool:
        """Asked between two calls: whether the slot is to be given back. Whoever is told so has to."""
        if not self._turns.excess():
            return False
        self._turns.going.discard(self)
        return True
