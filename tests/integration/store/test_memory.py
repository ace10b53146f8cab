"""The person has the last word on MEMORY: what the functions of the app do, and that it holds against a pass."""

import hashlib
import hmac
import json
from concurrent.futures import ThreadPoolExecutor
from uuid import UUID

import asyncpg
import pytest

from flows.memory import traces
from flows.memory.section_form import as_markdown
from tests.integration.store.sql import OTHER, USER
from tests.unit.memory.test_guards import statement

SERVICE = {"role": "service_role"}
MINE = {"role": "authenticated", "user": USER}
TEA, BERLIN, PORTO, ANA = (str(UUID(int=number)) for number in range(0xA, 0xE))
TEXTS = {TEA: "I like tea.", BERLIN: "I live in Berlin.", PORTO: "I live in Porto.", ANA: "Ana is my sister."}
SECTIONS = {TEA: "preferences", BERLIN: "person", PORTO: "person", ANA: "people"}
YEARS = {TEA: 2020, BERLIN: 2021, PORTO: 2024, ANA: 2022}


def fact(identity, conversation="c1", **more):
    text = TEXTS[identity]
    said = f"{YEARS[identity]}-05-01T10:00:00Z"
    source = {"chunk_key": f"k {conversation}", "conversation_id": conversation, "message": 0, "quote": text}
    return {
        **{"id": identity, "kind": "belief", "text": text, "stance": "stated", "status": "current"},
        **{"slot": "home" if "live" in text else None, "section": SECTIONS[identity], "mentions": 1},
        **{"conversations": 1, "statement_keys": [f"key of {text}"], "digest": "d", "said_first": said},
        **{"said_last": said, "traces": traces.traces(statement(text)), "sources": [{**source, "said_at": said}]},
        **more,
    }


def entry(*facts, text=None, position=0, origin="model"):
    text = text or " ".join(TEXTS[each] for each in facts)
    identity = hashlib.md5("".join(facts).encode()).hexdigest()
    return {"id": identity, "section": SECTIONS[facts[0]], "position": position, "text": text} | {
        "fact_ids": facts,
        "origin": origin,
    }


class Person:
    """One user's memory, as the app and a pass see it."""

    def __init__(self, db):
        self.db = db

    def call(self, function, *arguments, user=USER):
        marks = ", ".join(f"${number}" for number in range(1, len(arguments) + 1))
        answer = self.db.value(f"select memory_{function}({marks})", *arguments, role="authenticated", user=user)
        return json.loads(answer)

    def save(self, *entries, run="run-1"):
        sql = "select full_pass_save_entries($1, $2, $3)"
        return json.loads(self.db.value(sql, USER, run, json.dumps(entries), **SERVICE))

    def save_facts(self, *facts):
        sql = "select full_pass_save_memory_facts($1, 'run-1', $2)"
        return self.db.value(sql, USER, json.dumps(facts), **SERVICE)

    def adopt(self):
        return json.loads(self.db.value("select full_pass_adopt_edits($1, 'run-1')", USER, **SERVICE))

    def erased(self, *texts, **more):
        asked = [
            {"key": text, "keys": [f"key of {text}"], "text": text, "traces": traces.traces(statement(text))}
            | {"subject": None, "slot": None, "stance": "stated", "said_last": "2026-01-01T00:00:00Z", **more}
            for text in texts
        ]
        found = json.loads(self.db.value("select full_pass_erased($1, $2)", USER, json.dumps(asked), **SERVICE))
        return {each["key"]: each["since"] or each["erased"] for each in found}

    def writes(self, memory_md):
        self.db.run("update user_profiles set memory_md = $2 where user_id = $1", USER, memory_md)

    @property
    def memory(self):
        return self.db.value("select memory_md from user_profiles where user_id = $1", USER)

    @property
    def entries(self):
        return json.loads(self.db.value("select full_pass_entries($1)", USER, **SERVICE))

    @property
    def lines(self):
        return [each["text"] for each in self.entries]

    @property
    def facts(self):
        rows = self.db.run("select * from memory_facts where user_id = $1", USER)
        return {row["text"]: row for row in rows}

    def versions(self, columns="*"):
        return self.db.run(f"select {columns} from memory_versions where user_id = $1 order by version", USER)

    def everything(self):
        """All that is kept of the user, as text, but for the conversations themselves."""
        tables = [
            *("user_profiles", "memory_facts", "memory_fact_sources", "memory_entries", "memory_versions"),
            *("memory_erasures", "chunk_facts", "model_replies", "memory_decisions"),
        ]
        return "".join(str(self.db.run(f"select * from {table}")) for table in tables)


