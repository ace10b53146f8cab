"""Two users, a stranger, and all that they could try on a database; and the apps that let them.

Each attempt is a statement in a transaction that is taken back. It is a breach when it meets a row: the policies of row
level security refuse in silence, rights and triggers with an error.
"""

import json
from collections.abc import Iterable
from typing import NamedTuple

import asyncpg

from tests.integration.store.sql import OTHER, USER, Database

#: What an app usually has: its users see, make and change their own profile, see and delete their own chunks.
USUAL_APP = """
    create policy "Users can view own profile" on user_profiles for select using (auth.uid() = user_id);
    create policy "Users can insert own profile" on user_profiles for insert with check (auth.uid() = user_id);
    create policy "Users can update own profile" on user_profiles for update using (auth.uid() = user_id);
    create policy "Users can view own chunks" on conversation_chunks for select using (auth.uid() = user_id);
    create policy "Users can delete own chunks" on conversation_chunks for delete using (auth.uid() = user_id);
"""

#: Has an account, and no row.
THIRD = "00000000-0000-4000-8000-000000000003"

TABLES = (
    *("user_profiles", "conversation_chunks", "chunk_facts", "extraction_batches", "model_replies", "model_pauses"),
    *("memory_facts", "memory_fact_sources", "memory_decisions", "memory_entries", "memory_versions"),
    *("memory_erasures", "memory_secrets", "full_pass_deliveries"),
    *("memory_imports", "memory_import_chunks"),
)

#: The worst that an app could say of its tables and ours.
OPEN_APP = "grant all on all tables in schema public to anon, authenticated;" + "".join(
    f'create policy "open" on {table} using (true) with check (true);' for table in TABLES
)

#: For each user a row in every table; {user} and {run} differ.
ROWS = """
    update user_profiles set full_pass_status = 'complete', full_pass_run_id = '{run}', memory_md = 'memory',
        full_pass_parameters = '{{"user_id": "{user}", "storage_path": "imports/{user}/export.zip"}}'
        where user_id = '{user}';
    insert into conversation_chunks (user_id, chunk_key, content) values ('{user}', 'k', 'I like tea.');
    insert into chunk_facts (user_id, chunk_key, prompt_version, model, outcome)
        values ('{user}', 'k', 'v', 'm', 'facts');
    insert into extraction_batches values ('batch {run}', '{user}', 'v', 'm', '{{}}');
    insert into model_replies values ('{user}', 'request', '{{}}');
    insert into model_pauses values ('model {run}', now());
"""

#: And in those that came after the protections.
FACT_ROWS = """
    insert into memory_facts (id, user_id, kind, text) values ('{user}', '{user}', 'belief', 'I like tea.');
    insert into memory_fact_sources (user_id, fact_id, chunk_key, conversation_id)
        values ('{user}', '{user}', 'k', 'c');
    insert into memory_decisions values ('{user}', 'question', '{{}}');
    insert into full_pass_deliveries (user_id, object_names, object_versions, body_hash, state)
        values ('{user}', '{{{user}/export.zip}}', '{{null}}', 'hash', 'ended');
    insert into memory_entries (user_id, id, section, position, text, fact_ids, origin)
        values ('{user}', '{user}', 'beliefs', 0, 'I like tea.', array['{user}'::uuid], 'facts');
    insert into memory_versions (user_id, version, kind) values ('{user}', 1, 'memory');
    insert into memory_erasures (user_id) values ('{user}');
    insert into memory_secrets values ('{user}', '', '');
    insert into memory_imports (user_id, id, sources, conversations) values ('{user}', '{user}', '{{chatgpt}}', 1);
    insert into memory_import_chunks values ('{user}', '{user}', 'k');
"""

OWNED = {
    "full_pass_status": "failed",
    "full_pass_run_id": "of the other",
    "full_pass_parameters": json.dumps({"user_id": OTHER, "storage_path": f"imports/{OTHER}/export.zip"}),
    "full_pass_attempts": "9",
    "full_pass_next_retry_at": "2026-01-01",
    "full_pass_started_at": "2026-01-01",
    "full_pass_completed_at": "2026-01-01",
    "full_pass_error": "x",
    "import_stage": "x",
    "progress_percent": "1",
    "import_cost_json": "{}",
    "full_pass_imports": "{}",
    "full_pass_memory_digest": "x",
    "full_pass_sections_question": "x",
    "user_id": THIRD,
}

OF_A_CHUNK = {
    "user_id": THIRD,
    "chunk_key": "k2",
    "content": "I like poison.",
    "title": "x",
    "conversation_id": "x",
    "created_at": "2026-01-01",
    "import_source": "x",
    "turns": "{9}",
    "turn_times": "{2026-01-01}",
    "cut_secrets": "[]",
}

