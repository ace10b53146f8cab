"""Perplexity's threads."""

from flows.exports.conversations import Conversation, Skipped
from tests.unit.exports.reading import read, said


def entry(question, answer, second=0, **fields):
    blocks = [
        {"intended_usage": "plan", "plan_block": {"steps": []}},
        {"intended_usage": "ask_text", "markdown_block": answer},
        {"intended_usage": "ask_text_0_markdown", "markdown_block": {"answer": "again"}},
    ]
    at = f"2026-01-01T00:00:{second:02}"
    return {"query_str": question, "blocks": blocks, "entry_created_datetime": at, "context_uuid": "p1", **fields}


def test_a_thread_is_its_questions_and_answers_in_the_order_of_their_times(tmp_path):
    entries = [entry("And hives?", {"chunks": ["Two ", "kinds."]}, 5), entry("Which bees?", {"answer": "Buckfast."})]
    (conversation,) = read(tmp_path, {"status": "ok", "entries": entries, "thread_metadata": {"title": "Bees"}})
    assert said(conversation) == [
        ("User", "Which bees?"),
        ("Assistant", "Buckfast."),
        ("User", "And hives?"),
        ("Assistant", "Two kinds."),
    ]
    assert isinstance(conversation, Conversation)
    assert (conversation.id, conversation.title, conversation.source) == ("p1", "Bees", "perplexity")


def test_a_thread_in_the_short_form_is_one_conversation(tmp_path):
    turns = [{"uuid": f"{n}", "query": f"q{n}", "answer": f"a{n}", "timestamp": f"2026-01-0{n}"} for n in (1, 2)]
    (conversation,) = read(tmp_path, {"metadata": {"thread_title": "Bees"}, "conversations": turns})
    assert [text for _, text in said(conversation)] == ["q1", "a1", "q2", "a2"]


def test_odd_entries_cost_only_themselves(tmp_path):
    odd = [7, entry(None, None), entry("a", "x", blocks=7), entry("b", {"answer": 7, "chunks": [1]})]
    conversation, other = read(tmp_path, [{"entries": odd}, {"entries": "x", "query_str": "y"}])
    assert said(conversation) == [("Assistant", "again"), ("User", "a"), ("User", "b"), ("Assistant", "again")]
    assert other == Skipped("unknown format")
