"""Supabase's own roles, rights and default privileges, applied from its source to the embedded Postgres: the migrations
go in as `postgres`, which is no superuser there, and the protections hold. And `platform.sql` says the same of them."""

import asyncio
import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest

from deployments.local.postgres import EmbeddedPostgres
from deployments.local.supabase import database
from tests.conformance.two_users import (
    OPEN_APP,
    USUAL_APP,
    breaches,
    on_the_neighbour,
    on_what_is_owned,
    populate,
)
from tests.integration.store.forms import form
from tests.integration.store.sql import OTHER, USER, Database

SOURCE = os.environ.get("SUPABASE_POSTGRES_SOURCE")

if SOURCE is None:
    pytest.skip(
        "no roles of Supabase: git clone https://github.com/supabase/postgres, SUPABASE_POSTGRES_SOURCE=$PWD/postgres",
        allow_module_level=True,
    )

#: As migrate.sh finds it: supabase_admin is the superuser, and there is a role `postgres`, which is one still.
IMAGE = """
    create role supabase_admin superuser login;
    set session authorization supabase_admin;
    alter role postgres rename to bootstrap;
    create role postgres superuser login;
    alter database postgres owner to postgres;
    create role pgsodium_keyholder;
"""
#: What stands in for extensions that the wheel lacks.
EXTENSIONS = """
    create schema extensions;
    create function extensions.uuid_generate_v4() returns uuid language sql as 'select gen_random_uuid()';
"""
#: What Auth and Storage do to their tables when they start: supabase/auth, migrations/20220224000811 and later;
#: supabase/storage, migrations/tenant/0007 and 0008.
SERVICES = """
    create or replace function auth.uid() returns uuid language sql stable as
        $$ select (nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'sub')::uuid $$;
    alter table storage.buckets add public boolean default false;
    alter table storage.buckets enable row level security;
"""

ROLES = """
    select rolname || ' ' || concat_ws(' ', rolsuper, rolinherit, rolcreaterole, rolcreatedb, rolbypassrls,
        array(select line from unnest(rolconfig) as line where line like '%timeout%' order by 1)) from pg_roles
    where rolname in ('anon', 'authenticated', 'service_role', 'authenticator') order by 1
"""
MEMBERS = """
    select roleid::regrole || ' to ' || member::regrole from pg_auth_members
    where member = 'authenticator'::regrole order by 1
"""
NEW_OBJECTS = """
    create table public.new_table (id bigserial); create function public.new_function() returns void
        language sql as 'select';
"""
RIGHTS = """
    select relname || ' ' || grantee::regrole || ' ' || privilege_type from pg_class, aclexplode(relacl)
        where relname like 'new\\_table%' and grantee::regrole::text in ('anon', 'authenticated', 'service_role')
    union all select proname || ' ' || case grantee when 0 then 'public' else grantee::regrole::text end
        from pg_proc, aclexplode(proacl) where proname = 'new_function' and grantee <> proowner
    order by 1
"""


