"""Supabase's linter (splinter, which the dashboard's Security and Performance Advisor show) says nothing of ours."""

import asyncio
import os
from pathlib import Path

import asyncpg
import pytest

from deployments.local.supabase import database
from tests.conformance.two_users import USUAL_APP
from tests.integration.store.forms import migrate
from tests.integration.store.sql import Database

#: An app's tables as they were before the full pass came, with what the linter says of them itself.
OLDER_APP = f"""
    create table user_profiles (
        id uuid primary key default gen_random_uuid(),
        user_id uuid unique not null references auth.users on delete cascade,
        full_pass_status text default 'pending');
    create table conversation_chunks (
        id uuid primary key default gen_random_uuid(), user_id uuid not null references auth.users, content text);
    alter table user_profiles enable row level security;
    alter table conversation_chunks enable row level security;
    {USUAL_APP}
"""

SPLINTER = os.environ.get("SPLINTER_SOURCE")

if SPLINTER is None:
    pytest.skip(
        "no linter: git clone https://github.com/supabase/splinter, SPLINTER_SOURCE=$PWD/splinter",
        allow_module_level=True,
    )


#: Asks for XML, which the embedded Postgres is built without; about public buckets, of which we make none.
NOT_ASKED = "0025_public_bucket_allows_listing"


@pytest.fixture
def lint():
    """What the linter finds, by its own keys."""
    assert SPLINTER is not None
    lints = [path for path in sorted((Path(SPLINTER) / "lints").glob("*.sql")) if path.stem != NOT_ASKED]
    assert lints, f"{SPLINTER} is no checkout of github.com/supabase/splinter"

    def lint(db: Database, before: str = "select") -> set[str]:
        async def run() -> set[str]:
            connection = await asyncpg.connect(db.url)
            transaction = connection.transaction()
            await transaction.start()
            try:
                await connection.execute("set local pgrst.db_schemas = 'public, graphql_public'; create schema lint")
                await connection.execute(before)
                found = set()
                for path in lints:
                    await connection.execute(path.read_text())
                    found |= {row[0] for row in await connection.fetch(f'select cache_key from lint."{path.stem}"')}
                return found
            finally:
                await transaction.rollback()
                await connection.close()

        return asyncio.run(run())

    return lint


@pytest.fixture
def platform(new_database, tmp_path):
    db = new_database()
    asyncio.run(database.prepare(db.url, tmp_path / "no migrations"))
    return db


def test_it_finds_nothing_in_a_fresh_project(platform, lint):
    without = lint(platform)
    migrate(platform)
    assert lint(platform) - without == set()


def test_it_finds_nothing_of_ours_over_an_app_with_its_own_policies(platform, lint):
    platform.script(OLDER_APP)
    without = lint(platform)
    assert without
    migrate(platform)
    assert lint(platform) - without == set()


def test_it_finds_nothing_of_ours_when_the_app_makes_its_policies_later(platform, lint):
    without = lint(platform)
    migrate(platform)
    platform.script(f"{USUAL_APP} call full_pass_yield_to_policies()")
    ours = {found for found in lint(platform) if "_Users can " not in found}
    assert ours - without == set()


def test_where_graphql_is_on_strangers_see_no_table_and_users_those_that_they_read(platform, lint):
    migrate(platform)
    found = lint(
        platform,
        "set local allow_system_table_mods = on;"
        "insert into pg_extension (oid, extname, extowner, extnamespace, extrelocatable, extversion)"
        " values (1, 'pg_graphql', 10, 11, false, '1')",
    )
    assert {key for key in found if "graphql" in key} == {
        f"pg_graphql_authenticated_table_exposed_public_{table}"
        for table in (
            *("user_profiles", "conversation_chunks", "chunk_facts", "memory_facts", "memory_fact_sources"),
            *("memory_entries", "memory_versions", "memory_imports"),
        )
    }


@pytest.mark.parametrize(
    ("undo", "found"),
    [
        ("alter table chunk_facts disable row level security", "rls_disabled_in_public"),
        ('drop policy "full pass: the full pass only" on model_pauses', "rls_enabled_no_policy"),
        ("create index i on extraction_batches (model)", "unused_index"),
        ("alter function full_pass_guard_chunk() reset search_path", "function_search_path_mutable"),
        ("drop index extraction_batches_user_batch", "unindexed_foreign_keys"),
        (USUAL_APP, "multiple_permissive_policies"),
        (
            "grant execute on function full_pass_guard_chunk() to anon;"
            "alter function full_pass_guard_chunk() security definer",
            "anon_security_definer_function_executable",
        ),
    ],
)
def test_it_would_find_what_is_undone(platform, lint, undo, found):
    migrate(platform)
    platform.script(undo)
    assert [key for key in lint(platform) if key.startswith(found)]
