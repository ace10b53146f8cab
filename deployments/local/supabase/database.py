"""The Supabase-shaped database: what the platform provides, then this project's migrations."""

from pathlib import Path

import asyncpg

MIGRATIONS = Path(__file__).resolve().parents[2] / "supabase" / "migrations"
_PLATFORM = Path(__file__).with_name("platform.sql")


async def prepare(url: str, migrations: Path = MIGRATIONS) -> None:
    """Applies the roles and all migrations in order of their names, each in a transaction; again does no harm."""
    connection = await asyncpg.connect(url)
    try:
        for script in (_PLATFORM, *sorted(migrations.glob("*.sql"))):
            async with connection.transaction():
                await connection.execute(script.read_text(encoding="utf-8"))
    finally:
        await connection.close()
