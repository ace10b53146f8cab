"""Forgotten conversations are in the export, and no step sees them."""

import asyncio

from flows import spool
from flows.chunks import forgetting
from flows.records import SpooledChunk
from flows.store.client import current_store
from tests.unit.fake_supabase import USER


def chunk(conversation, position):
    return SpooledChunk(f"{position:032x}", conversation, "T", position, 0, 0, 1, "User: x", 3, turns=[0])


def test_a_forgotten_conversation_is_taken_out_of_the_run_and_counted(supabase, tmp_path):
    supabase.owned()
    file = tmp_path / "chunks.jsonl"
    spool.write(file, [chunk("c1", 0), chunk("c2", 1), chunk("c1", 2)])

    def leave_out():
        return asyncio.run(forgetting.leave_out(current_store().memory, USER, file))

    assert leave_out() == 0
    supabase.forget("c1")
    assert leave_out() == 1
    assert [left.conversation_id for left in spool.read(file, SpooledChunk)] == ["c2"]
    assert leave_out() == 0  # as after a retry
