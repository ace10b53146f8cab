"""What one user can do to what the full pass owns and to another user: nothing, whatever the app allows.

Each protection is taken away once, and then something gets through.
"""

import asyncio
import json

import asyncpg
import pytest

from deployments.local.supabase import database
from tests.conformance.two_users import (
    OPEN_APP,
    OWNED,
    TABLES,
    USUAL_APP,
    breaches,
    on_the_neighbour,
    on_what_is_owned,
    populate,
)
from tests.integration.store.sql import OTHER, USER

WHO = ("authenticated", "anon")
PROTECTIONS = "20261125180000"


@pytest.fixture
def usual(taken_back):
    taken_back.script(USUAL_APP)
    populate(taken_back)
    return taken_back


@pytest.fixture
def opened(taken_back):
    """An app that lets everybody do everything, as far as policies and rights go."""
    taken_back.script(OPEN_APP)
    populate(taken_back)
    return taken_back


@pytest.mark.parametrize("role", WHO)
def test_the_usual_app_lets_nobody_write_what_is_owned_or_meet_the_neighbour(usual, role):
    assert breaches(usual, on_what_is_owned(), role) == set()
    assert breaches(usual, on_the_neighbour(), role) == set()


@pytest.mark.parametrize("role", WHO)
def test_an_app_that_allows_everything_does_not_allow_to_write_what_is_owned(opened, role):
    assert breaches(opened, on_what_is_owned(), role) == set()


#: What came after the protections.
COLUMNS_SINCE = """
    alter table user_profiles add full_pass_imports jsonb;
    alter table conversation_chunks
        add import_source text, add turns integer[], add turn_times timestamptz[], add cut_secrets jsonb;
    create table memory_facts (id uuid primary key, user_id uuid, kind text, text text);
    create table memory_fact_sources (
        id bigint generated always as identity, user_id uuid, fact_id uuid, chunk_key text, conversation_id text,
        quote text);
    create table memory_decisions (user_id uuid, question_key text, decision jsonb);
    create table full_pass_deliveries (
        user_id uuid, object_names text[], object_versions text[], body_hash text, state text);
    alter table user_profiles add full_pass_memory_digest text, add full_pass_sections_question text;
    create table memory_entries (
        user_id uuid, id uuid, section text, position integer, text text, fact_ids uuid[], origin text);
    create table memory_versions (user_id uuid, version integer, kind text, memory_md text);
    create table memory_erasures (user_id uuid, erased_at timestamptz);
    create table memory_secrets (user_id uuid primary key, inner_pad bytea, outer_pad bytea);
    create table memory_imports (user_id uuid, id uuid, sources text[], conversations integer);
    create table memory_import_chunks (
        user_id uuid, import_id uuid, chunk_key text, primary key (user_id, import_id, chunk_key));
"""


def test_before_the_protections_the_usual_app_let_a_user_write_whose_export_is_read(new_database, tmp_path):
    db = new_database()
    for script in database.MIGRATIONS.glob("*.sql"):
        if script.name < PROTECTIONS:
            (tmp_path / script.name).write_text(script.read_text())
    asyncio.run(database.prepare(db.url, tmp_path))
    db.script(COLUMNS_SINCE)
    db.run("insert into user_profiles (user_id) values ($1), ($2)", USER, OTHER)
    db.script(USUAL_APP)
    populate(db)
    found = breaches(db, on_what_is_owned())
    assert found >= {f"update user_profiles.{name}" for name in OWNED if name != "user_id"}
    assert found >= {f"truncate {table}" for table in TABLES if not table.startswith(("memory_", "full_pass_"))}


#: A trigger that is dropped → what the app then lets happen.
WITHOUT = {
    "full_pass_guard on user_profiles": "update user_profiles.full_pass_parameters",
    "full_pass_guard on conversation_chunks": "update conversation_chunks.content",
    "full_pass_guard on chunk_facts": "insert chunk_facts",
    "full_pass_guard on extraction_batches": "update extraction_batches",
    "full_pass_guard on model_replies": "delete model_replies",
    "full_pass_guard on model_pauses": "truncate model_pauses",
    "full_pass_guard on memory_facts": "update memory_facts",
    "full_pass_guard on memory_fact_sources": "delete memory_fact_sources",
    "full_pass_guard on memory_decisions": "insert memory_decisions",
    "full_pass_guard on full_pass_deliveries": "truncate full_pass_deliveries",
    "full_pass_guard on memory_entries": "update memory_entries",
    "full_pass_guard on memory_versions": "delete memory_versions",
    "full_pass_guard on memory_erasures": "delete memory_erasures",
    "full_pass_guard on memory_secrets": "insert memory_secrets",
    "full_pass_guard on memory_imports": "update memory_imports",
    "full_pass_guard on memory_import_chunks": "delete memory_import_chunks",
    "full_pass_guard_truncate on user_profiles": "truncate user_profiles",
    "full_pass_guard_truncate on conversation_chunks": "truncate conversation_chunks",
}