_INSERTS = {
    "chunk_facts": f"values ('{USER}', 'new', 'v', 'm', 'facts')",
    "extraction_batches": f"values ('new', '{USER}', 'v', 'm', '{{}}')",
    "model_replies": f"values ('{USER}', 'new', '{{}}')",
    "model_pauses": "values ('new', 'infinity')",
    "memory_facts": f"(id, user_id, kind, text) values ('{THIRD}', '{USER}', 'belief', 'I like poison.')",
    "memory_fact_sources": f"(user_id, fact_id, chunk_key, conversation_id) values ('{USER}', '{USER}', 'k', 'c')",
    "memory_decisions": f"values ('{USER}', 'new', '{{}}')",
    "memory_entries": f"(user_id, id, section, position, text, fact_ids, origin) values ('{USER}', '{THIRD}',"
    f" 'beliefs', 1, 'I like poison.', array['{USER}'::uuid], 'person')",
    "memory_versions": f"(user_id, version, kind) values ('{USER}', 2, 'memory')",
    "memory_erasures": f"(user_id) values ('{USER}')",
    "memory_secrets": f"values ('{THIRD}', '', '')",
    "memory_imports": f"(user_id, id, sources, conversations) values ('{USER}', '{THIRD}', '{{}}', 1)",
    "memory_import_chunks": f"values ('{USER}', '{USER}', 'k')"
    " on conflict (user_id, import_id, chunk_key) do update set chunk_key = excluded.chunk_key",
}
_CHANGES = {
    "chunk_facts": "facts = '[1]'",
    "extraction_batches": "requests = '{}'",
    "model_replies": "reply = '{}'",
    "model_pauses": "until = 'infinity'",
    "memory_facts": "text = 'I like poison.'",
    "memory_fact_sources": "quote = 'I like poison.'",
    "memory_decisions": "decision = '[1]'",
    "memory_entries": "text = 'I like poison.'",
    "memory_versions": "memory_md = 'x'",
    "memory_erasures": "erased_at = now()",
    "memory_secrets": "inner_pad = 'x'",
    "memory_imports": "conversations = 2",
    "memory_import_chunks": "chunk_key = 'k'",
}


class Attempt(NamedTuple):
    name: str
    sql: str


def populate(db: Database) -> None:
    db.sign_up(USER, OTHER, THIRD)
    for user, run in ((USER, "run-1"), (OTHER, "run-2")):
        db.script(ROWS.format(user=user, run=run))
        db.script(FACT_ROWS.format(user=user))


def on_what_is_owned() -> list[Attempt]:
    """What nobody may who is not the full pass, on the own rows either, whatever the app allows."""
    mine = f"where user_id = '{USER}' returning 1"
    return [
        *(
            Attempt(f"update user_profiles.{name}", f"update user_profiles set {name} = '{value}' {mine}")
            for name, value in OWNED.items()
        ),
        *(
            Attempt(f"update conversation_chunks.{name}", f"update conversation_chunks set {name} = '{value}' {mine}")
            for name, value in OF_A_CHUNK.items()
        ),
        Attempt(
            "insert user_profiles",
            f"insert into user_profiles (user_id, full_pass_parameters) values ('{THIRD}', '{{}}') returning 1",
        ),
        Attempt(
            "insert conversation_chunks",
            f"insert into conversation_chunks (user_id, chunk_key) values ('{USER}', 'new') returning 1",
        ),
        *(Attempt(f"insert {table}", f"insert into {table} {row} returning 1") for table, row in _INSERTS.items()),
        *(Attempt(f"update {table}", f"update {table} set {change} returning 1") for table, change in _CHANGES.items()),
        *(Attempt(f"delete {table}", f"delete from {table} returning 1") for table in _CHANGES),
        *(Attempt(f"truncate {table}", f"truncate {table} cascade") for table in TABLES),
    ]


def on_the_neighbour() -> list[Attempt]:
    """What no user may to another; and what is nobody's to read."""
    theirs = f"where user_id = '{OTHER}'"
    tables = [table for table in TABLES if table != "model_pauses"]
    return [
        *(Attempt(f"read {table}", f"select 1 from {table} {theirs}") for table in tables),
        Attempt("read model_pauses", "select 1 from model_pauses"),
        Attempt("update memory", f"update user_profiles set memory_md = 'x' {theirs} returning 1"),
        Attempt("delete user_profiles", f"delete from user_profiles {theirs} returning 1"),
        Attempt("delete conversation_chunks", f"delete from conversation_chunks {theirs} returning 1"),
        Attempt("insert for them", f"insert into conversation_chunks (user_id) values ('{OTHER}') returning 1"),
        Attempt("call full_pass_complete", f"select full_pass_complete('{OTHER}', 'run-2')"),
        Attempt("read their key", f"select 1 from memory_secrets where user_id in ('{USER}', '{OTHER}')"),
        Attempt("hash with their key", f"select full_pass_keyed('{OTHER}', array['x'])"),
        Attempt("export their memory", f"select memory_export('{OTHER}')"),
        Attempt("forget for them", f"select memory_forget('{OTHER}', '{OTHER}')"),
        Attempt("add for them", f"select memory_add('x', null, '{OTHER}')"),
        Attempt("call full_pass_export", f"select full_pass_export('{OTHER}', 'user_profiles')"),
        Attempt("call full_pass_take_due", "select 1 from full_pass_take_due(1, '1 minute') union all select 1"),
    ]


def breaches(db: Database, attempts: Iterable[Attempt], role: str = "authenticated") -> set[str]:
    """The names of the attempts that met a row; `authenticated` is USER."""

    async def tried(connection: asyncpg.Connection) -> set[str]:
        return {attempt.name for attempt in attempts if await _met_a_row(connection, attempt.sql, role)}

    return db.ask(tried)


async def _met_a_row(connection: asyncpg.Connection, sql: str, role: str) -> bool:
    transaction = connection.transaction()
    await transaction.start()
    try:
        claims = {"role": role, **({"sub": USER} if role == "authenticated" else {})}
        await connection.execute("select set_config('request.jwt.claims', $1, true)", json.dumps(claims))
        await connection.execute(f"set local role {role}")
        done = await connection.execute(sql)
        return not done.endswith(" 0")
    except asyncpg.InsufficientPrivilegeError:
        return False
    finally:
        await transaction.rollback()