@pytest.fixture
def person(db):
    """With a MEMORY of three facts, and one that is the past."""
    db.claim("run-1")
    found = Person(db)
    found.save_facts(
        *(fact(each) for each in (TEA, PORTO, ANA)), fact(BERLIN, status="superseded", superseded_by=PORTO)
    )
    found.save(entry(TEA), entry(PORTO), entry(ANA))
    return found


WHOLE = """\
# MEMORY

## Who they are

- I live in Porto.

## Preferences

- I like tea.

## People

- Ana is my sister.
"""


# Entries


def test_memory_is_rendered_from_its_entries(person):
    assert person.memory == WHOLE
    assert [(each["text"], each["fresh"]) for each in person.entries] == [
        ("I live in Porto.", True),
        ("I like tea.", True),
        ("Ana is my sister.", True),
    ]


def test_the_same_entries_again_write_nothing(person):
    before = person.db.run("select * from memory_entries order by id"), person.versions()
    profile = person.db.row()
    saved = person.save(entry(TEA), entry(PORTO), entry(ANA))
    assert (saved["memory_md"], saved["added"], saved["changed"], saved["removed"]) == (WHOLE, 0, 0, 0)
    assert (person.db.run("select * from memory_entries order by id"), person.versions()) == before
    assert person.db.row() == profile


def test_an_entry_is_fresh_until_one_of_its_facts_changes(person):
    person.save_facts(fact(TEA, valid_from="2020", digest="d2"), fact(ANA, mentions=2, digest="d2"))
    assert {each["text"]: each["fresh"] for each in person.entries} == {
        "I live in Porto.": True,
        "I like tea.": False,
        "Ana is my sister.": True,
    }


def test_only_the_run_that_owns_the_user_writes_memory(person):
    for sql in ("full_pass_save_entries($1, 'run-2', '[]')", "full_pass_adopt_edits($1, 'run-2')"):
        with pytest.raises(asyncpg.PostgresError, match="does not own the user"):
            person.db.run(f"select {sql}", USER, **SERVICE)
    assert person.memory == WHOLE


# Forget


def test_what_is_forgotten_is_gone_at_once_and_kept_as_a_hash_only(person):
    answers = json.dumps([{"chunk_key": "k c1", "outcome": "facts", "facts": [
        {"kind": "belief", "text": "Lives in Porto", "quote": "I live in Porto.", "message": 0},
        {"kind": "belief", "text": "I like tea.", "quote": "I like tea.", "message": 0},
    ]}])  # fmt: skip
    person.db.run("select full_pass_save_facts($1, 'v', 'haiku', $2)", USER, answers, **SERVICE)
    person.db.run("update user_profiles set soulprint_text = 'Soul.\n\n' || memory_md where user_id = $1", USER)
    answer = person.call("forget", PORTO)
    assert "Porto" not in answer["memory_md"]
    assert (answer["added"], answer["removed"]) == (0, 1)
    assert person.db.row()["soulprint_text"] == "Soul.\n\n" + person.memory
    assert "Porto" not in person.everything()
    assert "tea" in person.everything()


def test_an_entry_that_cites_it_beside_others_becomes_the_others_own_words(person):
    person.save(entry(TEA, ANA, text="Likes tea, as sister Ana does."), entry(PORTO))
    person.call("forget", TEA)
    assert person.lines == ["I live in Porto.", "Ana is my sister."]
    assert [each["origin"] for each in person.entries] == ["model", "facts"]


def test_forgotten_stays_forgotten_in_all_its_wordings_and_in_other_words(person):
    person.call("forget", PORTO)
    assert person.erased("I live in Porto.", "Porto is where I live, in the old town.", "I like tea.") == {
        "I live in Porto.": True,
        "Porto is where I live, in the old town.": True,
    }
    assert person.save_facts(fact(PORTO, digest="d2"), fact(TEA, digest="d2")) == 1
    assert "I live in Porto." not in person.facts


