"""Open WebUI's export."""

from flows.exports.conversations import Conversation, Skipped
from tests.unit.exports.reading import read, said


def message(identity, parent, content, role="user", **fields):
    return {"id": identity, "parentId": parent, "role": role, "content": content, "timestamp": 1_780_000_000, **fields}


def chat(*messages, current=None, **fields):
    history = {"messages": {each["id"]: each for each in messages}, "currentId": current}
    return {"id": "w1", "user_id": "u", "title": "Bees", "chat": {"history": history}, **fields}


def test_the_branch_that_the_person_sees_is_read(tmp_path):
    messages = (
        message("old", None, "I live in Oslo."),
        message("new", None, "I live in Tartu."),
        message("answer", "new", '<details type="reasoning" done="true">\nhm\n</details>\nNice.', "assistant"),
        message("later", "old", "newer, yet left"),
    )
    (conversation,) = read(tmp_path, [chat(*messages, current="answer")])
    assert said(conversation) == [("User", "I live in Tartu."), ("Assistant", "Nice.")]
    assert isinstance(conversation, Conversation)
    assert conversation.source.startswith("open-webui:")
    assert conversation.id == "w1"


def test_without_a_usable_end_the_newest_counts_and_content_may_be_parts(tmp_path):
    parts = [{"type": "text", "text": "I keep bees."}, {"type": "image_url", "image_url": {"url": "x"}}]
    (conversation,) = read(tmp_path, [chat(message("a", "gone", parts), current="nowhere")])
    assert said(conversation) == [("User", "I keep bees.")]


def test_without_a_history_the_list_is_read(tmp_path):
    entry = {"id": "w1", "chat": {"title": "Bees", "messages": [message("a", None, "hi"), 7, message("b", "a", None)]}}
    (conversation,) = read(tmp_path, [entry])
    assert said(conversation) == [("User", "hi")]


def test_what_only_has_a_chat_is_left_to_others(tmp_path):
    assert read(tmp_path, [{"chat": "x"}, {"chat": {}}, {"chat": {"history": []}}]) == [Skipped("unknown format")] * 3


def test_a_circle_ends(tmp_path):
    (conversation,) = read(tmp_path, [chat(message("a", "b", "one"), message("b", "a", "two"), current="a")])
    assert sorted(text for _, text in said(conversation)) == ["one", "two"]
