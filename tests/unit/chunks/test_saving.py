"""Which rows step 3 writes and removes."""

import asyncio
import json
from datetime import UTC, datetime, timedelta

from flows import spool
from flows.chunks import saving, writing
from flows.chunks.saving import Saved
from flows.records import ChunkRecord
from tests.unit.fake_supabase import RUN, USER


def record(number, at=None):
    return ChunkRecord(f"{number:032x}", f"c{number}", "T", 0, 0, 0, 1, f"text {number}", 3, at)


def save(supabase, path, records):
    spool.write(path, records)
    return asyncio.run(saving.save(supabase.store().chunks, USER, RUN, path))


def test_what_is_new_is_written_and_what_is_gone_removed(supabase, tmp_path):
    supabase.owned()
    path = tmp_path / "chunks"
    assert save(supabase, path, map(record, range(120))) == Saved(written=120, unchanged=0, pruned=0)
    assert save(supabase, path, map(record, range(20, 130))) == Saved(written=10, unchanged=100, pruned=20)
    assert len(supabase.tables["conversation_chunks"]) == 110


def test_rows_older_than_the_full_pass_go_when_its_own_are_there(supabase, tmp_path):
    supabase.owned()
    supabase.tables["conversation_chunks"] = [{"user_id": str(USER), "chunk_key": None}]
    assert save(supabase, tmp_path / "chunks", [record(1)]).pruned == 1


def test_recent_means_180_days(supabase, tmp_path):
    supabase.owned()
    now = datetime.now(UTC)
    times = [(now - timedelta(days=days)).isoformat() for days in (179, 181)]
    save(supabase, tmp_path / "chunks", [record(0, times[0]), record(1, times[1]), record(2)])
    assert [row["is_recent"] for row in supabase.tables["conversation_chunks"]] == [True, False, False]


def test_a_row_has_no_more_than_its_columns(supabase, tmp_path):
    supabase.owned()
    path = tmp_path / "export.json"
    path.write_text(json.dumps([{"id": 1, "messages": [{"role": "user", "content": "I like tea."}]}]))
    writing.chunk_export(path, tmp_path / "chunks", writing.limits())
    asyncio.run(saving.save(supabase.store().chunks, USER, RUN, tmp_path / "chunks"))
    (row,) = supabase.tables["conversation_chunks"]
    assert set(row) == {"user_id", *ChunkRecord.__struct_fields__}
    assert row["content"] == "# Untitled\n\nUser: I like tea."


def test_more_keys_than_one_request_takes_are_all_pruned(supabase, tmp_path):
    supabase.owned()
    path = tmp_path / "chunks"
    save(supabase, path, map(record, range(2_500)))
    assert save(supabase, path, [record(0)]).pruned == 2_499
