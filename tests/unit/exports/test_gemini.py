"""Gemini's activity in Google's Takeout."""

import json
import tracemalloc
from datetime import UTC, datetime, timedelta

import pytest

from flows import exports
from flows.exports.conversations import Conversation, Skipped
from tests.unit.exports.reading import read, said

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


def activity(title, answer="Yes.", *, minutes=0, header="Gemini Apps", **fields):
    html = {"safeHtmlItem": [{"html": f"<p>{answer}</p>"}]} if answer else {}
    at = (NOON + timedelta(minutes=minutes)).isoformat().replace("+00:00", "Z")
    return {"header": header, "title": title, "time": at, "products": [header], **html, **fields}


def newest_first(*activities):
    return sorted(activities, key=lambda each: each["time"], reverse=True)


def test_prompts_less_than_half_an_hour_apart_are_one_conversation_the_oldest_first(tmp_path):
    first, second, later = (
        activity("Prompted I keep bees."),
        activity("Prompted Near Tartu.", minutes=29),
        activity("Prompted Good night.", answer="", minutes=60),
    )
    night, day = read(tmp_path, newest_first(first, second, later))
    assert said(day) == [
        ("User", "I keep bees."),
        ("Assistant", "Yes."),
        ("User", "Near Tartu."),
        ("Assistant", "Yes."),
    ]
    assert said(night) == [("User", "Good night.")]
    assert isinstance(day, Conversation)
    assert (day.source, day.created_at, day.updated_at) == ("gemini", NOON, NOON + timedelta(minutes=29))


def test_a_conversation_that_goes_on_keeps_its_id(tmp_path):
    first, second = activity("Prompted I keep bees."), activity("Prompted Near Tartu.", minutes=20)
    found = [*read(tmp_path, [first]), *read(tmp_path, newest_first(first, second))]
    assert len(found) == 2
    assert len({item.id for item in found if isinstance(item, Conversation)}) == 1


def test_two_prompts_of_one_instant_keep_the_order_of_the_rest(tmp_path):
    same = [activity(f"Prompted {word}", answer="", minutes=minute) for word, minute in (("c", 2), ("b", 1), ("a", 1))]
    assert [text for _, text in said(read(tmp_path, same)[0])] == ["a", "b", "c"]


@pytest.mark.parametrize(
    ("title", "prompt"),
    [
        ("Prompted Prompted by you", "Prompted by you"),
        ("Asked Bard: who am I?", "who am I?"),
        ("Said good morning", "good morning"),
        ("Prompted see this Attached 2 files.", "see this"),
        ("Eingegebener Prompt: Ich halte Bienen.", "Ich halte Bienen."),
        ("Sisestasid: ma pean mesilasi", "Sisestasid: ma pean mesilasi"),
    ],
)
def test_the_verb_before_a_prompt_is_not_the_persons(tmp_path, title, prompt):
    assert said(read(tmp_path, [activity(title, header="Gemini-Apps")])[0])[0] == ("User", prompt)


def test_what_is_no_prompt_and_other_products_are_counted(tmp_path):
    others = [
        activity("Created Gemini Canvas titled Hives"),
        activity("Gave feedback: Good response", answer=""),
        activity("Andsid tagasisidet", answer=""),
        activity("Searched for bees", answer="", header="Search"),
        activity("Prompted I keep bees."),
    ]
    found = read(tmp_path, others)
    assert found[:-1] == [Skipped("activity that is no prompt")] * 3 + [Skipped("activity outside of Gemini")]
    assert said(found[-1])[0] == ("User", "I keep bees.")


def test_answers_are_text_and_not_html(tmp_path):
    html = (
        "<style>p {}</style><h2>Hives &amp; <b>bees</b></h2><p>Two\n kinds:</p><ul><li>Langstroth</li>"
        "<li>Warr&eacute;</li></ul><table><tr><td>1</td><td>&lt;2</td></tr></table><script>x < 1</script>end"
    )
    entry = activity("Prompted Which?", safeHtmlItem=[{"html": html}, {"html": 7}, "odd", {"html": "<p>More</p>"}])
    assert said(read(tmp_path, [entry])[0])[1] == (
        "Assistant",
        "Hives & bees\nTwo\nkinds:\n- Langstroth\n- Warré\n1 <2\nend\nMore",
    )


def test_odd_records_cost_only_themselves(tmp_path):
    odd = [
        activity("Prompted a", time="never"),
        activity("Prompted b", products=7, safeHtmlItem="x"),
        {"header": 7, "title": "Prompted c", "time": None},
        {"header": "Gemini Apps", "title": None, "time": 3},
    ]
    found = read(tmp_path, odd)
    assert [text for _, text in said(found[-1])] == ["a", "Yes.", "b"]
    assert found[:-1] == [Skipped("unknown format")] * 2


def test_years_of_activity_are_read_in_the_memory_of_one_conversation(tmp_path):
    path = tmp_path / "export"
    with path.open("w") as file:
        for number in range(6_000):
            entry = activity(f"Prompted {number} " + "word " * 300, minutes=-(number // 10) * 60 - number % 10)
            file.write(("[" if number == 0 else ",") + json.dumps(entry))
        file.write("]")
    tracemalloc.start()
    count = sum(isinstance(item, Conversation) for item in exports.read(path))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert count == 600
    assert path.stat().st_size > 9_000_000
    assert peak < 6_000_000
