"""Claude's data export."""

import json
from datetime import UTC, datetime

import pytest

from flows import exports
from flows.exports.conversations import Conversation, Skipped, Speaker


def said(identity, text="", *, sender="human", parent=None, at="2025-05-01T10:00:00Z", **fields):
    message = {"uuid": identity, "sender": sender, "text": text, "created_at": at, "attachments": [], "files": []}
    return {**message, **({"parent_message_uuid": parent} if parent else {}), **fields}


def claude(*messages, **fields):
    times = {"created_at": "2025-05-01T10:00:00.123456Z", "updated_at": "2025-05-02T10:00:00Z"}
    return {"uuid": "k1", "name": "A talk", **times, "chat_messages": list(messages), **fields}


def read(tmp_path, value):
    path = tmp_path / "export"
    path.write_text(json.dumps(value))
    return list(exports.read(path))


def lines(conversation):
    assert isinstance(conversation, Conversation)
    return [(message.speaker, message.text) for message in conversation.messages]


def test_a_conversation_is_read_with_its_times(tmp_path):
    (conversation,) = read(tmp_path, [claude(said("1", "I like tea."), said("2", "Nice.", sender="assistant"))])
    assert lines(conversation) == [(Speaker.USER, "I like tea."), (Speaker.ASSISTANT, "Nice.")]
    assert (conversation.id, conversation.title) == ("k1", "A talk")
    assert conversation.created_at == datetime(2025, 5, 1, 10, 0, 0, 123456, UTC)
    assert next(iter(conversation.messages)).at == datetime(2025, 5, 1, 10, tzinfo=UTC)


def test_blocks_of_text_stand_for_the_text_and_thoughts_and_tools_are_left_out(tmp_path):
    blocks = [
        {"type": "thinking", "thinking": "hm", "text": "hm"},
        {"type": "text", "text": "Here it is."},
        {"type": "tool_use", "name": "search", "input": {}},
        {"type": "tool_result", "content": [{"type": "text", "text": "found"}]},
        {"type": "text", "text": "And more."},
        "odd",
    ]
    (conversation,) = read(tmp_path, [claude(said("1", "Here it is. And more.", sender="assistant", content=blocks))])
    assert lines(conversation) == [(Speaker.ASSISTANT, "Here it is.\nAnd more.")]


def test_what_the_person_attached_is_theirs(tmp_path):
    attachments = [
        {"file_name": "cv.txt", "extracted_content": "I worked in Porto."},
        {"file_name": None, "extracted_content": ""},
        7,
    ]
    (conversation,) = read(tmp_path, [claude(said("1", "My CV", attachments=attachments))])
    assert lines(conversation) == [(Speaker.USER, "My CV\n\n[cv.txt]\nI worked in Porto.")]


def test_an_edited_prompt_does_not_count(tmp_path):
    root = "00000000-0000-4000-8000-000000000000"
    messages = [
        said("1", "I live in Oslo.", parent=root),
        said("2", "Nice.", sender="assistant", parent="1", at="2025-05-01T10:01:00Z"),
        said("3", "I live in Lisbon.", parent=root, at="2025-05-01T10:02:00Z"),
        said("4", "Good.", sender="assistant", parent="3", at="2025-05-01T10:03:00Z"),
    ]
    (conversation,) = read(tmp_path, [claude(*messages)])
    assert [text for _, text in lines(conversation)] == ["I live in Lisbon.", "Good."]


NO_BRANCH = {"one without": ("x", None, "2"), "nowhere": ("x", "x", "x"), "a circle": ("2", "3", "1")}


@pytest.mark.parametrize("parents", NO_BRANCH.values(), ids=NO_BRANCH)
def test_links_that_cannot_be_followed_are_not(tmp_path, parents):
    messages = [said(str(n + 1), f"message {n}", parent=parent) for n, parent in enumerate(parents)]
    (conversation,) = read(tmp_path, [claude(*messages)])
    assert len(lines(conversation)) == 3


def test_a_bad_message_costs_only_itself(tmp_path):
    messages = [7, {"sender": "human"}, said("1", None), said("2", "good", attachments={}, content="odd"), said("3", 5)]
    (conversation,) = read(tmp_path, [claude(*messages)])
    assert lines(conversation) == [(Speaker.USER, "good")]


def test_text_that_is_not_utf8_is_mended(tmp_path):
    path = tmp_path / "export"
    path.write_bytes(json.dumps([claude(said("1", "not TEXT"), said("2", "good"))]).encode().replace(b"TEXT", b"\xb9"))
    (conversation,) = exports.read(path)
    assert [text for _, text in lines(conversation)] == ["not \ufffd", "good"]


def test_what_has_no_list_of_messages_is_skipped(tmp_path):
    assert read(tmp_path, [claude(chat_messages={"a": 1})]) == [Skipped("messages is no list")]


@pytest.mark.parametrize("content", ['[{"type": "text", "text": "I like tea."}]', "I like tea."])
def test_content_that_is_a_string_is_read(tmp_path, content):
    (conversation,) = read(tmp_path, [claude(said("1", "", content=content))])
    assert lines(conversation) == [(Speaker.USER, "I like tea.")]


def test_a_placeholder_of_what_cannot_be_shown_is_not_the_assistants_word(tmp_path):
    text = "```\nThis block is not supported on your current device yet.\n```"
    drawn = said("2", text, sender="assistant", content=[{"type": "tool_use", "input": {}}])
    (conversation,) = read(tmp_path, [claude(said("1", "Draw."), drawn)])
    assert lines(conversation) == [(Speaker.USER, "Draw.")]
