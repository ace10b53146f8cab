"""search_memory: what is not in MEMORY stays findable, in any language, by its owner alone."""

import json

import asyncpg
import pytest

from tests.integration.store.sql import OTHER, USER

MINE = {"role": "authenticated", "user": USER}


def add(db, text, status="current", quote=None, user=USER, said="2024-01-01"):
    identity = db.value("select gen_random_uuid()")
    db.run(
        "insert into memory_facts (id, user_id, kind, text, status, said_last)"
        " values ($1, $2, 'belief', $3, $4, $5::text::timestamptz)",
        *(identity, user, text, status, said),
    )
    db.run(
        "insert into memory_fact_sources (user_id, fact_id, chunk_key, conversation_id, quote)"
        " values ($1, $2, 'k', 'c', $3)",
        *(user, identity, quote or text),
    )
    return identity


def search(db, query, limit=20, user=USER, **more):
    rows = db.run("select * from search_memory($1, $2)", query, limit, role="authenticated", user=user)
    return [row["text"] for row in rows]


@pytest.fixture
def known(db):
    add(db, "I live in Lisbon.", status="superseded")
    add(db, "I live in Porto.")
    add(db, "My sister is called Ana.", quote="Ana, that's the name of my little sister, a vet")
    add(db, "Моя собака любит прогулки в парке")
    add(db, "我喜欢吃辣的菜")
    add(db, "아침마다 커피를 마십니다")
    add(db, "私は479号室に住み、GoProを持っています")
    add(db, "Ich fahre gern Straßenbahn in Zürich")
    add(db, "عندي ثلاث قطط في البيت")
    add(db, "I live in Paris.", user=OTHER)
    add(db, "I lived in Rome.", status="withdrawn")
    return db


FINDS = {
    "porto": "I live in Porto.",
    "собаки гуляют в парк": "Моя собака любит прогулки в парке",
    "喜欢": "我喜欢吃辣的菜",
    "커피": "아침마다 커피를 마십니다",
    "479": "私は479号室に住み、GoProを持っています",
    "gopro": "私は479号室に住み、GoProを持っています",
    "ZURICH strassenbahn": "Ich fahre gern Straßenbahn in Zürich",
    "قطط": "عندي ثلاث قطط في البيت",
    "vet": "My sister is called Ana.",
    "sisters": "My sister is called Ana.",
    "Portp": "I live in Porto.",
    "what is my sister called?": "My sister is called Ana.",
}


def test_what_is_asked_for_comes_first_in_any_language_also_with_other_endings_and_misspelt(known):
    assert {query: search(known, query)[0] for query in FINDS} == FINDS


def test_the_very_words_are_found_among_many_facts_with_words_and_dates_like_them(db):
    db.run(
        "insert into memory_facts (id, user_id, kind, text) select gen_random_uuid(), $1, 'date',"
        " format('On 2025-02-%s I drew %s of the tramway', lpad(day::text, 2, '0'), part)"
        " from generate_series(1, 28) as day, unnest('{pieces, piecemeal, piecewise, piecework}'::text[]) as part",
        USER,
    )
    assert search(db, "2025-02-02 pieces")[0] == "On 2025-02-02 I drew pieces of the tramway"
    assert all("2025-02-02" in text for text in search(db, "2025-02-02", 4))
    assert all(text.endswith("piecework of the tramway") for text in search(db, "piecework tramway", 28))


def test_what_holds_comes_first_then_what_no_longer_does_and_what_is_gone_not_at_all(known):
    assert search(known, "live in") == ["I live in Porto.", "I live in Lisbon."]
    assert search(known, "I live", limit=1) == ["I live in Porto."]
    assert search(known, "Rome") == []


def test_nothing_that_is_asked_is_an_error(known):
    for query in ("", " ", "?!", "'", "\\", "a' | 'b:*", "& ! ( <->", "x" * 100_000, "%_", None):
        assert isinstance(search(known, query), list)


def test_conversations_are_found_too_and_have_a_place_of_their_own(known):
    known.run(
        "insert into conversation_chunks (user_id, chunk_key, conversation_id, content)"
        " values ($1, 'k', 'c7', $2), ($3, 'k', 'c8', $2)",
        *(USER, f"{'before ' * 300}User: where do I buy a kayak? {'after ' * 300}", OTHER),
    )
    (row,) = known.run("select * from search_memory('kayak')", **MINE)
    assert (row["kind"], row["conversation_id"]) == ("chunk", "c7")
    assert "buy a kayak" in row["text"]
    assert len(row["text"]) <= 600


def test_nobody_finds_what_is_another_persons(known):
    assert search(known, "Paris") == []
    assert search(known, "Paris", user=OTHER) == ["I live in Paris."]
    for who in (MINE, {"role": "anon"}):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            known.run("select * from search_memory('Paris', 20, null, $1)", OTHER, **who)
    found = known.run("select text from search_memory('Paris', 20, null, $1)", OTHER, role="service_role")
    assert [row["text"] for row in found] == ["I live in Paris."]


def test_users_write_rows_of_the_apps_own_beside_the_index(known):
    known.script(
        'create policy "app" on conversation_chunks for insert with check (auth.uid() = user_id);'
        "grant insert on conversation_chunks to authenticated"
    )
    own = "insert into conversation_chunks (user_id, content) values ($1, 'a kayak trip')"
    known.run(own, USER, **MINE)
    assert search(known, "kayak") == ["a kayak trip"]


def test_what_was_forgotten_is_not_found(known):
    identity = known.value("select id from memory_facts where text = 'I live in Porto.'")
    known.run("select memory_forget($1)", identity, **MINE)
    assert search(known, "Porto") == []


def test_an_embedding_is_used_where_there_are_any_and_else_left_aside(known):
    asked = "select text from search_memory($1, 20, $2)"
    near = json.dumps([1.0, 0.0])
    assert [row["text"] for row in known.run(asked, "Porto", near, **MINE)] == ["I live in Porto."]
    if not known.value("select exists (select from pg_available_extensions where name = 'vector')"):
        pytest.skip("this Postgres has no pgvector")
    known.script("create extension vector schema extensions; call full_pass_add_embedding()")
    known.run("update memory_facts set embedding = '[1, 0.1]' where text like '%Ana%'")
    found = known.run(asked, "who is my sibling", near, **MINE)
    assert "My sister is called Ana." in [row["text"] for row in found]
    assert known.run(asked, "Porto", "[1, 0, 0]", **MINE)[0]["text"] == "I live in Porto."
