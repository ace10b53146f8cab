"""Which planted facts search_memory finds, on a real Postgres, by words of their own.

Facts and chunks are those of a pass, written by the functions that write them. Each planted fact is asked for as the
signed-in user, by those of its words that together the fewest facts have, as its number and what that counts.
"""

import asyncio
import json
import tempfile
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import asyncpg
import regex

from deployments.local.postgres import EmbeddedPostgres
from deployments.local.supabase import database
from flows.portions import by_count
from tests.unit.fake_supabase import RUN, USER, FakeSupabase

_ROWS_AT_ONCE = 200
_WORDS = 3  # in a query
#: As somebody may ask: a word, a number, a date; of what is written without spaces two or three characters.
_WORD = regex.compile(r"[\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}]{2,3}|\d+(?:[-.:/]\d+)*|[^\W\d]+")


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
        return await _found(connection, texts, _facts_by_word(supabase))
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


async def _found(
    connection: asyncpg.Connection, texts: Iterable[str], facts_by_word: Mapping[str, set[int]]
) -> set[str]:
    found = set()
    claims = json.dumps({"role": "authenticated", "sub": str(USER)})
    async with connection.transaction():
        await connection.execute("select set_config('request.jwt.claims', $1, true)", claims)
        await connection.execute("set local role authenticated")
        for text in texts:
            query = " ".join(_own_words(text, facts_by_word))
            rows = await connection.fetch("select text from search_memory($1) where kind = 'fact'", query)
            if text in {row["text"] for row in rows}:
                found.add(text)
    return found


def _own_words(text: str, facts_by_word: Mapping[str, set[int]]) -> list[str]:
    """Up to three words, each the one that leaves the fewest facts with all of them."""
    words = [min(_words(text), key=lambda word: (len(facts_by_word[word]), -len(word), word))]
    facts = facts_by_word[words[0]]
    while len(words) < _WORDS and len(facts) > 1:
        words.append(min(_words(text), key=lambda word: (len(facts_by_word[word] & facts), -len(word), word)))
        facts = facts & facts_by_word[words[-1]]
    return words


def _facts_by_word(supabase: FakeSupabase) -> Mapping[str, set[int]]:
    facts_by_word = defaultdict[str, set[int]](set)
    for number, fact in enumerate(supabase.tables["memory_facts"]):
        for word in _words(fact["text"]):
            facts_by_word[word].add(number)
    return facts_by_word


def _words(text: str) -> set[str]:
    return set(_WORD.findall(text.lower()))