def test_what_it_had_replaced_does_not_come_back_and_what_is_said_later_does(person):
    person.call("forget", PORTO)
    assert person.facts["I live in Berlin."]["status"] == "superseded"
    said = {"slot": "home", "said_last": "2021-05-01T10:00:00Z"}
    assert person.erased("I live in Berlin.", **said) == {"I live in Berlin.": "2024-05-01"}
    assert person.erased("I live in Berlin.", **{**said, "said_last": "2025-01-01T00:00:00Z"}) == {}
    assert person.erased("My brother lives in Berlin.", subject="my brother", **said) == {}


def test_the_hashes_are_hmacs_under_a_key_of_each_user_that_nobody_reads(person):
    person.call("forget", TEA)
    (secret,) = person.db.run("select * from memory_secrets")
    key = bytes(byte ^ 0x36 for byte in secret["inner_pad"][:32])
    expected = hmac.digest(key, b"key of I like tea.", "sha256")[:16]
    assert expected in person.db.value("select statements from memory_erasures")
    hashed = "select full_pass_keyed($1, array['x'])"
    assert person.db.value(hashed, USER, **SERVICE) != person.db.value(hashed, OTHER, **SERVICE)
    for who in (SERVICE, MINE):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            person.db.run("select * from memory_secrets", **who)


# Correct and add


def test_a_correction_takes_the_place_of_the_fact_and_of_its_line(person):
    answer = person.call("correct", PORTO, "I live in  Lisbon.\n")
    assert answer["memory_md"] == WHOLE.replace("Porto", "Lisbon")
    old, new = person.facts["I live in Porto."], person.facts["I live in Lisbon."]
    assert (old["status"], str(old["superseded_by"])) == ("superseded", answer["fact"])
    assert (new["origin"], new["slot"], new["status"]) == ("person", "home", "current")
    assert person.save_facts(fact(PORTO, status="superseded", superseded_by=answer["fact"], digest="d2")) == 1
    assert person.save_facts({**fact(PORTO), "id": answer["fact"], "digest": "d3"}) == 0  # no pass writes over it


def test_what_is_added_stands_in_its_section_once(person):
    first = person.call("add", "I am allergic to nuts.", "person")
    again = person.call("add", " I am allergic   to nuts. ", "person")
    assert first["fact"] == again["fact"]
    assert person.memory == WHOLE.replace("Porto.\n", "Porto.\n- I am allergic to nuts.\n")
    assert person.call("add", "We moved because of the school.")["memory_md"].endswith(
        "## Decisions & Context\n\n- We moved because of the school.\n\n## People\n\n- Ana is my sister.\n"
    )


def test_what_is_said_again_by_the_person_is_forgotten_no_more(person):
    person.call("forget", TEA)
    person.call("add", "I like tea.", "preferences")
    assert person.erased("I like tea.") == {}
    assert person.memory == WHOLE


def test_forgetting_a_correction_does_not_bring_back_what_was_wrong(person):
    new = person.call("correct", TEA, "I like coffee.")["fact"]
    person.call("forget", new)
    assert person.erased("I like tea.", "I like coffee.") == {"I like tea.": True, "I like coffee.": True}


@pytest.mark.parametrize("text", ["", " \n", "# - ", "x" * 1001])
def test_an_entry_without_words_or_with_too_many_is_refused(person, text):
    for function, arguments in (("add", [text]), ("correct", [TEA, text])):
        with pytest.raises(asyncpg.InvalidParameterValueError, match="1 to 1000 characters"):
            person.call(function, *arguments)
    with pytest.raises(asyncpg.InvalidParameterValueError, match="no such section"):
        person.call("add", "x", "hobbies")
    assert person.memory == WHOLE


def test_a_pass_writes_whether_what_the_person_told_still_holds(person):
    told = person.call("correct", PORTO, "I live in Lisbon.")["fact"]
    settle = "select full_pass_settle_person_facts($1, 'run-1', $2)"
    for status in ("superseded", "current"):
        given = json.dumps([{"id": told, "status": status, "superseded_by": None, "valid_to": None}])
        person.db.run(settle, USER, given, **SERVICE)
        assert person.facts["I live in Lisbon."]["status"] == status


