import json
from datetime import date

import pytest

from flows.exports.conversations import Speaker
from flows.records import StoredFact
from tests.eval import table
from tests.eval.labels import TRAPS, excerpts
from tests.eval.matching import judge

ALL = excerpts()
OWN = (Speaker.USER, Speaker.INSTRUCTIONS)


def perfect(excerpt):
    return [
        StoredFact(each.kind, each.text, each.date, each.until, each.subject, each.slot, each.stance, quote=each.quote)
        for each in excerpt.expected
    ]


def run(answer):
    return json.loads(table.as_json(table.figures([judge(excerpt, answer(excerpt)) for excerpt in ALL])))


def test_the_set_is_as_large_and_as_varied_as_the_readme_says():
    assert len({each.id for each in ALL}) == len(ALL) >= 150
    languages = [each.language for each in ALL]
    assert languages.count("en") >= 40
    assert sum(languages.count(language) >= 10 for language in set(languages)) >= 8
    assert {trap for trap in TRAPS if sum(trap in each.traps for each in ALL) < 8} == set()
    assert sum("plain" in each.traps for each in ALL) >= len(ALL) / 3
    assert sum(not each.expected for each in ALL) >= 8


@pytest.mark.parametrize("excerpt", ALL, ids=lambda each: each.id)
def test_a_label_quotes_the_person_and_has_real_dates(excerpt):
    own = [message.text for message in excerpt.messages if message.speaker in OWN]
    for fact in excerpt.expected:
        assert any(fact.quote in text for text in own), fact.quote
        assert fact.stance in ("stated", "past", "plan")
    for told in [*excerpt.expected, *excerpt.forbidden]:
        if told.date:
            date.fromisoformat(told.date + "-01-01"[len(told.date) - 4 :])


def test_perfect_answers_have_all_figures_at_their_best():
    figures = run(perfect)
    every = figures["all"]
    assert every["matched"] == every["found"] == every["expected"]
    assert all(right == of for right, of in figures["accuracy"].values())
    assert not any(each["found"] for each in figures["forbidden"].values())


def test_no_answers_recall_nothing():
    figures = run(lambda _: [])
    assert figures["all"]["matched"] == figures["all"]["found"] == 0
    assert "0.0%" in next(line for line in table.printed(figures) if line.startswith("all"))


def test_each_forbidden_fact_counts_against_its_trap():
    def forbidden(excerpt):
        return [
            StoredFact(
                "belief", each.text.strip("/") if each.pattern is None else _of(excerpt, each.pattern), each.date
            )
            for each in excerpt.forbidden
        ]

    figures = run(forbidden)
    assert {why: each["of"] - each["found"] for why, each in figures["forbidden"].items()} == dict.fromkeys(
        figures["forbidden"], 0
    )
    assert figures["all"]["matched"] == 0


def _of(excerpt, pattern):
    import re

    return next(found.group() for each in excerpt.messages if (found := re.search(pattern, each.text)))


def test_what_is_found_twice_counts_once():
    figures = run(lambda excerpt: perfect(excerpt) * 2)
    assert figures["all"]["found"] == figures["all"]["expected"]


def test_a_fact_about_a_sister_is_none_about_the_person():
    (excerpt,) = (each for each in ALL if each.id == "en-19")
    judged = judge(excerpt, [StoredFact("belief", "I am a vet in Galway.", quote="My sister Ida is a vet in Galway")])
    assert [wrong.why for wrong, _ in judged.wrong] == ["third_person"]
    assert len(judged.missed) == 1
