"""The store's tables over Supabase in memory, and whose an uploaded object is."""

import asyncio
from datetime import timedelta
from uuid import UUID

import pytest

from flows.errors import ExportError, NotOwner, UserNotFound
from flows.records import DueUser, Step
from flows.store.exports import object_name
from tests.unit.fake_supabase import RUN, USER

OTHER = UUID("00000000-0000-4000-8000-000000000002")


def run(work):
    return asyncio.run(work)


def test_only_the_owner_moves_on(supabase):
    passes = supabase.store().passes
    with pytest.raises(UserNotFound):
        run(passes.progress(USER, RUN, Step.SAVE_CHUNKS, 6))
    supabase.owned()
    run(passes.progress(USER, RUN, Step.SAVE_CHUNKS, 6))
    with pytest.raises(NotOwner, match=f"flow run {RUN} has this user; wait for it to end, or cancel it"):
        run(passes.progress(USER, "another", Step.SAVE_CHUNKS, 6))
    supabase.owned(full_pass_status="complete")
    with pytest.raises(NotOwner, match=r"is over \(complete\)"):
        run(passes.progress(USER, RUN, Step.SAVE_CHUNKS, 6))


def test_due_users_come_with_what_to_start_again(supabase):
    supabase.owned(full_pass_parameters={"storage_path": "x"}, due=True)
    due = run(supabase.store().passes.take_due(5, timedelta(minutes=1)))
    assert due == [DueUser(USER, RUN, 1, {"storage_path": "x"})]


def test_rows_are_of_the_users_who_have_one(supabase):
    supabase.owned()
    rows = run(supabase.store().passes.rows([USER, OTHER], "user_id,full_pass_status"))
    assert {user_id: row.full_pass_status for user_id, row in rows.items()} == {USER: "processing"}


def test_what_the_app_reads_is_written_by_the_owner_only(supabase):
    profiles = supabase.store().profiles
    supabase.owned()
    run(profiles.save_sections(USER, RUN, {"soul_md": "{}"}, "text", "question"))
    row = supabase.row()
    assert (row["soul_md"], row["soulprint_text"]) == ("{}", "text")
    with pytest.raises(NotOwner):
        run(profiles.save_sections(USER, "another", {"soul_md": "stolen"}, "stolen", "question"))
    assert supabase.row()["soul_md"] == "{}"


@pytest.mark.parametrize("path", [f"imports/{USER}/a.zip", f"{USER}/a.zip"])
def test_an_object_is_named_with_or_without_its_bucket(path):
    assert object_name(path, USER, "imports") == f"{USER}/a.zip"


@pytest.mark.parametrize(
    "path",
    [
        f"imports/{OTHER}/a.zip",
        f"imports/{USER}/../{OTHER}/a.zip",
        f"imports/{USER}//a.zip",
        f"imports/{USER}",
        f"imports/{USER}/a\x00.zip",
        f"imports/{USER}\\a.zip",
        "",
    ],
)
def test_an_object_of_somebody_else_or_of_nobody_is_refused(path):
    with pytest.raises(ExportError, match="in the folder of the user it is for"):
        object_name(path, USER, "imports")