# Conversations


def chunk(db, conversation, user=USER):
    db.run(
        "insert into conversation_chunks (user_id, chunk_key, conversation_id, content) values ($1, $2, $3, 'x')",
        user,
        f"k {conversation}",
        conversation,
    )


def test_a_forgotten_conversation_goes_with_what_only_it_says(person):
    both = [*fact(ANA)["sources"], *fact(ANA, "c2")["sources"]]
    person.save_facts(fact(TEA, "c2", digest="d2"), fact(ANA, sources=both, mentions=2, digest="d2"))
    for name in ("c1", "c2"):
        chunk(person.db, name)
    person.call("forget_conversation", "c1")
    assert person.lines == ["I like tea.", "Ana is my sister."]
    assert person.facts["Ana is my sister."]["mentions"] == 1
    assert set(person.facts) == {"I like tea.", "Ana is my sister."}
    assert person.db.value("select array_agg(conversation_id) from conversation_chunks") == ["c2"]
    named = person.db.value("select full_pass_erased_conversations($1, '{c1, c2, c3}')", USER, **SERVICE)
    assert named == ["c1"]
    # Said elsewhere one day, it is known again; but not that it was said here.
    assert person.erased("I live in Porto.") == {}
    assert person.save_facts(fact(PORTO, digest="d2"), fact(BERLIN, "c3", digest="d2")) == 1


def test_deleting_chunks_withdraws_their_facts_at_once(person):
    person.save_facts(fact(TEA, "c2", digest="d2"))
    for name in ("c1", "c2"):
        chunk(person.db, name)
    person.db.script('create policy "app" on conversation_chunks for delete using (auth.uid() = user_id)')
    person.db.script("grant delete on conversation_chunks to authenticated")
    person.db.run("delete from conversation_chunks where conversation_id = 'c2'", **MINE)
    assert person.facts["I like tea."]["status"] == "withdrawn"
    assert person.lines == ["I live in Porto.", "Ana is my sister."]
    assert "tea" not in person.memory
    person.db.run("select full_pass_prune_chunks($1, 'run-1', '{k c1}')", USER, **SERVICE)
    assert person.lines == ["I live in Porto.", "Ana is my sister."]  # a pass sees to that itself


# Versions


def test_the_last_twenty_versions_say_what_changed_and_when(person):
    for number in range(25):
        person.call("add", f"Note {number}.")
    versions = person.versions()
    assert [row["version"] for row in versions] == list(range(7, 27))
    assert (versions[-1]["memory_md"], versions[-1]["run_id"]) == (person.memory, None)
    assert len(versions[-1]["added"]) == 1
    assert json.loads(versions[-1]["entries"])[-2]["text"] == "Note 24."


def test_the_first_version_is_what_was_there_before(db):
    db.run("update user_profiles set memory_md = 'in my own words' where user_id = $1", USER)
    db.claim("run-1")
    person = Person(db)
    person.save_facts(fact(TEA))
    assert person.adopt() == {"deleted": 0, "edited": 0, "added": 0}
    person.save(entry(TEA))
    assert [row["memory_md"] for row in person.versions()] == ["in my own words", person.memory]
    with pytest.raises(asyncpg.NoDataFoundError):
        person.call("restore", 1)


def test_a_version_is_restored_without_what_was_forgotten_since(person):
    person.call("forget", TEA)
    person.call("correct", PORTO, "I live in Lisbon.")
    person.call("add", "I have a dog.", "person")
    assert person.call("restore", 1)["memory_md"] == WHOLE.replace("## Preferences\n\n- I like tea.\n\n", "")
    facts = person.facts
    assert (facts["I live in Porto."]["status"], facts["I have a dog."]["suppressed"]) == ("current", True)
    assert facts["I live in Lisbon."]["status"] == "withdrawn"
    latest = person.versions()[-1]["version"]
    person.call("restore", latest - 1)
    assert "I live in Lisbon." in person.lines
    assert "I have a dog." in person.lines


