"""The Supabase-shaped database: what the platform provides, then this project's migrations."""

from pathlib import Path

import asyncpg

MIGRATIONS = Path(__file__).resolve().parents[2] / "supabase" / "migrations"
_PLATFORM = Path(__file__).with_name("platform.sql")

#: Where `supabase db push` notes what it has applied, as it makes it.
_HISTORY = """
    create schema if not exists supabase_migrations;
    create table if not exists supabase_migrations.schema_migrations (
        version text primary key, statements text[], name text)
"""
_NOTE = """
    insert into supabase_migrations.schema_migrations (version, name) values ($1, $2)
    on conflict do nothing returning version
"""


async def prepare(url: str, migrations: Path = MIGRATIONS) -> None:
    """Applies the platform's part, then the migrations that the database has not had, in order of their names.

    As `supabase db push` does, each in a transaction and once: an old file over the form that a later one has made
    could fail, or undo it.
    """
    connection = await asyncpg.connect(url)
    try:
        async with connection.transaction():
            await connection.execute(_PLATFORM.read_text(encoding="utf-8") + _HISTORY)
        for script in sorted(migrations.glob("*.sql")):
            version, _, name = script.stem.partition("_")
            async with connection.transaction():
                if await connection.fetchval(_NOTE, version, name):
                    # Of a file without a statement, as a new one is, the driver makes an error of its own.
                    await connection.execute(f"{script.read_text(encoding='utf-8')}\n;select 1")
    finally:
        await connection.close()
