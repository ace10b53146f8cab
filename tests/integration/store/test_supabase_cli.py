"""The real Supabase CLI applies the migrations; where it is not installed, nothing is asked."""

import asyncio
import os
import shutil
import subprocess
from urllib.parse import urlencode

import pytest

from deployments.local.supabase import database
from tests.integration.store.forms import form, migrate, prepare_before, rows
from tests.integration.store.sql import Database

SUPABASE = os.environ.get("SUPABASE_CLI") or shutil.which("supabase")

if SUPABASE is None:
    pytest.skip("the Supabase CLI is neither in PATH nor named by SUPABASE_CLI", allow_module_level=True)


@pytest.fixture
def supabase(tmp_path):
    """Runs the CLI on a copy of `deployments`, since it keeps files of its own beside the migrations."""
    assert SUPABASE is not None
    workdir = tmp_path / "deployments"
    shutil.copytree(database.MIGRATIONS.parent, workdir / "supabase")
    environment = {**os.environ, "HOME": str(tmp_path), "DO_NOT_TRACK": "1", "SUPABASE_TELEMETRY_DISABLED": "1"}

    def run(db: Database, *command: str) -> str:
        """What the CLI said."""
        named = "--remote" if "--remote" in _output([SUPABASE, *command, "--help"], environment) else "--db-url"
        address = f"{named}={_address(db)}"
        return _output([SUPABASE, *command, address, "--workdir", str(workdir), "--yes"], environment)

    return run


def _output(command: list[str], environment: dict[str, str]) -> str:
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def _address(db: Database) -> str:
    """Of the database, as the CLI takes that of a socket."""
    place, sockets = db.url.split("?host=")
    return f"postgresql:///{place.rsplit('/', 1)[1]}?{urlencode({'host': sockets, 'user': 'postgres'}, safe='/')}"


def test_it_pushes_them_once(supabase, new_database, tmp_path):
    pushed, prepared = new_database(), new_database()
    migrate(prepared)
    asyncio.run(database.prepare(pushed.url, tmp_path / "no migrations"))
    said = supabase(pushed, "db", "push")
    assert all(f"Applying migration {path.name}" in said for path in database.MIGRATIONS.glob("*.sql"))
    assert form(pushed) == form(prepared)
    assert "up to date" in supabase(pushed, "db", "push")
    assert "up to date" in supabase(prepared, "db", "push")


def test_it_pushes_them_over_the_form_before(supabase, new_database):
    db, fresh = new_database(), new_database()
    prepare_before(db)
    kept = rows(db)
    # They are noted as if the CLI had pushed them, and it wants to know what has become of them.
    versions = [row[0] for row in db.run("select version from supabase_migrations.schema_migrations")]
    supabase(db, "migration", "repair", "--status", "reverted", *versions)
    supabase(db, "db", "push")
    assert rows(db) == kept
    db.run("alter table conversation_chunks drop column embedding")
    migrate(fresh)
    assert form(db) == form(fresh)
