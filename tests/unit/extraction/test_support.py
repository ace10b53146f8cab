"""Which facts the person's own words say."""

from itertools import pairwise

import pytest

from flows.chunks import cutting, turns, writing
from flows.chunks.turns import Part
from flows.extraction.support import QUOTE_CHARACTERS, Claim, OwnWords
from tests.eval import labels

SAID = [
    Part("conversation", "# I love sailing"),
    Part("user", "Hi! I live in Lisbon with my sister Ida. She's a vet; we “moved” here in 2021."),
    Part("assistant", "You own three yachts in Monaco, and you are called Bob."),
    Part("user", "My exam is next Friday.  I don’t like\nmeat - nor 2.5 kg of it. I owned a boat called Käthe."),
    Part("instructions", "私は猫が好きです。मुझे चाय पसंद है। Ich wohne seit 2019 in der Gießstraße. Живу в Москве с мая."),
]


def turn(text, quote=None, subject=None, dates=(), said=SAID, language="en"):
    found = OwnWords(said).turn_that_says(Claim(text, quote or text, subject, language, tuple(dates)))
    return said.index(found) if found else None


@pytest.mark.parametrize(
    ("text", "quote", "where"),
    [
        ("I live in Lisbon.", "I live in Lisbon", 1),
        ("I live in Lisbon.", "i LIVE in  Lisbon…", 1),
        ("I don't like meat.", "I don't like meat", 3),
        ("We moved here in 2021.", 'we "moved" here in 2021', 1),
        ("I don't like 2.5 kg of meat.", "I don't like meat – nor 2.5 kg of it", 3),
        ("私は猫が好き。", "私は猫が好きです", 4),
        ("मुझे चाय पसंद है", "मुझे चाय पसंद है", 4),
        ("Ich wohne seit 2019 in der Gießstraße", "ich wohne seit 2019 in der Gießstraße", 4),
    ],
)
def test_words_that_stand_in_a_turn_of_the_person_say_it_however_they_are_written(text, quote, where):
    assert turn(text, quote) == where


@pytest.mark.parametrize(
    ("text", "quote"),
    [
        ("I own three yachts in Monaco.", "I own three yachts in Monaco."),
        ("I own three yachts in Monaco.", "I live in Lisbon with my sister Ida"),
        ("You own three yachts in Monaco.", "You own three yachts in Monaco"),
        ("I love sailing.", "I love sailing"),
        ("I am called Bob.", "you are called Bob"),
        ("I live in Porto.", "I live in Lisbon"),
        ("We moved here in 2020.", "we moved here in 2021"),
        ("I like 25 kg of meat.", "I don't like meat - nor 2.5 kg of it"),
        ("I have three sisters.", "my sister Ida"),
        ("I own a boat.", "I own"),
        ("I like cars.", "She's a vet"),
        ("I live in Lisbon.", "I live in … Lisbon"),
        ("I live in Lisbon.", "..."),
        ("Lisbon.", " "),
    ],
)
def test_what_no_turn_of_the_person_says_with_its_names_and_numbers_is_no_fact(text, quote):
    assert turn(text, quote) is None


def test_names_have_cases():
    assert turn("Я живу в городе Москва с мая.", "Живу в Москве с мая", language="ru") == 4
    assert turn("Я живу в городе Минск с мая.", "Живу в Москве с мая", language="ru") is None


def test_a_quote_of_one_turn_is_not_put_together_from_two():
    said = [Part("user", "I live in"), Part("user", "Lisbon now.")]
    assert turn("I live in Lisbon now.", "I live in Lisbon now", said=said) is None


def test_a_copy_of_the_whole_message_is_no_quote():
    said = [Part("user", "I like tea. " + "And so on. " * 60)]
    assert turn("I like tea.", said[0].text, said=said) is None
    assert len(said[0].text) > QUOTE_CHARACTERS


def test_whom_it_is_about_may_stand_elsewhere_in_what_the_person_says():
    assert turn("Ida is a vet.", "She's a vet", subject="my sister Ida") == 1
    assert turn("Ida is a vet.", "She's a vet", subject="my sister Eva") is None
    assert turn("Bob is a vet.", "She's a vet", subject="Bob") is None


def test_a_date_that_is_counted_from_the_day_needs_no_quote():
    assert turn("My exam is on January 12.", "My exam is next Friday", dates=["2024-01-12"]) == 3
    assert turn("My exam is on January 12.", "My exam is next Friday", dates=[None]) is None


def test_what_was_masked_is_compared_as_the_model_saw_it():
    said = [Part("user", "I always forget that my password is Himmel-88.")]
    masked = "I always forget that my password is [secret: password]"
    assert turn(masked, masked, said=said) == 0


# The labelled excerpts


def own_words(excerpt):
    records = (writing.record(chunk, "eval") for chunk in cutting.cut(excerpt.conversation()))
    return OwnWords(part for record in records for part in turns.parts(record))


def claim(excerpt, fact, quote):
    return Claim(fact.text, quote, fact.subject, excerpt.language, (fact.date, fact.until))


def test_what_the_labels_say_is_supported_and_what_another_fact_says_does_not_support_it():
    labelled = [(excerpt, fact) for excerpt in labels.excerpts() for fact in excerpt.expected]
    dropped = [
        fact.text
        for excerpt, fact in labelled
        if own_words(excerpt).turn_that_says(claim(excerpt, fact, fact.quote)) is None
    ]
    # Its name stands in the sentence before, and the dog is no subject there.
    assert dropped == ["We got our greyhound Biscuit from a rescue in May 2022."]
    by_others = [
        (fact.text, other.quote)
        for (excerpt, fact), (also, other) in pairwise(labelled)
        if excerpt.id != also.id and excerpt.language == also.language
        if OwnWords([turns.Part("user", other.quote)]).turn_that_says(claim(excerpt, fact, other.quote))
    ]
    assert len(labelled) > 200
    assert by_others == []
