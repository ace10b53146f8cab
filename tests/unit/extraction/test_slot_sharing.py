import asyncio

import httpx
import pytest
from prefect.client.schemas.objects import StateType

from flows.errors import BudgetReached, RunDeleted
from flows.extraction.slot_sharing import SlotSharing, share
from tests.unit import virtual_time
from tests.unit.waiting import until


@pytest.mark.parametrize(("limit", "runs"), [(3, 1), (3, 2), (3, 3), (10, 3), (3, 5), (50, 7), (1, 4)])
def test_runs_share_all_slots_and_what_does_not_divide_goes_round(limit, runs):
    names = sorted(f"run-{number}" for number in range(runs))
    times = [number * 30.0 for number in range(runs)]
    shares = {name: [share(limit, names, name, now) for now in times] for name in names}
    for moment in range(runs):
        assert sum(shares[name][moment] for name in names) == limit
    assert {sum(each) for each in shares.values()} == {limit}  # over one round, all the same


def test_a_run_that_is_alone_takes_all():
    assert share(50, ["mine"], "mine", 123.0) == 50


class Work:
    """Packs that wait until a test lets them go, one at a time for each slot."""

    def __init__(self, packs):
        self.left = packs
        self.holding = 0
        self.most = self.begun = 0
        self.go_on = asyncio.Event()

    def calls_left(self):
        return self.left

    async def hold(self, slot):
        slot.take()
        self.begun += 1
        self.holding += 1
        self.most = max(self.most, self.holding)
        try:
            while not slot.should_release() and self.left:
                self.left -= 1
                await self.go_on.wait()
            slot.release()
        finally:
            self.holding -= 1

    def goes_on_when(self, holding):
        """The scenario that lets all go once so many are held."""

        async def scenario(running):
            await until(lambda: self.holding == holding)
            self.go_on.set()

        return scenario


async def nothing():
    pass


def shared(prefect, work, scenario, mine="mine"):
    """Runs the sharing beside a scenario of what happens meanwhile."""

    async def both():
        sharing = SlotSharing(mine, work.hold, work.calls_left)
        running = asyncio.create_task(sharing.run(prefect, nothing))
        await scenario(running)
        await running

    asyncio.run(both())


def test_a_run_holds_as_many_slots_as_are_its_share_of_all_that_extract(prefect):
    prefect.limit = 6
    other = prefect.run(StateType.RUNNING)
    prefect.extracting(other)
    work = Work(10)
    shared(prefect, work, work.goes_on_when(3))
    assert (work.left, work.most) == (0, 3)


@pytest.mark.parametrize(("limit", "others", "part"), [(6, 0, 1), (6, 1, 1 / 2), (6, 2, 1 / 3), (1, 3, 1)])
def test_its_part_of_the_rate_limits_is_that_of_the_slots_and_never_nothing(prefect, limit, others, part):
    prefect.limit = limit
    for _ in range(others):
        prefect.extracting(prefect.run(StateType.RUNNING))
    parts = []

    async def look():
        parts.append(sharing.part)
        work.left = 0

    work = Work(1)
    sharing = SlotSharing("mine", work.hold, work.calls_left)
    work.go_on.set()
    asyncio.run(sharing.run(prefect, look))
    assert parts == [part]


def test_no_more_slots_are_held_than_there_are_calls(prefect):
    """Others have use for them, and each that is taken in vain is a task run that shows nothing."""
    prefect.limit = 6
    work = Work(2)
    shared(prefect, work, work.goes_on_when(2))
    assert (work.left, work.begun) == (0, 2)


def test_a_run_that_is_not_running_any_more_has_no_share(prefect):
    prefect.limit = 4
    prefect.extracting(prefect.run(StateType.CRASHED))
    work = Work(4)
    shared(prefect, work, work.goes_on_when(4))


def test_where_nothing_is_applied_the_setting_is_the_limit(prefect, monkeypatch):
    prefect.limit = None
    monkeypatch.setenv("FACT_EXTRACTION_CONCURRENCY", "2")
    work = Work(5)
    shared(prefect, work, work.goes_on_when(2))
    assert work.most == 2


