"""What an import leaves of earlier ones: which rows, which answers, and what the user's row says of it."""

import json
from datetime import datetime

import asyncpg
import pytest

from tests.integration.store.sql import OTHER, USER

SERVICE = {"role": "service_role"}


@pytest.fixture
def chunks(db):
    """Stores chunks as the run that owns the user: key → (conversation, source)."""
    db.claim("run-1")

    def store(**rows):
        sent = [
            {"chunk_key": key, "conversation_id": talk, "content": key, "import_source": source, "turns": [0]}
            for key, (talk, source) in rows.items()
        ]
        db.run("select full_pass_save_chunks($1, 'run-1', $2)", USER, json.dumps(sent), **SERVICE)

    return store


def end_import(db, erase=False, run="run-1", **kept):
    sql = "select full_pass_end_import($1, $2, $3, $4)"
    return db.value(sql, USER, run, json.dumps(kept), erase, **SERVICE)


def answer(db, *keys, prompt="v", user=USER, outcome="facts", facts="[]"):
    answers = json.dumps([{"chunk_key": key, "outcome": outcome, "facts": json.loads(facts)} for key in keys])
    db.run("select full_pass_save_facts($1, $2, 'haiku', $3)", user, prompt, answers, **SERVICE)


def unused(db):
    rows = db.run("select chunk_key from chunk_facts where unused_since is not null order by 1")
    return [row[0] for row in rows]


def imports(db):
    return json.loads(db.row()["full_pass_imports"] or "null")


def test_pruning_deletes_the_named_chunks_of_the_user_and_no_answer(db, chunks):
    chunks(a=("c1", "claude"), b=("c2", "claude"))
    db.run("insert into conversation_chunks (user_id, chunk_key) values ($1, 'a')", OTHER)
    answer(db, "a", "b")
    assert db.value("select full_pass_prune_chunks($1, 'run-1', '{a, x}')", USER, **SERVICE) == 1
    assert [row[0] for row in db.run("select chunk_key from conversation_chunks where user_id = $1", USER)] == ["b"]
    assert db.value("select count(*) from chunk_facts") == 2
    assert db.value("select count(*) from conversation_chunks where user_id = $1", OTHER) == 1


def test_rows_without_a_key_go_with_their_conversation_or_when_they_name_none(db, chunks):
    db.run(
        "insert into conversation_chunks (user_id, conversation_id, content)"
        " values ($1, 'c1', 'old'), ($1, null, 'old'), ($1, 'c9', 'stays'), ($2, 'c1', 'theirs')",
        USER,
        OTHER,
    )
    chunks(a=("c1", "claude"))
    assert end_import(db) == 2
    rows = db.run("select content from conversation_chunks where chunk_key is null order by 1")
    assert [row[0] for row in rows] == ["stays", "theirs"]


def test_answers_without_a_chunk_are_hidden_from_the_user_until_it_comes_back(db, chunks):
    chunks(a=("c1", "claude"))
    answer(db, "a", "gone")
    answer(db, "gone", user=OTHER)
    end_import(db)
    assert unused(db) == ["gone"]
    read = "select chunk_key from chunk_facts"
    assert [row[0] for row in db.run(read, role="authenticated", user=USER)] == ["a"]
    chunks(gone=("c2", "claude"))
    end_import(db)
    assert unused(db) == []


def test_an_answer_keeps_the_time_since_when_it_is_not_used(db, chunks):
    answer(db, "gone")
    end_import(db)
    db.run("update chunk_facts set unused_since = '2026-01-01'")
    end_import(db)
    assert f"{db.value('select unused_since from chunk_facts'):%Y-%m-%d}" == "2026-01-01"


def test_an_import_that_replaces_deletes_answers_without_a_chunk_at_once_and_only_the_users(db, chunks):
    chunks(a=("c1", "claude"))
    answer(db, "a", "gone")
    answer(db, "gone", user=OTHER)
    end_import(db, erase=True)
    assert [tuple(row) for row in db.run("select user_id::text, chunk_key from chunk_facts order by 1")] == [
        (USER, "a"),
        (OTHER, "gone"),
    ]


def test_what_is_not_used_is_forgotten_after_its_time_unless_it_has_come_back(db, chunks):
    chunks(back=("c1", "claude"))
    answer(db, "back", "new", "old", "older")
    db.run("update chunk_facts set unused_since = now() - interval '100 days' where chunk_key <> 'new'")
    db.run("update chunk_facts set unused_since = now() where chunk_key = 'new'")
    forget = "select full_pass_forget_answers('90 days', 1)"
    assert [db.value(forget, **SERVICE) for _ in range(3)] == [1, 1, 0]
    assert [row[0] for row in db.run("select chunk_key from chunk_facts order by 1")] == ["back", "new"]


def test_the_row_says_what_is_stored_of_each_source_and_what_was_kept(db, chunks):
    chunks(a=("c1", "claude"), b=("c1", "claude"), c=("c2", "chatgpt"))
    end_import(db, claude=0)
    first = imports(db)
    assert datetime.fromisoformat(first["claude"].pop("imported_at")).tzinfo
    assert first == {
        "claude": {"conversations": 1, "kept": 0},
        "chatgpt": {"conversations": 1, "kept": 0, "imported_at": None},
    }
    end_import(db, chatgpt=7)
    end_import(db, claude=0)
    assert imports(db)["chatgpt"]["kept"] == 7
    db.run("delete from conversation_chunks where import_source = 'chatgpt'")
    end_import(db, claude=0)
    assert set(imports(db)) == {"claude"}


def test_what_another_import_brought_is_recent_for_180_days_only(db, chunks):
    chunks(old=("c1", "claude"), new=("c2", "claude"))
    old = "case chunk_key when 'old' then interval '181 days' else interval '179 days' end"
    db.run(f"update conversation_chunks set is_recent = true, created_at = now() - {old}")
    end_import(db, chatgpt=0)
    assert [row[0] for row in db.run("select chunk_key from conversation_chunks where is_recent")] == ["new"]


def test_chunks_become_those_of_a_source(db, chunks):
    chunks(a=("c1", None), b=("c2", None))
    db.run("select full_pass_adopt_chunks($1, 'run-1', 'claude', '{a}')", USER, **SERVICE)
    rows = db.run("select chunk_key, import_source from conversation_chunks order by 1")
    assert [tuple(row) for row in rows] == [("a", "claude"), ("b", None)]


def test_of_older_answers_the_last_with_facts_counts(db):
    answer(db, "a", prompt="v1", facts='["first"]')
    answer(db, "a", prompt="v2", facts='["second"]')
    answer(db, "a", prompt="v3", outcome="failed")
    answer(db, "b", prompt="v3", outcome="refused")
    answer(db, "a", prompt="v2", facts='["theirs"]', user=OTHER)
    older = db.value("select full_pass_older_facts($1, '{a, b, c}')", USER, **SERVICE)
    assert json.loads(older) == [{"chunk_key": "a", "outcome": "facts", "facts": ["second"]}]
    assert db.value("select full_pass_older_facts($1, '{}')", USER, **SERVICE) == "[]"


@pytest.mark.parametrize(
    "call",
    [
        "prune_chunks($1, 'run-2', '{a}')",
        "adopt_chunks($1, 'run-2', 'x', '{a}')",
        "end_import($1, 'run-2', '{}', true)",
    ],
)
def test_only_the_owner_changes_what_is_there(db, chunks, call):
    chunks(a=("c1", "claude"))
    with pytest.raises(asyncpg.PostgresError) as refused:
        db.run(f"select full_pass_{call}", USER, **SERVICE)
    assert refused.value.sqlstate == "FP001"
