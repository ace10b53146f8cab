"""With an account goes everything that the full pass knows of the person; and the way there from yesterday's data."""

import asyncio

import asyncpg
import httpx
import pytest

from deployments.local.supabase import database, keys
from flows.errors import UserNotFound
from tests.conformance.supabase import SECRET
from tests.conformance.two_users import FACT_ROWS, ROWS
from tests.integration.store.forms import migrate, rows
from tests.integration.store.sql import OTHER, USER

OF_USERS = ("user_profiles", "conversation_chunks", "chunk_facts", "extraction_batches", "model_replies")
OF_FACTS = (
    *("memory_facts", "memory_fact_sources", "memory_decisions", "memory_entries", "memory_versions"),
    *("memory_erasures", "memory_secrets", "full_pass_deliveries"),
    *("memory_imports", "memory_import_chunks"),
)
CALL = "call full_pass_reference_accounts()"


@pytest.fixture
def populated(taken_back):
    for user, run in ((USER, "run-1"), (OTHER, "run-2")):
        taken_back.script(ROWS.format(user=user, run=run) + FACT_ROWS.format(user=user))
    return taken_back


@pytest.fixture
def yesterday(new_database, tmp_path):
    """A database before the keys, with rows of two users who have no account."""
    db = new_database()
    for script in database.MIGRATIONS.glob("*.sql"):
        if script.name < "20261125180000":
            (tmp_path / script.name).write_text(script.read_text())
    asyncio.run(database.prepare(db.url, tmp_path))
    db.run("insert into user_profiles (user_id) values ($1), ($2)", USER, OTHER)
    for user, run in ((USER, "run-1"), (OTHER, "run-2")):
        db.script(ROWS.format(user=user, run=run))
    return db


def left_of(db, user):
    """The tables in which there is a row of the user, whichever they are."""
    tables = db.run("select table_name from information_schema.columns where column_name = 'user_id'")
    count = "select count(*) from public.{} where user_id = $1"
    return {table[0] for table in tables if db.value(count.format(table[0]), user)}


def keyed(db):
    sql = "select conrelid::regclass::text, convalidated from pg_constraint where conname = 'full_pass_account'"
    return dict(db.run(sql))


def test_nothing_of_a_deleted_user_stays_and_everything_of_the_others_does(populated):
    assert left_of(populated, USER) == {*OF_USERS, *OF_FACTS}
    populated.run("delete from auth.users where id = $1", USER)
    assert left_of(populated, USER) == set()
    assert left_of(populated, OTHER) == {*OF_USERS, *OF_FACTS}


@pytest.mark.parametrize("table", [*OF_USERS, *OF_FACTS])
def test_without_its_key_a_table_keeps_the_rows(populated, table):
    populated.run(f"alter table {table} drop constraint full_pass_account")
    populated.run("delete from auth.users where id = $1", USER)
    assert left_of(populated, USER) == {table} - {
        "memory_fact_sources",
        "memory_import_chunks",
    }  # which go with others


def test_a_run_that_is_late_writes_nothing_for_an_account_that_has_gone(populated):
    populated.run("delete from auth.users where id = $1", USER)
    late = [
        """select full_pass_save_facts($1, 'v', 'm', '[{"chunk_key": "k", "outcome": "facts"}]')""",
        "select full_pass_save_reply($1, 'k', '{}')",
        "select full_pass_add_batch($1, 'b', 'v', 'm', '{}')",
    ]
    for statement in late:
        with pytest.raises(asyncpg.ForeignKeyViolationError):
            populated.run(statement, USER, role="service_role")
    assert not populated.claim("run-3")["found"]


def test_the_run_ends_for_good_and_says_why(project):
    user = project.new_user()
    project.db.run("delete from auth.users where id = $1", user)
    with pytest.raises(UserNotFound, match="the account of the user has been deleted") as told:
        project.use(lambda store: store.answers.save_reply(user, "request", {}))
    assert told.value.permanent


def test_deleting_an_account_over_the_api_takes_what_is_in_the_tables_and_leaves_the_upload(project):
    user = project.new_user()
    project.db.script(ROWS.format(user=user, run=f"run of {user}"))
    project.upload(user, b"an export")
    address = f"{project.url}/auth/v1/admin/users/{user}"
    user_key = {"apikey": project.key, "Authorization": f"Bearer {keys.user_token(SECRET, user)}"}
    assert httpx.delete(address, headers=user_key).json()["error_code"] == "not_admin"
    assert left_of(project.db, user)
    assert httpx.delete(address, headers={"apikey": project.key}).status_code == 200
    assert left_of(project.db, user) == set()
    assert httpx.delete(address, headers={"apikey": project.key}).json()["error_code"] == "user_not_found"
    objects = "select count(*) from storage.objects where name like $1 || '/%'"
    assert project.db.value(objects, str(user)) == 1


# Yesterday's data


def test_where_no_user_has_an_account_nothing_changes_and_passes_go_on(yesterday):
    yesterday.run("update user_profiles set memory_md = 'in my own words' where user_id = $1", USER)
    kept = rows(yesterday)
    migrate(yesterday)
    assert rows(yesterday) == kept
    assert keyed(yesterday) == {}
    assert yesterday.claim("run-9")["claimed"]
    yesterday.run("select full_pass_save_reply($1, 'k', '{}')", USER, role="service_role")
    yesterday.run("insert into user_profiles (user_id) values (gen_random_uuid())")


def test_once_they_have_accounts_the_keys_are_one_call_away(yesterday):
    migrate(yesterday)
    yesterday.sign_up(USER, OTHER)
    for _ in range(2):
        yesterday.run(CALL)
    assert keyed(yesterday) == dict.fromkeys([*OF_USERS, *OF_FACTS], True)


def test_rows_without_an_account_stay_and_go_on_and_the_others_go_with_theirs(yesterday):
    yesterday.sign_up(USER)
    kept = rows(yesterday)
    migrate(yesterday)
    assert rows(yesterday) == kept
    assert keyed(yesterday) == (
        dict.fromkeys(OF_FACTS, True) | dict.fromkeys([*OF_USERS, "memory_imports", "memory_import_chunks"], False)
    )
    yesterday.run("update user_profiles set memory_md = 'x' where user_id = $1", OTHER)
    with pytest.raises(asyncpg.ForeignKeyViolationError):
        yesterday.run("insert into user_profiles (user_id) values (gen_random_uuid())")
    yesterday.run("delete from auth.users where id = $1", USER)
    assert left_of(yesterday, USER) == set()
    assert left_of(yesterday, OTHER) == {*OF_USERS, "memory_imports", "memory_import_chunks"}


def test_a_key_of_the_app_is_not_doubled(yesterday):
    yesterday.sign_up(USER, OTHER)
    yesterday.script(
        "alter table user_profiles add constraint theirs foreign key (user_id) references auth.users on delete cascade"
    )
    migrate(yesterday)
    assert keyed(yesterday) == {table: True for table in (*OF_USERS, *OF_FACTS) if table != "user_profiles"}


def test_where_there_are_no_accounts_at_all_nothing_is_made(yesterday):
    yesterday.script("drop table auth.users")
    (script,) = database.MIGRATIONS.glob("*_accounts.sql")
    yesterday.script(script.read_text())
    assert keyed(yesterday) == {}