@pytest.fixture(scope="module")
def supabase(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    """A server of its own, since roles are of a server and not of a database."""
    assert SOURCE is not None
    scripts = Path(SOURCE) / "migrations" / "db"
    with EmbeddedPostgres(tmp_path_factory.mktemp("supabase") / "data") as server:
        url = server.url("postgres")
        asyncio.run(_initialise(url, scripts))
        yield Database(url)


async def _initialise(url: str, scripts: Path) -> None:
    """As migrations/db/migrate.sh: the init scripts as postgres, the migrations as supabase_admin."""
    admin = await asyncpg.connect(url)
    await admin.execute(IMAGE)
    postgres = await asyncpg.connect(url)
    await postgres.execute(EXTENSIONS)
    initial = sorted((scripts / "init-scripts").glob("*.sql"))
    assert initial, f"{SOURCE} is no checkout of github.com/supabase/postgres"
    for script in initial:
        lines = script.read_text().splitlines()
        await postgres.execute("\n".join(line for line in lines if not line.startswith("create extension")))
    for script in sorted((scripts / "migrations").glob("*.sql")):
        try:
            async with admin.transaction():
                await admin.execute(script.read_text())
        except asyncpg.PostgresError:
            if not _lacks_an_extension(script):
                raise
    await admin.execute(SERVICES)
    await admin.close()
    await postgres.close()


def _lacks_an_extension(script: Path) -> bool:
    """Whether it is about one that the wheel has not, and none of the roles that are tested."""
    absent = ("pg_graphql", "graphql", "pgsodium", "vault", "pg_net", "pg_cron", "cron.", "pgbouncer", "safeupdate")
    return any(name in script.read_text() for name in absent)


@pytest.fixture(scope="module")
def project(supabase):
    """With the migrations, as `supabase db push` applies them: by postgres."""
    assert not supabase.value("select rolsuper from pg_roles where rolname = current_user")
    for script in sorted(database.MIGRATIONS.glob("*.sql")):
        supabase.script(script.read_text())
    supabase.sign_up(USER, OTHER)
    supabase.run("insert into user_profiles (user_id) values ($1), ($2)", USER, OTHER)
    populate(supabase)
    return supabase


@contextlib.contextmanager
def also(db: Database, app: str) -> Iterator[None]:
    """The app's policies for a while; its grants stay."""
    db.script(app)
    yield
    for table, policy in db.run("select tablename, policyname from pg_policies where schemaname = 'public'"):
        if not policy.startswith("full pass: "):
            db.run(f'drop policy "{policy}" on {table}')


def answers(db, query):
    return [row[0] for row in db.run(query)]


def test_the_local_platform_has_the_same_roles_and_gives_the_same_rights(supabase, new_database, tmp_path):
    local = new_database()
    asyncio.run(database.prepare(local.url, tmp_path))
    assert answers(local, ROLES) == answers(supabase, ROLES)
    assert answers(local, MEMBERS) == answers(supabase, MEMBERS)
    rights = []
    for db in (local, supabase):
        db.script(NEW_OBJECTS)
        rights.append(answers(db, RIGHTS))
        db.script("drop table new_table; drop function new_function")
    assert rights[0] == rights[1]
    assert {"new_table anon TRUNCATE", "new_function public"} <= set(rights[0])


def test_the_form_is_what_it_is_on_the_local_platform(project, db):
    assert form(project) == form(db)


@pytest.mark.parametrize("role", ["authenticated", "anon"])
def test_the_protections_hold(project, role):
    attempts = [*on_what_is_owned(), *on_the_neighbour()]
    assert breaches(project, attempts, role) == set()
    with also(project, USUAL_APP):
        assert breaches(project, attempts, role) == set()
    with also(project, OPEN_APP):
        assert breaches(project, on_what_is_owned(), role) == set()


def test_the_full_pass_writes_and_nothing_of_a_deleted_user_stays(project):
    user = "00000000-0000-4000-8000-000000000009"
    project.sign_up(user)
    service = {"role": "service_role"}
    project.run("insert into user_profiles (user_id) values ($1)", user, **service)
    project.run("select full_pass_claim($1, 'run', '{}')", user, **service)
    project.run("select full_pass_save_chunks($1, 'run', '[{\"chunk_key\": \"k\"}]')", user, **service)
    project.run("select full_pass_save_reply($1, 'k', '{}')", user, **service)
    project.run("delete from auth.users where id = $1", user)
    for table in ("user_profiles", "conversation_chunks", "model_replies"):
        assert project.value(f"select count(*) from {table} where user_id = $1", user) == 0


def test_a_user_uploads_into_the_own_folder_only(project):
    upload = "insert into storage.objects (bucket_id, name) values ('imports', $1)"
    me = {"role": "authenticated", "user": USER}
    project.run(upload, f"{USER}/export.zip", **me)
    for name in (f"{OTHER}/export.zip", "export.zip"):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            project.run(upload, name, **me)
