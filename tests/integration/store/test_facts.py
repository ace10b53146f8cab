"""What is known of a person in the database: who writes it, who reads it, and what becomes of it."""

import json

import asyncpg
import pytest

from tests.integration.store.sql import OTHER, USER

SERVICE = {"role": "service_role"}
BERLIN, LISBON = "00000000-0000-4000-8000-00000000000a", "00000000-0000-4000-8000-00000000000b"


def source(key, quote="I live there", message=0):
    return {
        **{"chunk_key": key, "conversation_id": "c1", "message": message, "quote": quote},
        "said_at": "2024-05-01T10:00:00Z",
    }


def fact(identity, text, sources=(), digest="d1", **more):
    return {
        **{"id": identity, "kind": "belief", "text": text, "stance": "stated", "status": "current", "slot": "home"},
        **{"mentions": 1, "conversations": 1, "statement_keys": [text], "digest": digest, "sources": list(sources)},
        **more,
    }


def save(db, *facts, user=USER, run="run-1"):
    sql = "select full_pass_save_memory_facts($1, $2, $3)"
    return db.value(sql, user, run, json.dumps(facts), **SERVICE)


def withdraw(db, *ids, erase=False):
    return db.value("select full_pass_withdraw_facts($1, 'run-1', $2, $3)", USER, ids, erase, **SERVICE)


def rows(db, columns, table="memory_facts"):
    return [tuple(map(str, row)) for row in db.run(f"select {columns} from {table} order by 1, 2")]


@pytest.fixture
def owner(db):
    db.claim("run-1")
    return db


def test_the_list_of_an_apps_user_is_one_select_and_of_the_own_facts_only(owner):
    save(owner, fact(BERLIN, "I live in Berlin.", [source("k1")]))
    owner.run("insert into memory_facts (id, user_id, kind, text) values ($1, $2, 'belief', 'theirs')", LISBON, OTHER)
    owner.run(
        "insert into memory_fact_sources (user_id, fact_id, chunk_key, conversation_id) values ($2, $1, 'k', 'c')",
        LISBON,
        OTHER,
    )
    mine = {"role": "authenticated", "user": USER}
    assert [row["text"] for row in owner.run("select text from memory_facts where status = 'current'", **mine)] == [
        "I live in Berlin."
    ]
    assert [row["quote"] for row in owner.run("select quote from memory_fact_sources", **mine)] == ["I live there"]
    for sql in ("select 1 from memory_decisions", "update memory_facts set text = 'x'", "delete from memory_facts"):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            owner.run(sql, **mine)


def test_a_fact_and_its_sources_are_replaced_when_they_have_changed_and_else_left_alone(owner):
    assert save(owner, fact(BERLIN, "I live in Berlin.", [source("k1"), source("k2")])) == 1
    before = rows(owner, "id, updated_at"), rows(owner, "chunk_key, id", "memory_fact_sources")
    assert save(owner, fact(BERLIN, "I live in Berlin.", [source("k1"), source("k2")])) == 0
    assert (rows(owner, "id, updated_at"), rows(owner, "chunk_key, id", "memory_fact_sources")) == before
    assert save(owner, fact(BERLIN, "I live in Berlin!", [source("k3")], digest="d2")) == 1
    assert rows(owner, "text, status") == [("I live in Berlin!", "current")]
    assert [key for key, _ in rows(owner, "chunk_key, id", "memory_fact_sources")] == ["k3"]


def test_what_replaced_a_fact_may_come_in_the_same_request(owner):
    save(
        owner,
        fact(BERLIN, "I live in Berlin.", status="superseded", superseded_by=LISBON, valid_to="2024-05"),
        fact(LISBON, "I live in Lisbon.", valid_from="2024-05"),
    )
    assert rows(owner, "text, superseded_by") == [("I live in Berlin.", LISBON), ("I live in Lisbon.", "None")]


