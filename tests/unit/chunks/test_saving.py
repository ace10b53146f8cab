"""Which rows step 3 writes and removes."""

import asyncio
import json
from datetime import UTC, datetime, timedelta

import pytest

from flows import spool
from flows.chunks import saving, writing
from flows.chunks.saving import Saved
from flows.errors import NotOwner
from flows.records import ChunkOutcome, LeftOut, RunFile, SpooledChunk
from tests.unit.fake_supabase import RUN, USER

CHATGPT, CLAUDE = "chatgpt:0123456789abcdef", "claude:0123456789abcdef"


def record(number, at=None, source=CHATGPT, version=0):
    """The only chunk of a conversation."""
    key = f"{version:02x}{number:030x}"
    return SpooledChunk(key, f"c{number}", "T", 0, 0, 0, 1, f"text {key}", 3, at, False, source, turns=[0])


def records(numbers, source=CHATGPT, version=0):
    return [record(number, None, source, version) for number in numbers]


@pytest.fixture
def save(supabase, tmp_path):
    """Imports chunks as the run that owns the user."""
    supabase.owned()

    def imported(chunks, replace=False):
        spool.write(tmp_path / "chunks", chunks)
        return asyncio.run(saving.save(supabase.store().chunks, USER, RUN, tmp_path / "chunks", replace))

    return imported


@pytest.fixture
def stored(supabase):
    """Conversation → its source, of what is stored now."""
    return lambda: {row["conversation_id"]: row["import_source"] for row in supabase.tables["conversation_chunks"]}


def numbers_of(stored, source):
    return {int(conversation[1:]) for conversation, of in stored.items() if of == source}


def test_what_is_new_is_written_and_what_is_gone_removed(supabase, save):
    assert save(records(range(120))) == Saved(written=120, unchanged=0, pruned=0)
    assert save(records(range(20, 130))) == Saved(written=10, unchanged=100, pruned=20)
    assert len(supabase.tables["conversation_chunks"]) == 110


def test_an_import_removes_nothing_of_another_source(save, stored):
    save(records(range(43)))
    assert save(records([100], CLAUDE)) == Saved(written=1, unchanged=0, pruned=0)
    save(records(range(5, 43)))
    assert numbers_of(stored(), CHATGPT) == set(range(5, 43))
    assert numbers_of(stored(), CLAUDE) == {100}


def test_two_accounts_of_one_provider_are_two_sources(save, stored):
    save(records(range(10)))
    save(records(range(10, 20), "chatgpt:other"))
    save(records(range(12, 20), "chatgpt:other"))
    assert numbers_of(stored(), CHATGPT) == set(range(10))
    assert numbers_of(stored(), "chatgpt:other") == set(range(12, 20))


def test_more_than_a_fifth_of_a_source_is_not_removed_unasked(supabase, save, stored):
    save(records(range(100)))
    assert save(records(range(79))) == Saved(written=0, unchanged=79, pruned=0, kept={CHATGPT: 21})
    assert supabase.row()["full_pass_imports"] == {CHATGPT: {"kept": 21}}
    assert len(stored()) == 100
    assert save(records(range(80))) == Saved(written=0, unchanged=80, pruned=20)
    assert save(records(range(40)), replace=True) == Saved(written=0, unchanged=40, pruned=40)
    assert numbers_of(stored(), CHATGPT) == set(range(40))


def test_nothing_is_removed_while_some_of_the_export_could_not_be_read(supabase, save, stored, tmp_path):
    save(records(range(20)))
    spool.write(tmp_path / RunFile.LEFT_OUT, [LeftOut({"malformed JSON": 1}, unread=1)])
    assert save(records(range(19))).kept == {CHATGPT: 1}
    assert numbers_of(stored(), CHATGPT) == set(range(20))
    assert save(records(range(19)), replace=True).pruned == 1
    spool.write(tmp_path / RunFile.LEFT_OUT, [LeftOut({"repeated": 1})])
    assert save(records(range(18))).pruned == 1


def test_what_is_no_longer_to_be_remembered_is_removed_even_where_the_rest_is_kept(supabase, save, stored, tmp_path):
    save(records(range(20)))
    spool.write(tmp_path / RunFile.LEFT_OUT, [LeftOut({}, unread=1, unwanted=["c3", "c4", "c99"])])
    assert save(records(range(5, 10))) == Saved(0, 5, 2, {CHATGPT: 13}, LeftOut({}, 1, ["c3", "c4", "c99"]))
    assert numbers_of(stored(), CHATGPT) == set(range(20)) - {3, 4}


def test_a_conversation_that_goes_on_replaces_its_chunks_also_when_others_are_kept(supabase, save):
    save(records(range(10)))
    assert save(records([0], version=1)) == Saved(written=1, unchanged=0, pruned=1, kept={CHATGPT: 9})
    assert {row["chunk_key"] for row in supabase.tables["conversation_chunks"]} == {
        chunk.chunk_key for chunk in [record(0, version=1), *records(range(1, 10))]
    }


