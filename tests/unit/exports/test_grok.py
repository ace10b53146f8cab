"""Grok's data export."""

from datetime import UTC, datetime

from flows.exports.conversations import Conversation, Skipped
from tests.unit.exports.reading import read, said


def response(identity, message, sender="human", seconds=0, **fields):
    at = {"$date": {"$numberLong": str((1_767_225_600 + seconds) * 1_000)}}
    return {"response": {"_id": identity, "message": message, "sender": sender, "create_time": at, **fields}}


def grok(*responses, **fields):
    about = {"id": "g1", "user_id": "u", "title": "Bees", "create_time": "2026-01-01T00:00:00Z", **fields}
    return {"conversations": [{"conversation": about, "responses": list(responses)}], "projects": [], "tasks": []}


def test_a_conversation_is_read_with_its_times_in_both_forms(tmp_path):
    answer = response("r2", "Nice.", "ASSISTANT", create_time="2026-01-01T00:00:05Z", agent_thinking_traces=["hm"])
    (conversation,) = read(tmp_path, grok(response("r1", "I keep bees."), answer))
    assert said(conversation) == [("User", "I keep bees."), ("Assistant", "Nice.")]
    assert isinstance(conversation, Conversation)
    assert (conversation.id, conversation.title) == ("g1", "Bees")
    assert conversation.source.startswith("grok:")
    assert [message.at for message in conversation.messages] == [
        datetime(2026, 1, 1, 0, 0, second, tzinfo=UTC) for second in (0, 5)
    ]


def test_without_links_responses_stand_in_the_order_of_their_times(tmp_path):
    (conversation,) = read(tmp_path, grok(response("r2", "b", seconds=2), response("r1", "a", seconds=1)))
    assert said(conversation) == [("User", "a"), ("User", "b")]


def test_an_edited_prompt_does_not_count(tmp_path):
    responses = [
        response("r1", "Hello"),
        response("r2", "Hi.", "assistant", 1, parent_response_id="r1"),
        response("old", "I live in Oslo.", seconds=2, parent_response_id="r2"),
        response("new", "I live in Tartu.", seconds=3, parent_response_id="r2"),
    ]
    (conversation,) = read(tmp_path, grok(*responses))
    assert [text for _, text in said(conversation)] == ["Hello", "Hi.", "I live in Tartu."]


def test_odd_responses_cost_only_themselves(tmp_path):
    odd = [
        7,
        {"response": None},
        response(7, "a"),
        response("x", {"b": 1}),
        response("y", "c", sender=None),
        response("z", "d"),
    ]
    (conversation, other) = read(tmp_path, [*grok(*odd)["conversations"], {"conversation": 7, "responses": []}])
    assert said(conversation) == [("User", "a"), ("User", "d")]
    assert isinstance(conversation, Conversation)
    assert conversation.lost == {"malformed message": 1, "user message without text": 1, "sender other": 1}
    assert other == Skipped("unknown format")
