"""DeepSeek's data export."""

from datetime import UTC, datetime

from flows.exports.conversations import Conversation, Skipped
from tests.unit.exports.reading import read, said


def node(identity, parent, *fragments, minute=0):
    parts = [{"type": kind, "content": content} for kind, content in fragments]
    message = {"inserted_at": f"2026-01-01T08:{minute:02}:00+08:00", "model": "deepseek-chat", "fragments": parts}
    return {"id": identity, "parent": parent, "children": [], "message": message if fragments else None}


def deepseek(*nodes, **fields):
    times = {"inserted_at": "2026-01-01T08:00:00+08:00", "updated_at": "2026-01-01T08:00:00+08:00"}
    return {"id": "d1", "title": "Bees", **times, "mapping": {each["id"]: each for each in nodes}, **fields}


def test_what_was_asked_and_answered_is_read_and_thoughts_and_searches_are_not(tmp_path):
    nodes = (
        node("root", None),
        node("1", "root", ("REQUEST", "I keep bees.")),
        node("2", "1", ("THINK", "hm"), ("SEARCH", "bees"), ("RESPONSE", "Nice."), ("RESPONSE", "More."), minute=1),
    )
    (conversation,) = read(tmp_path, [deepseek(*nodes)])
    assert said(conversation) == [("User", "I keep bees."), ("Assistant", "Nice.\nMore.")]
    assert isinstance(conversation, Conversation)
    assert (conversation.id, conversation.source) == ("d1", "deepseek")
    assert conversation.created_at == datetime(2026, 1, 1, tzinfo=UTC)


def test_the_newest_branch_counts(tmp_path):
    nodes = (
        node("new", None, ("REQUEST", "I live in Tartu."), minute=5),
        node("old", None, ("REQUEST", "I live in Oslo."), minute=1),
    )
    (conversation,) = read(tmp_path, [deepseek(*nodes)])
    assert said(conversation) == [("User", "I live in Tartu.")]


def test_odd_nodes_cost_only_themselves(tmp_path):
    odd = deepseek(node("1", None, ("REQUEST", "a")), node("2", "1", ("REQUEST", 7)), node("3", "2", (None, None)))
    odd["mapping"]["4"] = {"parent": "3", "message": {"fragments": "x"}}
    odd["mapping"]["5"] = 7
    conversation, other = read(tmp_path, [odd, deepseek(mapping=[])])
    assert said(conversation) == [("User", "a")]
    assert isinstance(other, Skipped)
