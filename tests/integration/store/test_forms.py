"""The ways to the present form of the database: from nothing, from itself, from an app's own schema, from the form
before; and that a file which has been applied somewhere is never changed."""

import asyncio
import hashlib
import json
import re

import pytest

from deployments.local.supabase import database
from tests.integration.store.forms import form, migrate, prepare_before, rows
from tests.integration.store.sql import USER

CHECKSUMS = database.MIGRATIONS.with_name("migrations.sha256")

OLDER_SCHEMA = """
    create table user_profiles (
        id bigserial primary key, user_id uuid unique not null, memory_md text, soul_md text, identity_md text,
        user_md text, agents_md text, tools_md text, soulprint_text text, import_status text,
        full_pass_status text default 'pending', full_pass_started_at timestamptz, full_pass_completed_at timestamptz,
        full_pass_error text, favourite_colour text);
    create table conversation_chunks (
        id uuid primary key default gen_random_uuid(), user_id uuid not null, conversation_id text not null, title text,
        content text not null, token_count integer, chunk_tier text, message_count integer, is_recent boolean,
        created_at timestamp not null default now());
    insert into user_profiles (user_id, memory_md, favourite_colour) values ('00000000-0000-4000-8000-000000000001',
        'old', 'green');
    insert into conversation_chunks (user_id, conversation_id, content)
        select '00000000-0000-4000-8000-000000000001', 'c', 'old' from generate_series(1, 2);
"""


@pytest.fixture
def before(new_database):
    """A database of the form before, with rows in every table."""
    db = new_database()
    prepare_before(db)
    return db


@pytest.mark.parametrize("text", ["", "-- to be written\n", "create table t (x int)"])
def test_a_file_that_is_empty_or_ends_without_a_semicolon_is_applied(new_database, tmp_path, text):
    (tmp_path / "20260101000000_begun.sql").write_text(text)
    db = new_database()
    asyncio.run(database.prepare(db.url, tmp_path))
    assert db.value("select count(*) from supabase_migrations.schema_migrations where name = 'begun'") == 1


def test_all_of_them_can_be_applied_again(db):
    present = form(db)
    for script in sorted(database.MIGRATIONS.glob("*.sql")):
        db.script(script.read_text())
    assert form(db) == present
    assert db.value("select count(*) from user_profiles") == 2


def test_each_is_applied_once_and_noted_for_the_supabase_cli(db):
    db.run("drop function full_pass_end_batch(text)")
    migrate(db)
    assert db.run("select from pg_proc where proname = 'full_pass_end_batch'") == []
    noted = db.run("select version || '_' || name || '.sql' from supabase_migrations.schema_migrations order by 1")
    assert [row[0] for row in noted] == sorted(path.name for path in database.MIGRATIONS.glob("*.sql"))


def test_no_file_leaves_a_function_open_if_the_next_one_fails(new_database, tmp_path):
    db = new_database()
    for script in sorted(database.MIGRATIONS.glob("*.sql")):
        (tmp_path / script.name).write_text(script.read_text())
        asyncio.run(database.prepare(db.url, tmp_path))
        for role in ("anon", "authenticated"):
            allowed = "has_function_privilege($1, oid, 'execute') and proname like 'full\\_pass\\_%'"
            assert db.run(f"select proname from pg_proc where {allowed}", role) == [], script.name


def test_an_older_schema_keeps_its_rows_and_columns_and_works(new_database):
    db = new_database()
    db.script(OLDER_SCHEMA)
    for _ in range(2):
        migrate(db)
    row = db.row()
    assert (row["memory_md"], row["favourite_colour"], row["full_pass_attempts"]) == ("old", "green", 0)
    assert db.claim("run-1")["claimed"]
    chunk = {"chunk_key": "k", "conversation_id": "c", "title": "t", "content": "new", "token_count": 1}
    chunks = json.dumps([{**chunk, "message_count": 1, "is_recent": False, "created_at": None}])
    save = "select full_pass_save_chunks($1, 'run-1', $2)"
    assert [db.value(save, USER, chunks) for _ in range(2)] == [1, 0]  # without a date too, twice is once
    assert db.value("select full_pass_end_import($1, 'run-1', '{}', false)", USER) == 2
    assert [chunk["content"] for chunk in db.run("select content from conversation_chunks")] == ["new"]


def reading_policies(db):
    return [row[0] for row in db.run("select policyname from pg_policies where tablename = 'user_profiles' order by 1")]


