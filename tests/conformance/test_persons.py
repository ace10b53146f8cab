"""Everything of one person, through Supabase's own doors: given out as one file, or erased."""

import asyncio
import json
from unittest.mock import patch
from uuid import uuid4

import pytest

from deployments.export_user import export
from flows.errors import StoreError
from tests.conformance.supabase import BUCKET
from tests.conformance.two_users import FACT_ROWS, ROWS

pytestmark = pytest.mark.xdist_group("project")


@pytest.fixture
def person(project):
    """A user with rows in every table, and two uploads, one of them deeper."""
    user_id = project.new_user()
    project.db.script((ROWS + FACT_ROWS).format(user=user_id, run=f"run of {user_id}"))
    project.upload(user_id, b"export")
    project.upload(user_id, b"another", "2026/export.zip")
    return user_id


def rows_of(project, user_id):
    """table → rows of the user in the whole database, whichever tables have users."""
    tables = project.db.run(
        "select table_name from information_schema.columns where column_name = 'user_id' and table_schema = 'public'"
    )
    counts = {name: project.db.value(f"select count(*) from {name} where user_id = $1", user_id) for (name,) in tables}
    return {name: count for name, count in counts.items() if count}


def without_key(counts):
    """The key of a person's hashes is erased with the rest, and neither counted nor given out."""
    return {name: count for name, count in counts.items() if name != "memory_secrets"}


def objects_of(project, user_id):
    sql = "select name from storage.objects where bucket_id = $1 and name like $2 order by name"
    return [row[0] for row in project.db.run(sql, BUCKET, f"{user_id}/%")]


def test_all_rows_of_a_person_go_and_nobody_elses(project, person):
    other = project.new_user()
    project.db.script((ROWS + FACT_ROWS).format(user=other, run=f"run of {other}"))
    kept, had = rows_of(project, other), rows_of(project, person)
    assert project.use(lambda store: store.persons.erase(person)) == without_key(had)
    assert rows_of(project, person) == {}
    assert rows_of(project, other) == kept
    assert project.use(lambda store: store.persons.erase(person)) == {}


def test_more_rows_than_one_statement_deletes_go_too(project, person):
    project.db.run(
        "insert into chunk_facts (user_id, chunk_key, prompt_version, model, outcome)"
        " select $1, n::text, 'v', 'm', 'facts' from generate_series(1, 4999) as n",
        person,
    )
    assert project.use(lambda store: store.persons.erase(person))["chunk_facts"] == 5_000
    assert rows_of(project, person) == {}


def test_a_delivery_that_waits_and_an_attempt_that_is_due_start_nothing_any_more(project, person):
    project.db.run(
        "update user_profiles set full_pass_status = 'failed', full_pass_next_retry_at = now() where user_id = $1",
        person,
    )
    project.db.run("update full_pass_deliveries set state = 'waiting' where user_id = $1", person)

    async def due(store):
        withdrawn = await store.persons.withdraw(person)
        return withdrawn, await store.deliveries.take(person)

    assert project.use(due) == (1, [])
    sql = "select full_pass_next_retry_at from user_profiles where user_id = $1"
    assert project.db.value(sql, person) is None


def test_uploads_go_with_their_folders_and_nobody_elses(project, person):
    other = project.new_user()
    project.upload(other, b"theirs")
    assert project.use(lambda store: store.account.remove_uploads(person)) == 2
    assert objects_of(project, person) == []
    assert objects_of(project, other) == [f"{other}/export.zip"]
    assert project.use(lambda store: store.account.remove_uploads(person)) == 0


def test_uploads_of_more_than_one_answer_are_all_found(project, person):
    with patch("flows.store.persons._LISTED", 1), patch("flows.store.persons._REMOVED", 1):
        assert project.use(lambda store: store.account.remove_uploads(person)) == 2
    assert objects_of(project, person) == []


def test_an_object_does_not_hide_the_folder_of_the_same_name(project, person):
    project.upload(person, b"hiding", "2026")
    assert project.use(lambda store: store.account.remove_uploads(person)) == 3
    assert objects_of(project, person) == []


def test_an_account_goes_once_with_what_the_app_keeps_by_it(project, person):
    assert project.use(lambda store: store.account.delete(person)) is True
    assert project.use(lambda store: store.account.delete(person)) is False
    assert rows_of(project, person) == {}


def test_whoever_never_had_an_account_has_none_to_delete(project):
    assert project.use(lambda store: store.account.delete(uuid4())) is False


def test_a_storage_that_is_away_is_waited_for(project, person):
    project.behaves(faults=[{"method": "POST", "path": "/storage/", "status": 503, "times": 1}])
    assert project.use(lambda store: store.account.remove_uploads(person), patience=5) == 2
    project.behaves(faults=[{"method": "POST", "path": "/storage/", "status": 503}])
    with pytest.raises(StoreError, match=r"does not answer|is not Supabase"):
        project.use(lambda store: store.account.uploads(person))
    project.behaves()


def exported(project, user_id, to):
    settings = {"SUPABASE_URL": project.url, "SUPABASE_SERVICE_KEY": project.key, "STORAGE_BUCKET": BUCKET}
    with patch.dict("os.environ", settings):
        return asyncio.run(export(user_id, to))


def test_an_export_has_every_row_and_the_names_of_the_uploads(project, person, tmp_path):
    counts = exported(project, person, tmp_path / "person.json")
    assert {table: count for table, count in counts.items() if count} == without_key(rows_of(project, person))
    assert (tmp_path / "person.json").stat().st_mode & 0o777 == 0o600
    found = json.loads((tmp_path / "person.json").read_text())
    assert (found["user_id"], found["uploads"]) == (
        str(person),
        [f"{person}/2026/export.zip", f"{person}/export.zip"],
    )
    assert found["tables"]["user_profiles"][0]["memory_md"] == "memory"
    assert [row["content"] for row in found["tables"]["conversation_chunks"]] == ["I like tea."]
    assert [row["text"] for row in found["tables"]["memory_facts"]] == ["I like tea."]


def test_an_export_of_many_pages_has_each_row_once(project, person, tmp_path):
    project.db.run(
        "insert into chunk_facts (user_id, chunk_key, prompt_version, model, outcome)"
        " select $1, n::text, 'v', 'm', 'facts' from generate_series(1, 1200) as n",
        person,
    )
    exported(project, person, tmp_path / "person.json")
    rows = json.loads((tmp_path / "person.json").read_text())["tables"]["chunk_facts"]
    assert len(rows) == len({row["chunk_key"] for row in rows}) == 1_201


def test_an_export_of_somebody_unknown_is_empty(project, tmp_path):
    assert set(exported(project, uuid4(), tmp_path / "nobody.json").values()) == {0}


def test_a_table_of_the_apps_is_none_of_ours_to_give_out(project, person):
    project.db.script("create table if not exists diaries (user_id uuid, text text)")

    async def read(store):
        return [row async for row in store.persons.rows(person, "diaries")]

    with pytest.raises(StoreError):
        project.use(read)
    project.db.script("drop table diaries")
