"""LibreChat's export of one conversation."""

from datetime import UTC, datetime

import pytest

from flows.exports.conversations import Conversation, Skipped
from tests.unit.exports.reading import read, said

NONE = "00000000-0000-0000-0000-000000000000"


def message(identity, parent, text, *, user=True, second=0, **fields):
    return {
        "messageId": identity,
        "parentMessageId": parent,
        "isCreatedByUser": user,
        "sender": "User" if user else "GPT",
        "text": text,
        "createdAt": f"2026-01-01T00:00:{second:02}.000Z",
        **fields,
    }


def librechat(**messages):
    return {"conversationId": "l1", "title": "Bees", "endpoint": "openAI", "exportAt": "10:00:00 GMT+0000", **messages}


ANSWER = [{"type": "think", "think": "hm"}, {"type": "text", "text": {"value": "Nice."}}, {"type": "tool_call"}]
BRANCHES = [
    message("1", NONE, "Hello"),
    message("old", "1", "I live in Oslo.", second=1),
    message("new", "1", "I live in Tartu.", second=2),
    message("answer", "new", "", user=False, second=3, content=ANSWER),
]
TREE = [{**BRANCHES[0], "children": [BRANCHES[1], {**BRANCHES[2], "children": [BRANCHES[3]]}]}]


@pytest.mark.parametrize("held", [{"messages": BRANCHES}, {"messagesTree": TREE}])
def test_the_newest_branch_is_read_from_a_list_and_from_a_tree(tmp_path, held):
    (conversation,) = read(tmp_path, librechat(**held))
    assert said(conversation) == [("User", "Hello"), ("User", "I live in Tartu."), ("Assistant", "Nice.")]
    assert isinstance(conversation, Conversation)
    assert (conversation.id, conversation.title, conversation.source) == ("l1", "Bees", "librechat")
    assert conversation.created_at == datetime(2026, 1, 1, tzinfo=UTC)


def test_errors_and_odd_messages_are_left_out(tmp_path):
    odd = [message("1", NONE, "a"), message("2", "1", "no credit", user=False, error=True), 7, message("3", "2", 7)]
    (conversation,) = read(tmp_path, librechat(messages=odd))
    assert said(conversation) == [("User", "a")]


def test_a_deep_tree_ends(tmp_path):
    held = b""
    for number in range(300):
        children = b', "children": [' + held + b"]" if held else b""
        held = f'{{"messageId": "{number}", "isCreatedByUser": true, "text": "t{number}"'.encode() + children + b"}"
    (conversation,) = read(tmp_path, b'{"conversationId": "l1", "messagesTree": [' + held + b"]}")
    assert isinstance(conversation, Conversation | Skipped)
