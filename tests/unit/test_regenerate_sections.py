"""The sections written anew without a pass: for whom, and what it leaves alone."""

import asyncio
from unittest.mock import ANY

import pytest

from flows.errors import StepFailed
from flows.regenerate_sections import regenerate
from tests.unit.fake_supabase import USER
from tests.unit.memory.test_sections import MEMORY, replying, store_talks

pytestmark = pytest.mark.usefixtures("run_log")


def regenerated(model, *faults):
    async def connected():
        async with model.connected():
            await model.behave(*faults)
            figures = await regenerate.fn(USER)
            return figures, (await model.counted())["calls"]["total"]

    return asyncio.run(connected())


def test_sections_are_written_and_the_state_of_the_pass_stays(model, supabase):
    supabase.owned(full_pass_status="failed", memory_md=MEMORY, tools_md="old")
    store_talks(supabase, 3)
    before = {name: value for name, value in supabase.row().items() if name.startswith("full_pass_")}
    before["full_pass_sections_question"] = ANY
    assert regenerated(model) == ({"kept": 2}, 1)
    assert regenerated(model)[1] == 1  # in all: the same question is not paid for again
    row = supabase.row()
    assert {name: value for name, value in row.items() if name.startswith("full_pass_")} == before
    assert (row["memory_md"], row["tools_md"]) == (MEMORY, "old")
    assert '"name": "Ana"' in row["user_md"]
    assert row["soulprint_text"].endswith(MEMORY)
    assert supabase.progress == []


@pytest.mark.parametrize(
    ("columns", "why"),
    [
        ({"full_pass_status": "processing", "memory_md": MEMORY}, "NotOwner: flow run .* has this user"),
        ({"full_pass_status": "complete", "memory_md": None}, "NoMemory: .* let a full pass end first"),
        ({"full_pass_status": "complete", "memory_md": " \n"}, "NoMemory"),
    ],
)
def test_a_user_whom_a_pass_has_or_who_has_no_memory_costs_nothing(model, supabase, columns, why):
    supabase.owned(**columns)
    before = dict(supabase.row())

    async def connected():
        async with model.connected():
            with pytest.raises(StepFailed, match=f"step=v2_regeneration: {why}"):
                await regenerate.fn(USER)
            return (await model.counted())["calls"]["total"]

    assert asyncio.run(connected()) == 0
    assert supabase.row() == before


@pytest.mark.parametrize(
    ("meanwhile", "why"),
    [
        ({"full_pass_status": "processing", "full_pass_run_id": "another"}, "NotOwner"),
        ({"full_pass_run_id": "another"}, "NotOwner"),  # and has ended again
        ({"memory_md": "# MEMORY\n"}, "MemoryChanged: .* run this once more"),
    ],
)
def test_nothing_is_written_when_a_pass_has_begun_or_memory_has_changed_meanwhile(
    model, supabase, monkeypatch, meanwhile, why
):
    supabase.owned(full_pass_status="complete", memory_md=MEMORY, user_md="old")
    store_talks(supabase, 3)

    class Meanwhile(dict[str, dict[str, object]]):
        def get(self, name, default=None):
            supabase.row().update(meanwhile)  # while the model writes
            return super().get(name, default)

    replying(monkeypatch, Meanwhile())
    with pytest.raises(StepFailed, match=why):
        regenerated(model)
    assert supabase.row()["user_md"] == "old"


def test_a_user_without_a_row_is_said_to_be_missing(model, supabase):
    with pytest.raises(StepFailed, match="UserNotFound"):
        regenerated(model)