@pytest.mark.parametrize("trigger", WITHOUT)
def test_without_its_trigger_a_table_is_open_to_what_the_app_allows(opened, trigger):
    possible = [attempt for attempt in on_what_is_owned() if attempt.name == WITHOUT[trigger]]
    assert breaches(opened, possible) == set()
    opened.run(f"drop trigger {trigger}")
    assert breaches(opened, possible) == {WITHOUT[trigger]}


#: Each policy of the full pass: its table → its name.
READABLE = {
    "user_profiles": "full pass: users read their own profile",
    "conversation_chunks": "full pass: users read their own chunks",
    "chunk_facts": "full pass: users read their own facts",
    "memory_facts": "full pass: users read their own",
    "memory_fact_sources": "full pass: users read their own",
    "memory_entries": "full pass: users read their own",
    "memory_versions": "full pass: users read their own",
    "memory_imports": "full pass: users read their own",
}
OURS_ONLY = {table: "full pass: the full pass only" for table in TABLES if table not in READABLE}


@pytest.fixture
def alone(taken_back):
    """A project whose app has no policies of its own."""
    populate(taken_back)
    return taken_back


def test_each_policy_is_tried(db):
    there = db.run("select tablename, policyname from pg_policies where schemaname = 'public'")
    assert sorted(map(tuple, there)) == sorted((READABLE | OURS_ONLY).items())


@pytest.mark.parametrize("table", READABLE)
def test_a_user_reads_the_own_rows_and_without_the_policy_none(alone, table):
    me = {"role": "authenticated", "user": USER}
    assert len(alone.run(f"select 1 from {table}", **me)) == 1
    alone.run(f'drop policy "{READABLE[table]}" on {table}')
    assert alone.run(f"select 1 from {table}", **me) == []


@pytest.mark.parametrize("table", READABLE)
def test_with_a_wider_policy_a_table_is_read_by_the_neighbour(alone, table):
    assert breaches(alone, on_the_neighbour()) == set()
    alone.run(f'alter policy "{READABLE[table]}" on {table} using (true)')
    assert breaches(alone, on_the_neighbour()) == {f"read {table}"}


@pytest.mark.parametrize("table", OURS_ONLY)
def test_with_a_policy_for_all_and_a_right_a_table_of_ours_is_read_by_users(alone, table):
    alone.run(f'alter policy "{OURS_ONLY[table]}" on {table} to public')
    assert breaches(alone, on_the_neighbour()) == set()
    alone.run(f"grant select on {table} to authenticated")
    assert breaches(alone, on_the_neighbour()) - {"read their key"} == {f"read {table}"}


@pytest.mark.parametrize("table", [table for table in TABLES if table != "model_pauses"])
def test_without_row_level_security_or_rights_a_table_is_read_by_the_neighbour(usual, table):
    usual.script(f"grant select on {table} to authenticated; alter table {table} disable row level security")
    assert breaches(usual, on_the_neighbour()) >= {f"read {table}"}


@pytest.mark.parametrize(
    "protected", [table for table in TABLES if table not in ("user_profiles", "conversation_chunks")]
)
def test_without_row_level_security_rights_still_keep_users_from_writing(usual, protected):
    usual.script(f"alter table {protected} disable row level security; drop trigger full_pass_guard on {protected}")
    changes = [attempt for attempt in on_what_is_owned() if attempt.name.endswith(f" {protected}")]
    assert breaches(usual, changes) == set()
    usual.run(f"grant all on {protected} to authenticated")
    # Which take a right on what goes with them.
    possible = {attempt.name for attempt in changes} - {"truncate memory_facts", "truncate memory_imports"}
    assert breaches(usual, changes) == possible


@pytest.mark.parametrize("function", ["full_pass_complete(uuid, text)", "full_pass_take_due(integer, interval)"])
def test_a_function_that_users_may_call_is_a_breach(usual, function):
    usual.run(f"grant execute on function {function} to authenticated")
    assert breaches(usual, on_the_neighbour()) == {f"call {function.split('(')[0]}"}


def test_rights_are_what_is_needed_and_no_more(db):
    rights = db.run(
        "select relname || ' ' || string_agg(grantee::regrole || ':' || privilege_type, ' ' order by 1, privilege_type)"
        " from pg_class, aclexplode(relacl) where relnamespace = 'public'::regnamespace and relkind = 'r'"
        " and grantee::regrole::text in ('anon', 'authenticated', '-') group by relname order by 1"
    )
    four = "authenticated:DELETE authenticated:INSERT authenticated:SELECT authenticated:UPDATE"
    assert [row[0] for row in rights] == [
        "chunk_facts authenticated:SELECT",
        f"conversation_chunks {four}",
        "memory_entries authenticated:SELECT",
        "memory_fact_sources authenticated:SELECT",
        "memory_facts authenticated:SELECT",
        "memory_imports authenticated:SELECT",
        "memory_versions authenticated:SELECT",
        f"user_profiles {four}",
    ]


