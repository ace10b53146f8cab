"""Step 5: what the person told the app, corrected and erased holds against what their chats say."""

from itertools import combinations

import pytest

from flows.memory import traces
from tests.eval import pairs
from tests.unit.memory.test_consolidation import MOVES, Passes, found
from tests.unit.memory.test_guards import statement

NOW, LATER = "2026-01-01T10:00:00+00:00", "2026-05-01"


@pytest.fixture
def passes(model, supabase, tmp_path):
    return Passes(model, supabase, tmp_path)


def texts(passes):
    return [fact.text for fact in passes.current()]


def writes(supabase, monkeypatch):
    """The functions that are called from now on, of those that write facts."""
    called, rpc = [], supabase.rpc

    async def noted(function, arguments):
        if function in ("full_pass_save_memory_facts", "full_pass_settle_person_facts", "full_pass_withdraw_facts"):
            called.append(function)
        return await rpc(function, arguments)

    monkeypatch.setattr(supabase, "rpc", noted)
    return called


# Told and corrected


def test_what_the_person_added_is_among_the_facts_that_hold(passes, supabase):
    supabase.add_person_fact("I am allergic to nuts.", NOW)
    passes.consolidate(*MOVES)
    assert texts(passes) == ["I live in Porto.", "I am allergic to nuts."]
    assert [fact.origin for fact in passes.current()] == ["chats", "person"]


def test_a_correction_holds_against_what_was_said_before_and_not_against_what_is_said_later(passes, supabase):
    supabase.add_person_fact("I live in Faro.", NOW, slot="home")
    passes.consolidate(*MOVES)
    assert texts(passes) == ["I live in Faro."]
    assert passes.rows()["I live in Porto."]["valid_to"] == "2026-01-01"
    later = found("I live in Rome.", said=LATER, chunk_key="k9", slot="home")
    passes.consolidate(*MOVES, later)
    assert texts(passes) == ["I live in Rome."]
    faro = passes.rows()["I live in Faro."]
    assert (faro["status"], faro["superseded_by"]) == ("superseded", passes.rows()["I live in Rome."]["id"])
    passes.consolidate(*MOVES)
    assert texts(passes) == ["I live in Faro."]


def test_without_a_slot_too_also_against_other_words_for_what_was_wrong(passes, supabase):
    wrong = found("I take oat milk in my coffee.", chunk_key="k1")
    passes.consolidate(wrong)
    right = supabase.add_person_fact("I take my coffee black.", NOW)
    supabase.tables["memory_facts"][0] |= {"status": "superseded", "superseded_by": right}
    other_words = found("In my coffee I always take oat milk.", said="2023-01-01", chunk_key="k2")
    passes.consolidate(wrong, other_words)
    assert texts(passes) == ["I take my coffee black."]
    again = found("I take oat milk in my coffee.", said=LATER, chunk_key="k3")
    passes.consolidate(wrong, other_words, again)
    assert "I take oat milk in my coffee." in texts(passes)
    assert "I take my coffee black." not in texts(passes)


def test_what_the_chats_say_in_the_persons_own_words_stands_once(passes, supabase):
    supabase.add_person_fact("I am allergic to nuts", NOW)
    passes.consolidate(found("I am allergic to nuts."), found("Me, I am allergic to nuts!", LATER, chunk_key="k2"))
    assert texts(passes) == ["I am allergic to nuts"]


def test_what_was_taken_out_of_memory_is_marked_and_holds(passes, supabase):
    passes.consolidate(*MOVES)
    supabase.tables["memory_facts"][0]["suppressed"] = True
    passes.consolidate(*MOVES)
    assert [(fact.text, fact.suppressed) for fact in passes.current()] == [("I live in Porto.", True)]


@pytest.mark.parametrize("forgotten", [{}, {"text": "I live in Porto.", "slot": "home", "since": "2024-05-01"}])
def test_the_same_import_again_writes_nothing(passes, supabase, monkeypatch, forgotten):
    supabase.add_person_fact("I am allergic to nuts.", NOW)
    supabase.add_person_fact("I work as a vet.", NOW, slot="work")
    if forgotten:
        supabase.forget(**forgotten)
    facts = [*MOVES, found("I work as a nurse.", slot="work", chunk_key="k7")]
    passes.consolidate(*facts)
    before = [dict(row) for row in supabase.tables["memory_facts"]]
    called = writes(supabase, monkeypatch)
    _, calls = passes.consolidate(*facts)
    assert (calls, called) == (0, [])
    assert supabase.tables["memory_facts"] == before


# Erased


def test_what_was_forgotten_is_left_out_and_what_it_had_replaced_stays_the_past(passes, supabase):
    supabase.forget(text="I live in Porto.", slot="home", since="2024-05-01")
    counts, _ = passes.consolidate(*MOVES, found("I like tea."))
    assert texts(passes) == ["I like tea."]
    assert counts.erased == 1
    rows = passes.rows()
    assert "I live in Porto." not in rows
    assert [rows[f"I live in {place}."]["status"] for place in ("Berlin", "Lisbon")] == ["superseded", "superseded"]


def test_it_stays_so_when_nothing_says_any_more_what_was_forgotten(passes, supabase):
    supabase.forget(text="I live in Porto.", slot="home", since="2024-05-01")
    passes.consolidate(*MOVES[:2])
    assert texts(passes) == []
    assert passes.rows()["I live in Lisbon."]["valid_to"] == "2024-05-01"


def test_what_the_person_told_before_does_not_come_back_either(passes, supabase, monkeypatch):
    supabase.add_person_fact("I live in Faro.", "2024-04-01T10:00:00+00:00", slot="home")
    supabase.forget(text="I live in Porto.", slot="home", since="2024-05-01")
    passes.consolidate(*MOVES)
    assert texts(passes) == []
    called = writes(supabase, monkeypatch)
    passes.consolidate(*MOVES)
    assert called == []


# Other words


def share(relation):
    of = [pair.statements() for pair in pairs.read() if pair.relation == relation]
    return sum(traces.say_the_same(traces.traces(one), traces.traces(other)) for one, other in of), len(of)


def test_of_labelled_pairs_most_that_say_the_same_are_known_again_and_hardly_another():
    assert share("same") == (50, 71)
    assert share("unrelated") == (0, 30)
    assert share("replaces") == (0, 44)
    assert share("both") == (9, 71)


def test_facts_of_different_pairs_are_not_taken_for_one():
    facts = [
        (pair.language, number, traces.traces(fact))
        for number, pair in enumerate(pairs.read())
        for fact in pair.statements()
    ]
    others = [(one[2], other[2]) for one, other in combinations(facts, 2) if one[0] == other[0] and one[1] != other[1]]
    assert len(others) > 10_000
    # Learning C++ because of something, and learning C++.
    assert sum(traces.say_the_same(*pair) for pair in others) == 1


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("I like coffee in the morning", "I don't like coffee in the morning"),
        ("I sleep about five hours a night", "I sleep about eight hours a night"),
        ("The cake for Clara is lemon", "The cake for Carla is lemon"),
        ("I take oat milk in my coffee", "I take my coffee black"),
        ("", ""),
    ],
)
def test_another_number_name_or_a_denial_is_another_thing(first, second):
    assert not traces.say_the_same(traces.traces(statement(first)), traces.traces(statement(second)))