def test_sections_have_versions_too(person):
    save = "select full_pass_save_sections($1, 'run-1', $2, 'print')"
    for soul in ("one", "one", "two"):
        person.db.run(save, USER, json.dumps({"soul_md": soul}), **SERVICE)
    kept = [row for row in person.versions() if row["kind"] == "sections"]
    assert [json.loads(row["sections"])["soul_md"] for row in kept] == ["one", "two"]
    person.call("restore", kept[0]["version"])
    assert person.db.row()["soul_md"] == "one"


SOUL = {"tone": "warm", "traits": ["drinks Teas at night", "calm"], "humor": None, "boundaries": "no puns before tea"}
WHO = {"name": "Bea", "location": "Porto", "interests": ["tea", "Ana", "the sea"]}


def sections(soul=SOUL, who=WHO):
    """As a pass writes them, the identity alone by hand."""
    columns = {"soul_md": json.dumps(soul), "user_md": json.dumps(who), "identity_md": "Tea for two."}
    parts = [as_markdown(name.removesuffix("_md"), text) for name, text in sorted(columns.items())]
    return columns, "\n\n".join(part for part in parts if part)


def save_sections(person, *of):
    columns, text = sections(*of)
    whole = f"{text}\n\n{person.memory}"
    save = "select full_pass_save_sections($1, 'run-1', $2, $3, 'question')"
    person.db.run(save, USER, json.dumps(columns), whole, **SERVICE)
    assert person.db.row()["full_pass_sections_question"] == "question"


def stands(person, *of):
    """Whether the row has these sections, and its whole text shows them."""
    columns, text = sections(*of)
    row = person.db.row()
    found = {name: json.loads(row[name]) for name in ("soul_md", "user_md")}
    return (
        found == {name: json.loads(columns[name]) for name in found}
        and row["identity_md"] == columns["identity_md"]
        and row["soulprint_text"] == f"{text}\n\n{person.memory}"
    )


def test_what_is_forgotten_goes_out_of_the_sections_in_any_form_of_its_words(person):
    save_sections(person)
    person.call("forget", TEA)
    left = {**SOUL, "traits": ["calm"], "boundaries": None}
    assert stands(person, left, {**WHO, "interests": ["Ana", "the sea"]})
    assert person.db.row()["full_pass_sections_question"] is None
    kept = [row["sections"] for row in person.versions() if row["sections"]]
    assert "tea" not in "".join(kept).replace("Tea for two", "")
    assert "MEMORY" not in "".join(kept)


def test_restored_sections_stand_above_the_memory_that_there_is(person):
    save_sections(person)
    before = max(row["version"] for row in person.versions() if row["sections"])
    save_sections(person, {"tone": "cold"})
    person.call("add", "I have a dog.", "person")
    person.call("restore", before)
    assert stands(person)
    assert person.memory.endswith("- Ana is my sister.\n")


def test_where_there_is_no_version_what_is_forgotten_is_kept_in_none(person):
    columns, text = sections()
    person.db.run(
        "update user_profiles set soul_md = $2, soulprint_text = $3 where user_id = $1",
        USER,
        columns["soul_md"],
        f"{text}\n\n{person.memory}",
    )
    person.call("forget", TEA)
    assert "Teas" not in person.everything()


def test_what_is_corrected_goes_out_of_the_sections(person):
    save_sections(person)
    person.call("correct", PORTO, "I live in Lisbon.")
    assert stands(person, SOUL, {**WHO, "location": None})


def test_a_section_of_which_nothing_is_left_leaves_no_heading(person):
    only = {"location": "Porto", "name": None}
    save_sections(person, SOUL, only)
    person.call("forget", PORTO)
    assert "## User" not in person.db.row()["soulprint_text"]
    assert stands(person, SOUL, {"location": None, "name": None})


@pytest.mark.parametrize(
    ("language", "said", "told"),
    [
        ("ja", "東京に住んでいます。", "東京の人"),
        ("ru", "Я люблю собак.", "любит собаку"),
        ("de", "Ich habe einen Hund.", "Hunde"),
        (None, "I own 3 boats.", "3"),
    ],
)
def test_words_of_other_languages_go_too(person, language, said, told):
    TEXTS[TEA], before = said, TEXTS[TEA]
    try:
        person.save_facts(fact(TEA, language=language, digest="another"))
    finally:
        TEXTS[TEA] = before
    save_sections(person, {"traits": ["calm", told]})
    person.call("forget", TEA)
    assert stands(person, {"traits": ["calm"]})


