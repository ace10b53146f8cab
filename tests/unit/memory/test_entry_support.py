"""An entry is said by its facts: labelled pairs in fifteen languages, and what each kind of fault is."""

from itertools import permutations

import pytest

from flows.memory import entry_form, entry_support
from flows.memory.entry_form import Fault
from flows.records import KnownFact
from tests.unit.memory.labelled.entries import labelled

ALL = labelled()
FAITHFUL = [each for each in ALL if each.fault is None]


def found(entry, *facts):
    told = entry_support.told(entry, facts)
    fault = entry_form.fault(entry, list(facts)) or entry_support.fault(entry, told or list(facts))
    return fault or (None if told else Fault.WORDS)


def fact(text, **fields):
    return KnownFact("belief", text, **fields)


def test_the_set_is_as_large_and_as_varied_as_it_has_to_be():
    assert len(ALL) >= 190
    assert len({each.language for each in ALL}) >= 12


@pytest.mark.parametrize("each", ALL, ids=lambda each: f"{each.language}: {each.entry}")
def test_an_entry_that_says_something_else_is_told_from_a_faithful_one(each):
    assert (found(each.entry, each.fact) is None) == (each.fault is None)


def test_a_wrong_fact_does_not_say_an_entry():
    pairs = [
        (one.entry, other.fact)
        for one, other in permutations(FAITHFUL, 2)
        if one.language == other.language and one.fact.text != other.fact.text
    ]
    assert len(pairs) > 300
    assert [(entry, other.text) for entry, other in pairs if found(entry, other) is None] == []


def test_an_entry_of_two_facts_may_hold_the_names_and_numbers_of_both():
    facts = fact("My cat is called Mia."), fact("My cat is 7 years old.")
    assert found("Cat Mia is 7 years old.", *facts) is None
    assert found("Cat Mia is 9 years old.", *facts) is Fault.NUMBER


def test_a_no_belongs_to_its_own_fact():
    facts = fact("I like tea."), fact("I don't like coffee.")
    assert found("Likes tea, but doesn't like coffee.", *facts) is None
    assert found("Likes coffee, but doesn't like tea.", *facts) is Fault.NEGATION


def test_a_fact_that_is_named_and_not_told_is_none_of_the_entrys():
    tea, boat = fact("I like green tea."), fact("I am building a boat called Flora.")
    assert entry_support.told("Likes green tea.", [tea, boat]) == [tea]


def test_what_is_about_somebody_else_has_to_say_so():
    told = fact("My sister Ida is allergic to nuts.", subject="my sister Ida")
    assert found("Sister Ida is allergic to nuts.", told) is None
    assert found("Is allergic to nuts.", told) is Fault.NAME


@pytest.mark.parametrize(
    "entry", ["Moved to Faro in May 2024.", "Moved to Faro (2024-05-01).", "Moved to Faro (2024-05)."]
)
def test_the_time_of_a_fact_may_stand_in_its_entry(entry):
    assert found(entry, fact("I moved to Faro.", valid_from="2024-05-01")) is None


@pytest.mark.parametrize("entry", ["Moved to Faro in June.", "Moved to Faro (2024-06-01).", "Moved to Faro in 2023."])
def test_another_time_may_not(entry):
    assert found(entry, fact("I moved to Faro.", valid_from="2024-05-01")) in (Fault.DATE, Fault.NUMBER)


@pytest.mark.parametrize(
    ("entry", "fault"),
    [
        (".", Fault.EMPTY),
        ("I like tea. " * 5_000, Fault.LONG),
        ("I like\ntea.", Fault.LINES),
        ("# I like tea.", Fault.MARKUP),
        ("I like <b>tea</b>.", Fault.MARKUP),
        ('{"text": "tea"}', Fault.MARKUP),
        ("assistant: tea.", Fault.ROLE),
        ("I like ftp://tea", Fault.LINK),
        ("I like javascript:t", Fault.LINK),
        ("I like [drink].", Fault.PLACEHOLDER),
        ("I like:", Fault.LABEL),
        ("他喜欢喝茶。", Fault.LANGUAGE),
    ],
)
def test_what_is_no_entry_is_told_so(entry, fault):
    assert entry_form.fault(entry, [fact("I like tea.")]) is fault


def test_a_link_of_the_fact_may_stand_in_its_entry():
    told = fact("My blog is https://example.org/ana and I write it weekly.")
    assert found("Blog: https://example.org/ana, written weekly.", told) is None
    assert found("Blog: https://example.net/ana, written weekly.", told) is Fault.LINK
