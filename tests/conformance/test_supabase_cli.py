"""The real Supabase CLI applies the migrations; where it is not installed, nothing is asked."""

import asyncio
import functools
import os
import re
import shutil
import subprocess
from pathlib import Path
from urllib.parse import urlencode

import pytest

from deployments.local.supabase import database
from tests.integration.store.forms import ROWS_BEFORE, form, migrate, prepare_before, rows
from tests.integration.store.sql import Database

SUPABASE = os.environ.get("SUPABASE_CLI") or shutil.which("supabase")

if SUPABASE is None:
    pytest.skip(
        "no Supabase CLI: npm install @supabase/cli-linux-x64,"
        " SUPABASE_CLI=$PWD/node_modules/@supabase/cli-linux-x64/bin/supabase",
        allow_module_level=True,
    )


#: Before the protections: what is applied today.
YESTERDAY = "20261125180000"

APP_HISTORY = {
    "20250101000000_profiles.sql": """
        create table public.user_profiles (
            user_id uuid primary key references auth.users on delete cascade, full_pass_status text default 'pending');
        alter table public.user_profiles enable row level security;
        create policy "Users can update own profile" on public.user_profiles for update using (auth.uid() = user_id);
    """,
    "20991231000000_later.sql": "alter table public.user_profiles add column if not exists favourite_colour text;",
}


@functools.cache
def _is_version_3() -> bool:
    assert SUPABASE is not None
    said = subprocess.run([SUPABASE, "--version"], capture_output=True, text=True, check=True).stdout
    return int(said.split(".")[0]) >= 3


class Folder:
    """A folder with `supabase/migrations`, and the CLI in it."""

    def __init__(self, path: Path):
        self.migrations = path / "supabase" / "migrations"
        self.migrations.mkdir(parents=True)
        self._path = path
        self._environment = {
            **os.environ,
            "HOME": str(path),
            "DO_NOT_TRACK": "1",
            "SUPABASE_TELEMETRY_DISABLED": "1",
        }

    def holds(self, *names: str) -> None:
        """Copies migrations of the full pass, all if none is named; those of the app are there already."""
        for script in database.MIGRATIONS.glob("*.sql"):
            if not names or script.name in names:
                shutil.copy(script, self.migrations)

    def writes(self, **scripts: str) -> None:
        for name, text in scripts.items():
            (self.migrations / name).write_text(text)

    def run(self, db: Database, *command: str, fails: bool = False) -> str:
        """What the CLI said."""
        assert SUPABASE is not None
        address = f"{'--remote' if _is_version_3() else '--db-url'}={_address(db)}"
        done = subprocess.run(
            [SUPABASE, *command, address, "--workdir", str(self._path), "--yes"],
            env=self._environment,
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert (done.returncode != 0) == fails, done.stdout + done.stderr
        return done.stdout + done.stderr

    def push(self, db: Database, *options: str, fails: bool = False) -> list[str]:
        """The files that were applied."""
        said = self.run(db, "db", "push", *options, fails=fails)
        return sorted(set(re.findall(r"Applying migration (\S+\.sql)", said)))


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path / "folder")


@pytest.fixture
def project(new_database, tmp_path):
    """A database with the platform's part and no migration."""
    db = new_database()
    asyncio.run(database.prepare(db.url, tmp_path / "no migrations"))
    return db


def ours() -> list[str]:
    return sorted(script.name for script in database.MIGRATIONS.glob("*.sql"))


def _address(db: Database) -> str:
    """Of the database, as the CLI takes that of a socket."""
    place, sockets = db.url.split("?host=")
    return f"postgresql:///{place.rsplit('/', 1)[1]}?{urlencode({'host': sockets, 'user': 'postgres'}, safe='/')}"


def test_it_pushes_them_once(folder, project, new_database):
    prepared = new_database()
    migrate(prepared)
    folder.holds()
    assert folder.push(project) == ours()
    assert form(project) == form(prepared)
    assert folder.push(project) == []
    assert folder.push(prepared) == []


def test_it_pushes_them_over_the_form_before(folder, new_database):
    db, fresh = new_database(), new_database()
    prepare_before(db)
    kept = rows(db)
    # They are noted as if the CLI had pushed them, and it wants to know what has become of them.
    versions = [row[0] for row in db.run("select version from supabase_migrations.schema_migrations")]
    folder.holds()
    folder.run(db, "migration", "repair", "--status", "reverted", *versions)
    folder.push(db)
    assert rows(db) == kept
    db.run("alter table conversation_chunks drop column embedding")
    migrate(fresh)
    assert form(db) == form(fresh)


def test_it_pushes_what_is_new_over_what_is_applied_today(folder, project):
    applied = [name for name in ours() if name < YESTERDAY]
    folder.holds(*applied)
    assert folder.push(project) == applied
    project.script(ROWS_BEFORE)
    kept = rows(project)
    folder.holds()
    assert folder.push(project) == [name for name in ours() if name >= YESTERDAY]
    assert rows(project) == kept


def test_copied_into_an_apps_folder_they_follow_its_history(folder, project):
    profiles, later = APP_HISTORY
    folder.writes(**{profiles: APP_HISTORY[profiles]})
    assert folder.push(project) == [profiles]
    folder.holds()
    assert folder.push(project) == ours()
    folder.writes(**{later: APP_HISTORY[later]})
    assert folder.push(project) == [later]


def test_over_a_later_migration_of_the_app_they_need_to_be_meant(folder, project):
    folder.writes(**APP_HISTORY)
    assert folder.push(project) == sorted(APP_HISTORY)
    folder.holds()
    folder.push(project, fails=True)
    assert folder.push(project, "--include-all") == ours()
    assert project.value("select count(*) from pg_trigger where tgname = 'full_pass_guard'") == 16


def test_beside_an_apps_history_a_folder_of_their_own_is_refused_before_anything_is_applied(folder, project, tmp_path):
    folder.writes(**APP_HISTORY)
    folder.push(project)
    alone = Folder(tmp_path / "alone")
    alone.holds()
    assert alone.push(project, fails=True) == []
    assert project.value("select to_regclass('public.chunk_facts')") is None