def untold(person, *messages):
    asked = json.dumps([{"conversation_id": conversation, "message": message} for conversation, message in messages])
    return json.loads(person.db.value("select full_pass_untold($1, $2)", USER, asked, **SERVICE))


def test_messages_that_say_what_was_taken_back_are_known_and_no_others(person):
    more = (("c2", 0), ("c1", 1), ("c3", 0))
    assert untold(person, ("c1", 0), *more) == []
    person.call("forget", TEA)
    assert untold(person, ("c1", 0), *more) == [["c1", 0]]
    person.save_facts(fact(ANA, "c3", digest="another"))
    person.writes(person.memory.replace("- Ana is my sister.\n", ""))
    person.adopt()
    assert sorted(untold(person, ("c1", 0), *more)) == [["c1", 0], ["c3", 0]]


def test_the_export_has_everything(person):
    person.call("correct", PORTO, "I live in Lisbon.")
    export = person.call("export")
    assert export["memory_md"] == person.memory
    assert {each["text"] for each in export["facts"]} == {*TEXTS.values(), "I live in Lisbon."}
    assert {source["quote"] for each in export["facts"] for source in each["sources"]} == set(TEXTS.values())
    assert len(export["versions"]) == 2


def test_what_only_an_assistant_has_noted_says_so_where_it_is_asked_why(person):
    (own,) = fact(TEA)["sources"]
    note = {**own, "conversation_id": "claude/notes", "quote": "User likes tea.", "noted": True}
    person.save_facts(fact(TEA, sources=[own, note], mentions=2, digest="d2"))
    asked = person.db.run("select quote, noted from memory_fact_sources where fact_id = $1 order by 1", TEA, **MINE)
    assert [tuple(row) for row in asked] == [("I like tea.", False), ("User likes tea.", True)]
    (tea,) = (each for each in person.call("export")["facts"] if each["id"] == TEA)
    assert sorted(source["noted"] for source in tea["sources"]) == [False, True]


# Edits of the text itself


def test_a_deleted_line_stays_deleted_and_its_fact_findable(person):
    person.writes(WHOLE.replace("## Preferences\n\n- I like tea.\n\n", ""))
    assert person.adopt() == {"deleted": 1, "edited": 0, "added": 0}
    assert person.adopt() == {"deleted": 0, "edited": 0, "added": 0}
    assert (person.facts["I like tea."]["suppressed"], person.facts["I like tea."]["status"]) == (True, "current")
    person.save(entry(TEA), entry(PORTO), entry(ANA))
    assert "tea" not in person.memory


def test_an_edited_line_is_a_correction(person):
    person.writes(WHOLE.replace("I live in Porto.", "I live in Lisbon."))
    assert person.adopt() == {"deleted": 0, "edited": 1, "added": 0}
    assert person.facts["I live in Porto."]["status"] == "superseded"
    assert person.facts["I live in Lisbon."]["slot"] == "home"
    assert person.memory == WHOLE.replace("Porto", "Lisbon")


def test_a_new_line_stands_where_its_heading_says(person):
    person.writes(WHOLE + "Ben is my brother.\n\n## Notes\n\n* Speak Portuguese to me on Sundays.\r\n")
    assert person.adopt() == {"deleted": 0, "edited": 0, "added": 2}
    assert person.memory.endswith(
        "## Decisions & Context\n\n- Speak Portuguese to me on Sundays.\n\n"
        "## People\n\n- Ana is my sister.\n- Ben is my brother.\n"
    )
    assert [each["origin"] for each in person.entries] == ["model", "model", "person", "model", "person"]


@pytest.mark.parametrize("lost", [None, "", " \n", "Another text,\n\nof a quick pass."])
def test_a_text_that_is_lost_or_another_is_no_edit(person, lost):
    person.writes(lost)
    assert person.adopt() == {"deleted": 0, "edited": 0, "added": 0}
    person.save(entry(TEA), entry(PORTO), entry(ANA))
    assert person.memory == WHOLE


def test_a_memory_with_its_title_alone_is_emptied(person):
    person.writes("# MEMORY\n")
    assert person.adopt() == {"deleted": 3, "edited": 0, "added": 0}
    person.save(entry(TEA), entry(PORTO), entry(ANA))
    assert person.memory == "# MEMORY\n"


