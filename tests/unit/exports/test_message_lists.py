"""Messages as programs keep them."""

import pytest

from flows.exports.conversations import Conversation, Skipped
from tests.unit.exports.reading import log, read, said

TALK = [("User", "I keep bees."), ("Assistant", "Nice.")]
PARTS = [{"type": "text", "text": "I keep bees."}, {"type": "image_url", "image_url": {"url": "x"}}]
BLOCKS = [{"type": "thinking", "thinking": "hm"}, {"type": "text", "text": "Nice."}, {"type": "tool_use", "id": "t"}]
SYSTEM = {"role": "system", "content": "You are helpful."}
OPENAI = [SYSTEM, {"role": "user", "content": PARTS}, {"role": "assistant", "content": BLOCKS}]
RESPONSES = [
    {"role": "user", "content": [{"type": "input_text", "text": "I keep bees."}]},
    {"role": "assistant", "content": [{"type": "output_text", "text": "Nice."}]},
]
GOOGLE = [{"role": "user", "parts": [{"text": "I keep bees."}]}, {"role": "model", "parts": [{"text": "Nice."}]}]
SHARE_GPT = [
    {"from": "system", "value": "You are helpful."},
    {"from": "human", "value": "I keep bees."},
    {"from": "function_call", "value": "{}"},
    {"from": "gpt", "value": "Nice."},
]


@pytest.mark.parametrize("messages", [OPENAI, RESPONSES, GOOGLE])
def test_content_may_be_parts(tmp_path, messages):
    listed, alone = read(tmp_path, [{"id": "p1", "messages": messages}]), read(tmp_path, messages)
    assert [said(item) for item in (*listed, *alone)] == [TALK, TALK]
    assert [item.source for item in (*listed, *alone) if isinstance(item, Conversation)] == ["app", "messages"]


def test_what_is_not_understood_of_a_message_is_counted(tmp_path):
    messages = [
        {"role": "user", "content": [{"type": "image_url"}]},
        {"role": "user", "content": [{"type": "tool_result", "content": "x"}]},
        {"role": "assistant", "content": [{"type": "hologram"}, {"type": "text", "text": "Nice."}]},
        {"role": "narrator", "content": "x"},
    ]
    (conversation,) = read(tmp_path, [{"messages": messages}])
    assert said(conversation) == [("Assistant", "Nice.")]
    assert isinstance(conversation, Conversation)
    assert conversation.lost == {"user message without text": 1, "part type hologram": 1, "role narrator": 1}


def test_sharegpt_is_read_as_a_list_and_alone(tmp_path):
    first, second = read(tmp_path, [{"id": "1", "conversations": SHARE_GPT}, {"conversations": SHARE_GPT[1:]}])
    (alone,) = read(tmp_path, {"conversations": SHARE_GPT})
    assert [said(item) for item in (first, second, alone)] == [TALK] * 3


def test_lines_of_conversations_are_conversations(tmp_path):
    found = read(tmp_path, log({"messages": OPENAI}, {"messages": RESPONSES}))
    assert [said(item) for item in found] == [TALK, TALK]


@pytest.mark.parametrize(
    "entry",
    [
        {"role": "user"},
        {"role": "admin", "content": "x"},
        {"role": 7, "content": "x"},
        {"role": "user", "content": [{"type": "image_url"}]},
        {"from": "ana@example.com", "value": "x"},
        {"from": "human", "value": 7},
        {"conversations": [{"from": 1}]},
        {"conversations": {}, "from": "human"},
    ],
)
def test_what_only_looks_like_messages_is_counted(tmp_path, entry):
    assert read(tmp_path, [entry]) == [Skipped("unknown format")]


def test_a_list_goes_on_after_an_entry_that_is_not_understood(tmp_path):
    skipped, conversation = read(tmp_path, [RESPONSES[0], {"what": "ever"}, RESPONSES[1]])
    assert skipped == Skipped("unknown format")
    assert said(conversation) == TALK
