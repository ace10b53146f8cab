import time

import pytest

from deployments.local.messages_api.fact_rules import facts


@pytest.mark.parametrize(
    ("sentence", "kind", "date"),
    [
        ("I prefer tea without sugar.", "preference", None),
        ("My favourite colour is green.", "preference", None),
        ("I'm building a boat.", "project", None),
        ("My birthday is 14 March 1990.", "date", "1990-03-14"),
        ("On March 5, 2025 I moved house.", "date", "2025-03-05"),
        ("My exam is on 2026-02-17.", "date", "2026-02-17"),
        ("I moved to Porto in 2021.", "date", None),
        ("I believe in repair.", "belief", None),
        ("I've decided to stop smoking.", "decision", None),
        ("Ich wohne in Köln.", "belief", None),
        ("Prefiero el té.", "preference", None),
        ("J'ai décidé de partir.", "decision", None),
        ("私は猫が好きです。", "preference", None),
        ("私は大阪に住んでいます。", "belief", None),
    ],
)
def test_a_first_person_sentence_is_a_fact_word_for_word(sentence, kind, date):
    (fact,) = facts([f"Some words before. {sentence} And after."])
    assert (fact.text, fact.kind, fact.date) == (sentence, kind, date)


@pytest.mark.parametrize(
    "text",
    [
        "Do I prefer tea?",
        "I prefer tea, don't I?",
        "```\nI prefer tabs.\n```",
        "> I prefer coffee.",
        "She said that I prefer tea.",
        "The price is 3.50. It fell.",
    ],
)
def test_questions_code_quotes_and_reports_are_no_facts(text):
    assert facts([text]) == []


def test_a_fact_said_twice_is_one():
    assert len(facts(["I like tea. Really. I like tea.", "I like tea."])) == 1


@pytest.mark.parametrize(
    "text", ["I " * 500_000, "((((" * 250_000, "On 1 May I" * 100_000, "." * 1_000_000, "My " * 300_000]
)
def test_hostile_text_takes_no_longer_than_any_other(text):
    started = time.process_time()
    facts([text])
    assert time.process_time() - started < 10  # a runaway pattern takes hours


@pytest.mark.parametrize(
    ("sentence", "date"),
    [
        ("My exam is next Friday.", "2024-01-12"),
        ("My exam is on Saturday.", "2024-01-06"),
        ("My exam is tomorrow.", "2024-01-06"),
    ],
)
def test_a_date_counts_from_the_day_on_which_it_was_said(sentence, date):
    (fact,) = facts([(sentence, "Fri 2024-01-05")])
    assert fact.date == date
    (fact,) = facts([sentence])
    assert fact.date is None
