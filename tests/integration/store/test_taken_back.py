"""One import can be taken back: what only it brought goes, and MEMORY says so at once."""

import json
from uuid import UUID

import asyncpg
import pytest

from tests.integration.store.sql import OTHER, USER
from tests.integration.store.test_memory import (
    ANA,
    BERLIN,
    MINE,
    PORTO,
    SERVICE,
    TEA,
    Person,
    chunk,
    entry,
    fact,
)

JANUARY, JUNE = str(UUID(int=0x1A)), str(UUID(int=0x6B))
DELIVERY = str(UUID(int=0xDE))


def add_to_import(db, identity, *conversations, delivery=None):
    told = {"id": identity, "delivery_id": delivery, "sources": ["claude"], "conversations": len(conversations)}
    keys = [f"k {each}" for each in conversations]
    db.run("select full_pass_add_to_import($1, 'run-1', $2, $3)", USER, json.dumps(told), keys, **SERVICE)


def imports(db, **who):
    rows = db.run("select id, sources, conversations from memory_imports order by id", **(who or MINE))
    return [(str(row["id"]), row["sources"], row["conversations"]) for row in rows]


def forget(db, identity, **who):
    return json.loads(db.value("select forget_import($1)", identity, **(who or MINE)))


@pytest.fixture
def person(db):
    """January brought c1 and c2; June has c2, too, and c3, in which somebody moved."""
    db.claim("run-1")
    found = Person(db)
    for name in ("c1", "c2", "c3"):
        chunk(db, name)
    ana = [*fact(ANA, "c1")["sources"], *fact(ANA, "c3")["sources"]]
    found.save_facts(
        fact(BERLIN, "c1", status="superseded", superseded_by=PORTO, valid_to="2024-05-01"),
        *(fact(TEA, "c2"), fact(PORTO, "c3"), fact(ANA, sources=ana, mentions=2, conversations=2)),
    )
    found.save(entry(TEA), entry(PORTO), entry(ANA))
    add_to_import(db, JANUARY, "c1", "c2")
    add_to_import(db, JUNE, "c2", delivery=DELIVERY)
    add_to_import(db, JUNE, "c3", delivery=DELIVERY)
    db.run("update user_profiles set full_pass_status = 'complete'")
    return found


def conversations(db):
    return db.value("select array_agg(conversation_id order by 1) from conversation_chunks where user_id = $1", USER)


def test_what_only_the_import_brought_goes_and_what_it_replaced_holds_again(person):
    said = forget(person.db, JUNE)
    assert said["memory_md"] == person.memory
    assert person.lines == ["I live in Berlin.", "I like tea.", "Ana is my sister."]
    assert "Porto" not in person.everything()
    assert (person.facts["I live in Berlin."]["status"], person.facts["I live in Berlin."]["valid_to"]) == (
        "current",
        None,
    )
    assert (person.facts["Ana is my sister."]["mentions"], conversations(person.db)) == (1, ["c1", "c2"])
    assert imports(person.db) == [(JANUARY, ["claude"], 2)]
    with pytest.raises(asyncpg.NoDataFoundError):
        forget(person.db, JUNE)


def test_what_another_import_has_too_stays_until_that_is_taken_back(person):
    forget(person.db, JANUARY)
    assert (conversations(person.db), set(person.facts)) == (
        ["c2", "c3"],
        {"I like tea.", "I live in Porto.", "Ana is my sister."},
    )
    forget(person.db, JUNE)
    assert (conversations(person.db), person.facts, person.lines) == (None, {}, [])
    assert person.db.value("select count(*) from memory_import_chunks") == 0


def test_what_was_taken_back_may_come_again(person):
    forget(person.db, JUNE)
    assert person.erased("I live in Porto.", slot="home") == {}
    person.db.run("update user_profiles set full_pass_status = 'processing'")
    chunk(person.db, "c3")
    assert person.save_facts(fact(PORTO, "c3")) == 1
    add_to_import(person.db, JUNE, "c2", "c3")
    assert [identity for identity, *_ in imports(person.db)] == [JANUARY, JUNE]


def test_what_the_person_said_stays(person):
    person.call("correct", PORTO, "I live in Lisbon.")
    person.call("add", "I sail.", "person")
    forget(person.db, JUNE)
    assert {"I live in Lisbon.", "I sail."} <= set(person.lines)


def test_while_a_pass_has_the_user_nothing_is_taken_back_and_a_retry_does_not_bring_it_again(person):
    person.db.run("update user_profiles set full_pass_status = 'processing'")
    with pytest.raises(asyncpg.ObjectInUseError):
        forget(person.db, JUNE)
    person.db.run(
        "update user_profiles set full_pass_status = 'failed', full_pass_next_retry_at = now(),"
        " full_pass_parameters = $1",
        json.dumps({"delivery_id": DELIVERY}),
    )
    forget(person.db, JUNE)
    assert person.db.value("select full_pass_next_retry_at from user_profiles where user_id = $1", USER) is None


def test_chunks_of_no_known_import_stay_and_an_import_without_chunks_goes(person):
    chunk(person.db, "c4")
    person.db.run("delete from conversation_chunks where conversation_id in ('c2', 'c3')", **SERVICE)
    person.db.run("update user_profiles set full_pass_status = 'processing'")
    add_to_import(person.db, JANUARY, "c1")
    assert [identity for identity, *_ in imports(person.db)] == [JANUARY]
    person.db.run("update user_profiles set full_pass_status = 'complete'")
    forget(person.db, JANUARY)
    assert conversations(person.db) == ["c4"]


def test_nobody_sees_or_takes_back_the_import_of_another(person):
    for who in ({"role": "authenticated", "user": OTHER}, {"role": "anon"}):
        with pytest.raises((asyncpg.InsufficientPrivilegeError, asyncpg.NoDataFoundError)):
            forget(person.db, JUNE, **who)
        with pytest.raises((asyncpg.InsufficientPrivilegeError, asyncpg.NoDataFoundError)):
            person.db.run("select forget_import($1, $2)", JUNE, USER, **who)
    assert imports(person.db, role="authenticated", user=OTHER) == []
    assert len(imports(person.db)) == 2
    person.db.run("select forget_import($1, $2)", JUNE, USER, **SERVICE)
    assert len(imports(person.db)) == 1
