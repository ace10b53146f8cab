"""How chunks become rows: what is written, what is left alone, and what a new column takes."""

import json

import asyncpg
import pytest

from tests.integration.store.sql import OTHER, USER

CHUNK = {
    **{"chunk_key": "k", "conversation_id": "c", "title": "Tea", "position": 0, "first_message": 0, "last_message": 3},
    **{"message_count": 4, "content": "I like tea.", "token_count": 5, "created_at": "2024-05-01T10:00:00+00:00"},
    **{"is_recent": False, "import_source": "claude", "turns": [8, 20]},
    **{"turn_times": ["2024-05-01T10:00:00+00:00", None], "cut_secrets": [[2, 6, "password"]]},
}
OTHERWISE = {
    **{"title": "Green tea", "position": 1, "first_message": 1, "last_message": 4, "message_count": 5},
    **{"token_count": 6, "created_at": "2024-06-01T10:00:00+00:00", "is_recent": True},
    **{"import_source": "claude:0123456789abcdef", "turns": [8]},
    **{"turn_times": ["2024-05-02T10:00:00+00:00", None], "cut_secrets": []},
}


@pytest.fixture
def save(db):
    """Saves chunks as the run that owns the user, and says how many rows were written."""
    db.claim("run-1")
    sql = "select full_pass_save_chunks($1, 'run-1', $2)"
    return lambda *chunks: db.value(sql, USER, json.dumps(chunks), role="service_role")


def test_a_chunk_is_stored_as_it_is_told(db, save):
    assert save(CHUNK) == 1
    row = json.loads(db.value("select to_jsonb(chunk) from conversation_chunks as chunk"))
    assert row.items() >= {**CHUNK, "chunk_tier": "medium", "user_id": USER}.items()


def test_an_unchanged_chunk_is_not_even_locked(db, save):
    save(CHUNK)
    version = "select ctid, xmin, xmax from conversation_chunks"
    stored = db.run(version)
    assert save(CHUNK) == 0
    assert db.run(version) == stored


@pytest.mark.parametrize("column", OTHERWISE)
def test_a_chunk_of_which_anything_changed_is_brought_up_to_date_and_keeps_what_hangs_on_it(db, save, column):
    db.run("alter table conversation_chunks add column embedding text default 'none yet'")
    save(CHUNK, {**CHUNK, "chunk_key": "other"})
    db.run("update conversation_chunks set embedding = 'vector', chunk_tier = 'long'")
    ids = "select id from conversation_chunks order by chunk_key"
    stored = db.run(ids)
    assert save({**CHUNK, column: OTHERWISE[column]}, {**CHUNK, "chunk_key": "other"}) == 1
    row = db.run(f"select {column}::text, embedding, chunk_tier from conversation_chunks where chunk_key = 'k'")[0]
    expected = db.value(
        f"select {column}::text from jsonb_populate_record(null::conversation_chunks, $1)", json.dumps(OTHERWISE)
    )
    assert tuple(row) == (expected, "vector", "long")
    assert db.run(ids) == stored


def test_of_a_chunk_that_is_sent_twice_there_is_one_row(db, save):
    assert save(CHUNK, CHUNK, {**CHUNK, "chunk_key": "other"}) == 2


def test_no_chunks_are_no_rows(save):
    assert save() == 0


def test_a_chunk_cannot_say_whose_it_is(db, save):
    own = "00000000-0000-4000-8000-0000000000ff"
    assert save({**CHUNK, "user_id": OTHER, "id": own, "chunk_tier": "long", "no column": "; drop table x"}) == 1
    row = db.run("select id::text, user_id::text, chunk_tier from conversation_chunks")[0]
    assert row["id"] != own
    assert (row["user_id"], row["chunk_tier"]) == (USER, "medium")


def test_users_do_not_meet_in_a_key(db, save):
    db.run("insert into conversation_chunks (user_id, chunk_key, title) values ($1, 'k', 'theirs')", OTHER)
    assert [save(CHUNK), save(CHUNK)] == [1, 0]
    assert db.value("select title from conversation_chunks where user_id = $1", OTHER) == "theirs"


def test_a_new_column_is_named_once(db, save):
    db.script('alter table conversation_chunks add column "Mood" text')
    save(CHUNK)
    for _ in range(2):
        db.run("""call full_pass_add_chunk_columns('{Mood}')""")
    assert [save({**CHUNK, "Mood": "calm"}), save({**CHUNK, "Mood": "calm"})] == [1, 0]
    assert db.value('select "Mood" from conversation_chunks') == "calm"
    assert not db.value("select has_function_privilege('anon', 'full_pass_save_chunks(uuid,text,jsonb)', 'execute')")
    db.run("grant all on conversation_chunks to authenticated")
    db.run('create policy "open" on conversation_chunks using (true)')
    with pytest.raises(asyncpg.InsufficientPrivilegeError, match="Mood of a chunk"):
        db.run("""update conversation_chunks set "Mood" = 'angry'""", role="authenticated", user=USER)


def test_a_row_of_yesterday_gets_what_was_not_kept_then_and_what_hangs_on_it_stays(db, save):
    db.run("alter table conversation_chunks add column embedding text default 'none yet'")
    save({name: value for name, value in CHUNK.items() if name not in ("turn_times", "cut_secrets")})
    assert tuple(db.run("select turn_times, cut_secrets from conversation_chunks")[0]) == (None, None)
    db.run("update conversation_chunks set embedding = 'vector'")
    assert [save(CHUNK), save(CHUNK)] == [1, 0]
    row = db.run("select turn_times::text, cut_secrets, embedding from conversation_chunks")[0]
    assert tuple(row) == ('{"2024-05-01 10:00:00+00",NULL}', '[[2, 6, "password"]]', "vector")


def test_only_the_owner_saves(db, save):
    with pytest.raises(asyncpg.PostgresError) as refused:
        db.run("select full_pass_save_chunks($1, 'run-2', '[]')", USER)
    assert refused.value.sqlstate == "FP001"