def test_edits_hold_when_the_app_calls_before_a_pass_comes(person):
    person.writes(WHOLE + "- Ben is my brother.\n")
    person.call("forget", TEA)
    assert person.lines == ["I live in Porto.", "Ana is my sister.", "Ben is my brother."]


def test_a_huge_edit_is_taken_over_in_lines_that_are_no_longer_than_an_entry(person):
    words = [f"word{number:04}" for number in range(300)]
    person.writes(WHOLE + f"- {' '.join(words)}\n{''.join(words)}\n")
    assert person.adopt()["added"] == 3 + 3
    assert max(map(len, person.lines)) <= 1000
    assert " ".join(person.lines[3:6]).split() == words
    person.writes(person.memory + "".join(f"- line {number}\n" for number in range(2100)))
    assert person.adopt()["added"] == 2000 - 6


# A pass that goes on meanwhile


def test_what_the_person_says_during_a_pass_holds_against_its_end(person):
    person.call("forget", TEA)
    lisbon = person.call("correct", PORTO, "I live in Lisbon.")["fact"]
    person.call("add", "I have a dog.", "person")
    person.save(entry(TEA, ANA), entry(PORTO))
    assert person.lines == ["I live in Lisbon.", "I have a dog.", "Ana is my sister."]
    assert lisbon in {each["id"] for each in person.entries}


def test_what_a_pass_still_writes_of_a_forgotten_conversation_goes_with_its_end(person):
    chunk(person.db, "c1")
    person.call("forget_conversation", "c1")
    chunk(person.db, "c1")
    late = json.dumps([{"chunk_key": "k c1", "outcome": "facts", "facts": [{"text": "I like tea."}]}])
    person.db.run("select full_pass_save_facts($1, 'v', 'haiku', $2)", USER, late, **SERVICE)
    assert person.db.value("select full_pass_complete($1, 'run-1')", USER, **SERVICE)
    for table in ("conversation_chunks", "chunk_facts"):
        assert person.db.value(f"select count(*) from {table}") == 0


def test_many_calls_at_the_same_moment_all_count(person):
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: person.call("add", f"Note {number}."), range(8)))
    assert sorted(person.lines)[-8:] == [f"Note {number}." for number in range(8)]
    assert [row["version"] for row in person.versions()] == list(range(1, 10))


# Others


def test_nobody_touches_the_memory_of_another(person):
    attempts = [
        ("select memory_forget($1)", [TEA]),
        ("select memory_forget($1, $2)", [TEA, USER]),
        ("select memory_correct($1, 'x')", [TEA]),
        ("select memory_add('x', null, $1)", [USER]),
        ("select memory_forget_conversation('c1', $1)", [USER]),
        ("select memory_restore(1, $1)", [USER]),
        ("select memory_export($1)", [USER]),
        ("select full_pass.memory_forget($1, $2)", [TEA, USER]),
        ("select full_pass.person($1)", [USER]),
    ]
    for who in ({"role": "authenticated", "user": OTHER}, {"role": "anon"}):
        for sql, arguments in attempts:
            with pytest.raises((asyncpg.InsufficientPrivilegeError, asyncpg.NoDataFoundError)):
                person.db.run(sql, *arguments, **who)
    assert person.memory == WHOLE
    assert person.db.value("select count(*) from memory_erasures") == 0


def test_the_apps_server_names_whose_memory_it_means(person):
    person.db.run("select memory_forget($1, $2)", TEA, USER, **SERVICE)
    assert person.lines == ["I live in Porto.", "Ana is my sister."]
    with pytest.raises(asyncpg.InsufficientPrivilegeError, match="no such memory"):
        person.db.run("select memory_forget($1)", ANA, **SERVICE)


def test_with_the_account_everything_goes_also_in_a_delete_of_chunks(person):
    chunk(person.db, "c1")
    person.call("forget", TEA)
    person.db.run("delete from auth.users where id = $1", USER)
    for table in ("memory_entries", "memory_versions", "memory_erasures", "memory_secrets", "memory_facts"):
        assert person.db.value(f"select count(*) from {table}") == 0