def test_each_table_is_tried(db):
    there = db.run("select relname from pg_class where relnamespace = 'public'::regnamespace and relkind = 'r'")
    assert {row[0] for row in there} == set(TABLES)


# What stays possible


def test_a_user_changes_what_is_the_users_and_the_full_pass_goes_on_writing(usual):
    me = {"role": "authenticated", "user": USER}
    usual.script("alter table user_profiles add name text; alter table conversation_chunks add pinned boolean")
    usual.script('create policy "pin" on conversation_chunks for update using (auth.uid() = user_id)')
    changed = "update user_profiles set name = 'Ada', memory_md = 'my own words' where user_id = $1 returning 1"
    assert len(usual.run(changed, USER, **me)) == 1
    # The whole row sent back, as apps do.
    usual.run("update user_profiles set full_pass_status = full_pass_status, user_id = user_id", **me)
    assert len(usual.run("update conversation_chunks set pinned = true returning 1", **me)) == 1
    assert usual.claim("run-9")["claimed"]
    service = {"role": "service_role"}
    usual.value("select full_pass_save_chunks($1, 'run-9', $2)", USER, json.dumps([{"chunk_key": "n"}]), **service)
    usual.value("select full_pass_save_reply($1, 'x', '{}')", USER, **service)
    assert usual.value("select full_pass_complete($1, 'run-9')", USER, **service)


def test_a_user_makes_the_own_profile_as_one_of_which_nothing_is_known(new_database):
    db = new_database()
    asyncio.run(database.prepare(db.url))
    db.script(USUAL_APP)
    db.sign_up(USER)
    me = {"role": "authenticated", "user": USER}
    db.run("alter table user_profiles alter column full_pass_status set default 'none'")
    made = db.run("insert into user_profiles (user_id, progress_percent) values ($1, 0) returning *", USER, **me)
    assert made[0]["full_pass_status"] == "none"
    db.run("delete from user_profiles")
    for column in ("full_pass_status", "full_pass_attempts", "full_pass_parameters", "full_pass_next_retry_at"):
        written = f"insert into user_profiles (user_id, {column}) values ($1, '{OWNED[column]}')"
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            db.run(written, USER, **me)


def test_a_function_of_the_app_with_its_owners_rights_writes_what_it_likes(usual):
    usual.script(
        "create function app_reset() returns void language sql security definer set search_path = ''"
        " as $$ update public.user_profiles set full_pass_status = 'pending' where user_id = auth.uid() $$"
    )
    usual.run("select app_reset()", role="authenticated", user=USER)
    assert usual.row()["full_pass_status"] == "pending"


def test_another_trigger_of_the_app_cannot_write_it_for_the_user(usual):
    usual.script(
        "create function app_touch() returns trigger language plpgsql as"
        " $$ begin new.full_pass_attempts := 0; new.full_pass_status := 'failed'; return new; end $$;"
        "create trigger zzz before update on user_profiles for each row execute function app_touch()"
    )
    with pytest.raises(asyncpg.InsufficientPrivilegeError, match=r"user_profiles\.full_pass_status is written by"):
        usual.run("update user_profiles set memory_md = 'x'", role="authenticated", user=USER)


def test_the_refusal_names_the_column_and_no_value(opened):
    with pytest.raises(asyncpg.InsufficientPrivilegeError) as refused:
        opened.run("update user_profiles set full_pass_error = 'secret'", role="authenticated", user=USER)
    assert refused.value.message == "user_profiles.full_pass_error is written by the full pass only"
    assert "secret" not in str(refused.value)


# Stored parameters


@pytest.mark.parametrize("written", [OTHER, OTHER.upper(), "nobody"])
def test_parameters_that_name_another_user_are_never_due(db, written):
    due(db, {"user_id": written, "storage_path": f"imports/{OTHER}/export.zip"})
    assert taken(db) == []
    due(db, {"user_id": USER.upper(), "storage_path": f"imports/{USER}/export.zip"})
    assert taken(db) == [USER]


def test_without_the_comparison_they_were(db):
    due(db, {"user_id": OTHER, "storage_path": f"imports/{OTHER}/export.zip"})
    (before,) = database.MIGRATIONS.glob("*_retries.sql")
    db.script(before.read_text())
    assert taken(db) == [USER]


def due(db, parameters):
    db.run(
        "update user_profiles set full_pass_status = 'failed', full_pass_next_retry_at = '2026-01-01',"
        " full_pass_parameters = $2 where user_id = $1",
        USER,
        json.dumps(parameters),
    )


def taken(db):
    rows = db.run("select full_pass_take_due(5, '1 minute')", role="service_role")
    return [json.loads(row[0])["user_id"] for row in rows]