@pytest.mark.parametrize("date", ["2024-02-30", "2024-13", "0000", "spring", "2024-05-01T00:00:00Z", "20240501"])
def test_only_real_dates_are_kept(owner, date):
    with pytest.raises(asyncpg.PostgresError):
        save(owner, fact(BERLIN, "I live in Berlin.", valid_from=date))


def test_only_the_run_that_owns_the_user_writes(owner):
    with pytest.raises(asyncpg.PostgresError, match="does not own the user"):
        save(owner, fact(BERLIN, "x"), run="another")
    save(owner, fact(BERLIN, "I live in Berlin."))
    owner.run("select full_pass_claim($1, 'run-2', '{}', null)", OTHER, **SERVICE)
    save(owner, fact(BERLIN, "stolen", digest="d2"), user=OTHER, run="run-2")
    assert rows(owner, "text, user_id") == [("I live in Berlin.", USER)]


def test_what_nothing_says_any_more_is_withdrawn_or_erased_and_comes_back(owner):
    save(owner, fact(BERLIN, "I live in Berlin.", [source("k1")]), fact(LISBON, "I live in Lisbon.", [source("k2")]))
    assert withdraw(owner, BERLIN) == 1
    assert rows(owner, "text, status, mentions") == [
        ("I live in Berlin.", "withdrawn", "0"),
        ("I live in Lisbon.", "current", "1"),
    ]
    assert [key for key, _ in rows(owner, "chunk_key, id", "memory_fact_sources")] == ["k2"]
    assert save(owner, fact(BERLIN, "I live in Berlin.", [source("k1")])) == 1
    assert withdraw(owner, BERLIN, LISBON, erase=True) == 2
    assert (rows(owner, "id, text"), rows(owner, "id, quote", "memory_fact_sources")) == ([], [])


def test_what_the_person_wants_forgotten_stays_so(owner):
    save(owner, fact(BERLIN, "I live in Berlin."))
    owner.run("update memory_facts set status = 'forgotten'")
    save(owner, fact(BERLIN, "I live in Berlin.", [source("k9")], digest="d2"))
    assert rows(owner, "text, status") == [("I live in Berlin.", "forgotten")]
    assert withdraw(owner, BERLIN, erase=True) == 0


def test_decisions_are_kept_once_and_for_as_long_as_they_are_used(owner):
    keep = "select full_pass_save_decisions($1, $2)"
    owner.run(keep, USER, '{"q1": {"groups": [[1, 2]]}, "q2": {"groups": [[1], [2]]}}', **SERVICE)
    owner.run(keep, USER, '{"q1": {"groups": []}}', **SERVICE)
    owner.run("update memory_decisions set used_at = now() - interval '40 days'")
    known = "select full_pass_decisions($1, $2)"
    assert json.loads(owner.value(known, USER, ["q1", "q3"], **SERVICE)) == {"q1": {"groups": [[1, 2]]}}
    assert owner.value("select full_pass_forget_answers('30 days', 100)", **SERVICE) == 1
    assert rows(owner, "question_key, user_id", "memory_decisions") == [("q1", USER)]


def test_with_the_account_goes_everything_that_is_known(owner):
    save(owner, fact(BERLIN, "I live in Berlin.", [source("k1")]))
    owner.run("select full_pass_save_decisions($1, '{\"q1\": {}}')", USER, **SERVICE)
    owner.run("delete from auth.users where id = $1", USER)
    tables = ("memory_facts", "memory_fact_sources", "memory_decisions")
    assert [owner.value(f"select count(*) from {table}") for table in tables] == [0, 0, 0]


def test_unsupported_facts_are_counted_with_the_answer(owner):
    answers = json.dumps([{"chunk_key": "k", "outcome": "facts", "facts": [], "unsupported": 3}])
    owner.run("select full_pass_save_facts($1, 'v', 'haiku', $2)", USER, answers, **SERVICE)
    assert owner.value("select unsupported from chunk_facts") == 3