def test_a_holder_that_fails_ends_the_others_and_its_error_is_raised(prefect):
    work = Work(10)
    released = []

    async def hold(slot):
        if work.left == 10:
            work.left = 9
            await asyncio.sleep(0.01)  # the others have begun
            raise BudgetReached("spent")
        slot.take()
        await until(slot.should_release)
        slot.release()
        released.append(slot)

    async def run():
        await SlotSharing("mine", hold, work.calls_left).run(prefect, nothing)

    with pytest.raises(BudgetReached):
        asyncio.run(run())
    assert len(released) == 2


def test_what_a_look_raises_ends_the_holders_and_is_raised(prefect):
    work = Work(10)

    async def look():
        if work.holding:
            work.go_on.set()
            raise RunDeleted("deleted")

    async def run():
        await SlotSharing("mine", work.hold, work.calls_left).run(prefect, look)

    with pytest.raises(RunDeleted):
        virtual_time.run(run())
    assert (work.holding, work.left) == (0, 7)


def test_a_run_of_which_the_server_knew_that_it_extracts_is_missed(prefect):
    mine = prefect.run(StateType.RUNNING)
    work = Work(1)
    missing = []

    async def look():
        missing.append(sharing.is_missing)
        if len(missing) == 1:  # at first the server may not have heard of it yet
            prefect.extracting(mine)
        elif len(missing) == 3:
            prefect.task_runs.clear()
        elif len(missing) == 4:
            work.go_on.set()

    sharing = SlotSharing(str(mine.id), work.hold, work.calls_left)
    virtual_time.run(sharing.run(prefect, look))
    assert missing == [False, False, False, True]


def test_a_server_that_does_not_answer_changes_nothing(prefect, monkeypatch):
    async def away(tag):
        raise httpx.ConnectError("away")

    monkeypatch.setattr(prefect, "read_concurrency_limit_by_tag", away)
    monkeypatch.setenv("FACT_EXTRACTION_CONCURRENCY", "2")
    work = Work(2)
    work.go_on.set()

    async def scenario(running):
        await running

    shared(prefect, work, scenario)
    assert work.left == 0


def test_only_as_many_slots_are_released_as_are_too_many():
    sharing = SlotSharing("mine", Work(1).hold, lambda: 1)
    slots = [sharing._next_slot() for _ in range(5)]
    sharing._share = 3
    for slot in slots:
        if slot.should_release():
            slot.release()
    assert len(sharing._held) == 3


@pytest.mark.parametrize(("others", "looks"), [(0, 20), (9, 20), (49, 4)])
def test_the_more_runs_extract_the_less_often_each_asks(prefect, others, looks):
    """Or a hundred runs would ask Prefect for 70 answers a second, which Prefect Cloud does not give."""
    prefect.limit = 50
    for _ in range(others):
        prefect.extracting(prefect.run(StateType.RUNNING))
    work = Work(1)
    seen: list[None] = []

    async def look():
        seen.append(None)

    async def a_minute():
        running = asyncio.create_task(SlotSharing("mine", work.hold, work.calls_left).run(prefect, look))
        await asyncio.sleep(59.9)
        work.go_on.set()
        await running

    virtual_time.run(a_minute())
    assert len(seen) == looks


def test_a_run_that_has_failed_waits_for_no_slot_that_others_have(prefect):
    """As one that is suspended: its process would live until somebody else's turn is over."""
    prefect.limit = 2
    answered = asyncio.Event()
    told: list[str] = []

    async def hold(slot):
        if not told:
            told.append("waits")
            await asyncio.Event().wait()
        slot.take()
        await answered.wait()
        raise BudgetReached("$1 is spent")

    async def scenario():
        running = asyncio.create_task(SlotSharing("mine", hold, lambda: 2).run(prefect, nothing))
        await until(lambda: bool(told))
        answered.set()
        with pytest.raises(BudgetReached):
            await asyncio.wait_for(running, 60)

    asyncio.run(scenario())