@pytest.mark.parametrize("who", ["user_id = auth.uid()", "(select auth.uid()) = user_id"])
def test_where_the_app_lets_users_read_their_own_rows_it_is_said_once(new_database, who):
    db = new_database()
    db.script(OLDER_SCHEMA)
    asyncio.run(database.prepare(db.url))
    db.script(f'create policy "theirs" on user_profiles for select using ({who})')
    db.run("call full_pass_yield_to_policies()")
    assert reading_policies(db) == ["theirs"]
    assert db.value("select count(*) from user_profiles", role="authenticated", user=USER) == 1


@pytest.mark.parametrize("who", ["auth.uid() = user_id and memory_md is null", "auth.role() = 'admin'"])
def test_a_policy_of_the_app_that_says_something_else_replaces_none(db, who):
    db.script(f'create policy "theirs" on user_profiles for select using ({who})')
    db.run("call full_pass_yield_to_policies()")
    assert reading_policies(db) == ["full pass: users read their own profile", "theirs"]


def test_from_the_form_before_no_row_changes_and_nothing_of_it_stays_behind(before, new_database):
    kept = rows(before)
    assert all(kept.values())
    migrate(before)
    assert rows(before) == kept
    before.run("alter table conversation_chunks drop column embedding")
    fresh = new_database()
    migrate(fresh)
    assert form(before) == form(fresh)
    names = [row[0] for row in before.run("select proname from pg_proc where proname like 'full\\_pass\\_%'")]
    assert len(names) == len(set(names))


def test_from_the_form_before_a_pass_goes_on_where_it_was(before):
    migrate(before)
    who = {"role": "service_role"}
    chunk = {
        **{"chunk_key": "k1", "conversation_id": "c1", "title": "Tea", "content": "I like tea.", "token_count": 5},
        **{"message_count": 1, "is_recent": False, "created_at": "2024-05-01T10:00:00+00:00"},
        **{"position": 0, "first_message": 0, "last_message": 0},
    }
    save = "select full_pass_save_chunks($1, 'run-1', $2)"
    assert before.value(save, USER, json.dumps([chunk]), **who) == 0
    assert before.value(save, USER, json.dumps([{**chunk, "title": "Green tea"}]), **who) == 1
    assert before.value("select full_pass_end_import($1, 'run-1', '{}', false)", USER, **who) == 1
    assert [(row["title"], row["embedding"]) for row in before.run("select * from conversation_chunks")] == [
        ("Green tea", [0.5])
    ]
    facts = json.dumps([{"chunk_key": "k1", "outcome": "refused"}])
    assert before.value("select full_pass_save_facts($1, 'v1', 'haiku', $2)", USER, facts, **who) > 3_000  # seconds
    assert before.value("select outcome from chunk_facts") == "facts"
    before.run("select full_pass_end_batch('batch-1')", **who)
    before.run("select full_pass_save_memory($1, 'run-1', 'more')", USER, **who)
    before.run("select full_pass_save_sections($1, 'run-1', '{\"soul_md\": \"new\"}', 'print')", USER, **who)
    before.run("select full_pass_save_cost($1, 'run-1', '{\"total\": {\"usd\": 3}}')", USER, **who)
    assert before.value("select full_pass_complete($1, 'run-1')", USER, **who)
    row = before.row()
    assert (row["memory_md"], row["soul_md"], row["full_pass_status"]) == ("more", "new", "complete")
    assert json.loads(row["import_cost_json"])["earlier_runs"] == {"usd": 2}
    assert before.run("select from extraction_batches") == before.run("select from model_replies") == []
    due = [json.loads(row[0]) for row in before.run("select full_pass_take_due(5, '10 minutes')", **who)]
    assert [user["run_id"] for user in due] == ["run-2"]


def test_a_file_that_has_been_applied_somewhere_is_never_changed():
    lines = (line.split() for line in CHECKSUMS.read_text().splitlines())
    listed = {name: checksum for checksum, name in lines}
    there = {path.relative_to(CHECKSUMS.parent).as_posix(): path for path in database.MIGRATIONS.glob("*")}
    for name, checksum in listed.items():
        assert name in there, f"{name} has been applied to databases: put it back"
        assert hashlib.sha256(there[name].read_bytes()).hexdigest() == checksum, (
            f"{name} has been applied to databases, which will not apply it again: put it back as it was, and make a "
            "new file with the change"
        )
    new = sorted(there.keys() - listed.keys())
    assert new == [], f"the list lacks {new}: cd deployments/supabase && sha256sum {' '.join(new)} >> {CHECKSUMS.name}"


def test_files_have_names_that_the_supabase_cli_takes_and_a_new_one_comes_last():
    listed = [line.split()[1] for line in CHECKSUMS.read_text().splitlines()]
    assert listed == sorted(listed), "the Supabase CLI refuses a file that comes before one that it has applied"
    for name in listed:
        assert re.fullmatch(r"migrations/20\d{12}_[a-z0-9_]+\.sql", name)
