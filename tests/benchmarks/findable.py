"""Which planted facts search_memory finds, on a real Postgres, by words of their own.

Facts and chunks are those of a pass, written by the functions that write them. Each planted fact is asked for as the
signed-in user, by the words of it that the fewest facts have.
"""

import asyncio
import json
import tempfile
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import asyncpg
import regex

from deployments.local.postgres import EmbeddedPostgres
from deployments.local.supabase import database
from flows.portions import by_count
from tests.unit.fake_supabase import RUN, USER, FakeSupabase

_ROWS_AT_ONCE = 200
_WORDS = 3  # in a query
_WORD = regex.compile(r"\w+(?:[\p{M}\u200c\u200d]+\w+)*")


def findable(supabase: FakeSupabase, texts: Sequence[str]) -> set[str]:
    """Those of the texts that are among the facts found for their rarest words."""
    with (
        tempfile.TemporaryDirectory(prefix="soulprint-bench-") as folder,
        EmbeddedPostgres(Path(folder) / "data") as server,
    ):
        server.create_database("findable")
        return asyncio.run(_findable(server.url("findable"), supabase, texts))


async def _findable(url: str, supabase: FakeSupabase, texts: Sequence[str]) -> set[str]:
    await database.prepare(url)
    connection = await asyncpg.connect(url, command_timeout=600)
    try:
        await _fill(connection, supabase)
        return await _found(connection, texts, _frequencies(supabase))
    finally:
        await connection.close()


async def _fill(connection: asyncpg.Connection, supabase: FakeSupabase) -> None:
    await connection.execute("insert into auth.users (id) values ($1)", USER)
    await connection.execute("insert into user_profiles (user_id) values ($1) on conflict do nothing", USER)
    await connection.fetchval("select full_pass_claim($1, $2, '{}', null)", USER, RUN)
    for function, table in (
        ("full_pass_save_chunks", "conversation_chunks"),
        ("full_pass_save_memory_facts", "memory_facts"),
    ):
        for rows in by_count(supabase.tables[table], _ROWS_AT_ONCE):
            await connection.fetchval(f"select {function}($1, $2, $3)", USER, RUN, json.dumps(rows))
    await connection.execute("analyze")


async def _found(connection: asyncpg.Connection, texts: Iterable[str], frequencies: Counter[str]) -> set[str]:
    found = set()
    claims = json.dumps({"role": "authenticated", "sub": str(USER)})
    async with connection.transaction():
        await connection.execute("select set_config('request.jwt.claims', $1, true)", claims)
        await connection.execute("set local role authenticated")
        for text in texts:
            query = " ".join(sorted(_words(text), key=lambda word: (frequencies[word], word))[:_WORDS])
            rows = await connection.fetch("select text from search_memory($1) where kind = 'fact'", query)
            if text in {row["text"] for row in rows}:
                found.add(text)
    return found


def _frequencies(supabase: FakeSupabase) -> Counter[str]:
    facts: list[dict[str, Any]] = supabase.tables["memory_facts"]
    return Counter(word for fact in facts for word in _words(fact["text"]))


def _words(text: str) -> set[str]:
    return set(_WORD.findall(text.lower()))
