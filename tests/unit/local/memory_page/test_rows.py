import asyncio
from uuid import UUID

import pytest

from deployments.local.memory_page import rows
from tests.unit.fake_supabase import USER, FakeSupabase

STRANGER = UUID(int=99)


def identity(number):
    return str(UUID(int=number))


def fact(number, **columns):
    return {"id": identity(number), "user_id": str(USER), "kind": "belief", "text": f"fact {number}"} | {
        "status": "current",
        "stance": "stated",
        "origin": "chats",
        **columns,
    }


def source(number, fact_number, conversation="c1"):
    return {"id": f"{number:09}", "user_id": str(USER), "fact_id": identity(fact_number)} | {
        "conversation_id": conversation,
        "quote": "so it is",
    }


def entry(number, *facts):
    return {"id": identity(number), "user_id": str(USER), "section": "person", "position": 0, "origin": "model"} | {
        "text": f"entry {number}",
        "fact_ids": [identity(each) for each in facts],
    }


def chunk(conversation, title, position=0):
    return {"id": f"{conversation} {position}", "user_id": str(USER), "conversation_id": conversation} | {
        "title": title,
        "position": str(position),
    }


@pytest.fixture
def database():
    """Whose projects answer with ten rows at most."""
    fake = FakeSupabase(max_rows=10)
    fake.tables |= {name: [] for name in ("memory_entries", "memory_fact_sources")}
    return fake


def read(database):
    return asyncio.run(rows.read(database, USER))


def test_what_an_entry_cites_is_read_with_all_that_was_true_before_and_nothing_else(database):
    now = fact(1)
    before = fact(2, status="superseded", superseded_by=identity(1))
    earliest = fact(3, status="superseded", superseded_by=identity(2))
    database.tables["memory_facts"] = [earliest, before, now, fact(4), fact(5, user_id=str(STRANGER))]
    database.tables["memory_fact_sources"] = [source(1, 1), source(2, 3, "c2"), source(3, 4, "c3")]
    database.tables["conversation_chunks"] = [chunk("c1", "Plans"), chunk("c1", "Plans", 1), chunk("c3", "Else")]
    database.tables["memory_entries"] = [entry(1, 1), entry(2, 5) | {"user_id": str(STRANGER)}]
    found = read(database)
    assert [each.text for each in found.entries] == ["entry 1"]
    assert {each.text for each in found.facts} == {"fact 1", "fact 2", "fact 3"}
    assert {each.conversation_id for each in found.sources} == {"c1", "c2"}
    assert found.titles == {"c1": "Plans"}
    assert found.known == 2


@pytest.mark.parametrize("status", ["withdrawn", "forgotten"])
def test_what_the_person_has_forgotten_or_nothing_says_any_more_is_not_read(database, status):
    database.tables["memory_facts"] = [
        fact(1),
        fact(2, status=status),
        fact(3, status=status, superseded_by=identity(1)),
    ]
    database.tables["memory_fact_sources"] = [source(1, 2), source(2, 3)]
    database.tables["memory_entries"] = [entry(1, 1, 2)]
    found = read(database)
    assert [each.text for each in found.facts] == ["fact 1"]
    assert found.sources == []


def test_more_than_a_request_returns_is_read_whole(database):
    database.tables["memory_facts"] = [fact(number) for number in range(1, 251)]
    database.tables["memory_fact_sources"] = [source(number, number % 250 + 1) for number in range(500)]
    database.tables["memory_entries"] = [entry(number, number) for number in range(1, 251)]
    found = read(database)
    assert (len(found.entries), len(found.facts), len(found.sources)) == (250, 250, 500)


def test_nobody_s_memory_is_empty(database):
    assert read(database) == rows.MemoryRows()
