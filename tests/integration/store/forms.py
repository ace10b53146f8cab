"""The form of a database, and what is in it, to be compared."""

import asyncio
from pathlib import Path

from deployments.local.supabase import database
from tests.integration.store.sql import Database

#: The migrations as they were before they were frozen.
BEFORE = Path(__file__).resolve().parents[2] / "data" / "migrations_before"

#: A user in the middle of a pass, one who waits for the next attempt, and what both have paid for.
ROWS_BEFORE = """
    insert into auth.users (id) values
        ('00000000-0000-4000-8000-000000000001'), ('00000000-0000-4000-8000-000000000002');
    insert into user_profiles (
        user_id, memory_md, soul_md, soulprint_text, full_pass_status, full_pass_run_id, full_pass_parameters,
        full_pass_attempts, full_pass_started_at, full_pass_error, full_pass_next_retry_at, import_cost_json)
    values
        ('00000000-0000-4000-8000-000000000001', 'memory', 'soul', 'print', 'processing', 'run-1',
            '{"storage_path": "imports/1"}', 2, now(), null, null, '{"total": {"usd": 1}, "earlier_runs": {"usd": 2}}'),
        ('00000000-0000-4000-8000-000000000002', null, null, null, 'failed', 'run-2',
            '{"storage_path": "imports/2"}', 1, now(), 'step=save_chunks: x', now() - interval '1 minute', null);
    alter table conversation_chunks add column embedding double precision[];
    insert into conversation_chunks (
        user_id, chunk_key, conversation_id, title, content, token_count, chunk_tier, message_count, is_recent,
        created_at, position, first_message, last_message, embedding)
    values
        ('00000000-0000-4000-8000-000000000001', 'k1', 'c1', 'Tea', 'I like tea.', 5, 'medium', 1, false,
            '2024-05-01T10:00:00Z', 0, 0, 0, '{0.5}'),
        ('00000000-0000-4000-8000-000000000001', null, null, null, 'older than the keys', null, 'long', null, null,
            now(), null, null, null, null);
    insert into chunk_facts (user_id, chunk_key, prompt_version, model, outcome, facts) values
        ('00000000-0000-4000-8000-000000000001', 'k1', 'v1', 'haiku', 'facts', '[{"fact": "likes tea"}]');
    insert into extraction_batches (batch_id, user_id, prompt_version, model, requests) values
        ('batch-1', '00000000-0000-4000-8000-000000000001', 'v1', 'haiku', '{"r1": ["k1"]}');
    insert into model_replies (user_id, request_key, reply) values
        ('00000000-0000-4000-8000-000000000001', 'request-1', '{"text": "memory"}');
    insert into model_pauses (model, until) values ('haiku', now() + interval '1 hour');
"""

TABLES = ("user_profiles", "conversation_chunks", "chunk_facts", "extraction_batches", "model_replies", "model_pauses")

#: Everything that migrations can make in `public`, and the policies of Storage, a line each.
FORM = """
    select concat_ws(' ', 'column', table_name, column_name, data_type, is_nullable, column_default)
        from information_schema.columns where table_schema = 'public'
    union all select indexdef from pg_indexes where schemaname = 'public'
    union all select concat_ws(' ', 'policy', tablename, policyname, cmd, roles, qual, with_check) from pg_policies
        where schemaname in ('public', 'storage')
    union all select concat_ws(' ', 'constraint', conrelid::regclass, conname, pg_get_constraintdef(oid))
        from pg_constraint where connamespace = 'public'::regnamespace
    union all select pg_get_triggerdef(t.oid) from pg_trigger t join pg_class c on c.oid = tgrelid
        where not tgisinternal and relnamespace = 'public'::regnamespace
    union all select concat_ws(' ', relname, relrowsecurity, grantee::regrole, privilege_type)
        from pg_class, aclexplode(relacl) where relnamespace = 'public'::regnamespace and relkind = 'r'
    union all select concat_ws(' ', oid::regprocedure, grantee::regrole, privilege_type)
        from pg_proc, aclexplode(proacl) where pronamespace = 'public'::regnamespace
    union all select pg_get_functiondef(oid) from pg_proc where pronamespace = 'public'::regnamespace
    order by 1
"""


def migrate(db: Database) -> None:
    asyncio.run(database.prepare(db.url))


def form(db: Database) -> list[str]:
    return [row[0] for row in db.run(FORM)]


def rows(db: Database) -> dict[str, list[str]]:
    """What is in each row as text, by table."""
    row = "jsonb_strip_nulls(to_jsonb(t))::text"  # a new column changes no row
    return {table: [text for (text,) in db.run(f"select {row} from {table} t order by 1")] for table in TABLES}


def prepare_before(db: Database) -> None:
    """Gives the database the form before, with rows in every table."""
    asyncio.run(database.prepare(db.url, BEFORE))
    db.script(ROWS_BEFORE)