def test_a_conversation_in_two_sources_is_of_the_one_that_brought_it_last(save, stored):
    save(records(range(10)))
    save(records([9, 10], CLAUDE, version=1))
    assert numbers_of(stored(), CLAUDE) == {9, 10}
    save(records(range(9)))  # without the one that is the other's now
    assert numbers_of(stored(), CLAUDE) == {9, 10}


def test_an_export_that_does_not_tell_the_account_is_of_the_one_whose_conversations_it_shares(save, stored):
    save(records(range(10)))
    save(records(range(10, 20), "chatgpt:other"))
    assert save(records([*range(11, 20), 20], "chatgpt")) == Saved(written=1, unchanged=9, pruned=1)
    assert numbers_of(stored(), "chatgpt:other") == set(range(11, 21))
    save(records([50], "chatgpt"))
    assert numbers_of(stored(), "chatgpt") == {50}


def test_an_export_that_names_very_many_accounts_tells_none(supabase, save, stored):
    assert save([record(number, None, f"claude:{number}") for number in range(30)]).written == 30
    assert numbers_of(stored(), "claude") == set(range(30))
    assert set(supabase.row()["full_pass_imports"]) == {"claude"}


def test_a_run_that_is_killed_while_it_saves_is_followed_by_one_that_comes_to_the_same(supabase, save, stored):
    supabase.store_chunks(records(range(100)))
    of_before(supabase)
    rpc, calls = supabase.rpc, []

    async def killed(function, arguments):
        calls.append(function)
        if calls.count("full_pass_save_chunks") > 1:
            raise NotOwner("killed")
        return await rpc(function, arguments)

    supabase.rpc = killed
    with pytest.raises(NotOwner):
        save(records(range(10, 100)))
    supabase.rpc = rpc
    assert save(records(range(10, 100))).pruned == 10
    assert numbers_of(stored(), CHATGPT) == set(range(10, 100))


def of_before(supabase, source=None):
    for row in supabase.tables["conversation_chunks"]:
        row["import_source"] = source


@pytest.mark.parametrize("before", [None, "chatgpt"])
def test_rows_that_tell_little_of_their_source_become_those_of_the_import_that_shares_any(
    supabase, save, stored, before
):
    supabase.store_chunks(records(range(40)))
    of_before(supabase, before)
    assert save(records([100], CLAUDE)).pruned == 0
    assert numbers_of(stored(), before) == set(range(40))
    assert save(records(range(5, 41))) == Saved(written=36, unchanged=0, pruned=5)
    assert numbers_of(stored(), CHATGPT) == set(range(5, 41))
    assert save(records(range(6))).kept == {CHATGPT: 35}


def test_rows_older_than_the_full_pass_go_when_their_conversation_comes_in(supabase, save):
    older = [{"user_id": str(USER), "chunk_key": None, "conversation_id": name} for name in (None, "c1", "c2")]
    supabase.tables["conversation_chunks"] = older
    assert save(records([1])).pruned == 2
    assert [row["conversation_id"] for row in supabase.tables["conversation_chunks"]] == ["c2", "c1"]


@pytest.mark.parametrize("replace", [False, True])
def test_answers_about_what_is_gone_stay_unless_the_import_replaces(supabase, save, replace):
    save(records(range(10)))
    answers = [ChunkOutcome(record(number).chunk_key, "facts") for number in range(10)]
    asyncio.run(supabase.store().answers.save(USER, "v", "m", answers))
    save(records(range(9)), replace)
    unused = [row["unused_since"] for row in supabase.tables["chunk_facts"] if row["chunk_key"] == answers[9].chunk_key]
    assert unused == ([] if replace else ["now"])
    save(records(range(10)))
    assert {row["unused_since"] for row in supabase.tables["chunk_facts"]} == {None}


def test_recent_means_180_days(supabase, save):
    now = datetime.now(UTC)
    times = [(now - timedelta(days=days)).isoformat() for days in (179, 181)]
    save([record(0, times[0]), record(1, times[1]), record(2)])
    assert [row["is_recent"] for row in supabase.tables["conversation_chunks"]] == [True, False, False]


def test_a_row_has_no_more_than_its_columns(supabase, tmp_path):
    supabase.owned()
    path = tmp_path / "export.json"
    path.write_text(json.dumps([{"id": 1, "messages": [{"role": "user", "content": "I like tea."}]}]))
    writing.chunk_export(path, tmp_path / "chunks", writing.limits())
    asyncio.run(saving.save(supabase.store().chunks, USER, RUN, tmp_path / "chunks"))
    (row,) = supabase.tables["conversation_chunks"]
    assert set(row) == {"user_id", *SpooledChunk.__struct_fields__}
    assert row["content"] == "# Untitled\n\nUser: I like tea."
    assert (row["import_source"], row["turns"]) == ("app", [12])


def test_more_keys_than_one_request_takes_are_all_pruned(save):
    save(records(range(2_500)))
    assert save([record(0)], replace=True).pruned == 2_499
