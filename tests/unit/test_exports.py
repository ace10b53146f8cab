import json
import zipfile
from datetime import UTC, datetime

import pytest

from flows import exports
from flows.conversations import Conversation, Skipped, Speaker
from flows.errors import ExportError


def node(identity, parent, children=(), *, role="user", text=None, content=None, **message):
    content = content or {"content_type": "text", "parts": [text]}
    body = {"author": {"role": role}, "content": content, "create_time": 1_700_000_000, "recipient": "all"}
    return {
        "id": identity,
        "parent": parent,
        "children": list(children),
        "message": {**body, **message} if text or message or content.get("content_type") != "text" else None,
    }


def chatgpt(*nodes, current=None, **fields):
    mapping = {item["id"]: item for item in nodes}
    return {"conversation_id": "c1", "title": "T", "mapping": mapping, "current_node": current, **fields}


def read(path):
    return list(exports.read(path))


def write(tmp_path, value):
    path = tmp_path / "export"
    path.write_bytes(value if isinstance(value, bytes) else json.dumps(value).encode())
    return path


def texts(conversation):
    assert isinstance(conversation, Conversation)
    return [message.text for message in conversation.messages]


def test_the_active_branch_is_read_and_the_edited_prompt_is_not(tmp_path):
    entry = chatgpt(
        {"id": "root", "parent": None, "children": ["old", "new"], "message": None},
        node("old", "root", text="I live in Oslo."),
        node("new", "root", ["answer"], text="I live in Lisbon."),
        node("answer", "new", role="assistant", text="Nice."),
        current="answer",
    )
    (conversation,) = read(write(tmp_path, [entry]))
    assert texts(conversation) == ["I live in Lisbon.", "Nice."]


def test_without_a_usable_current_node_the_newest_leaf_counts(tmp_path):
    entry = chatgpt(
        node("old", None, text="old", create_time=1_000),
        node("new", None, text="new", create_time=2_000),
        current="nowhere",
    )
    (conversation,) = read(write(tmp_path, [entry]))
    assert texts(conversation) == ["new"]


def test_a_cycle_in_the_conversation_ends(tmp_path):
    entry = chatgpt(node("a", "b", ["b"], text="one"), node("b", "a", ["a"], text="two"), current="a")
    (conversation,) = read(write(tmp_path, [entry]))
    assert sorted(texts(conversation)) == ["one", "two"]


@pytest.mark.parametrize("with_metadata", [True, False])
def test_custom_instructions_are_read_without_what_chatgpt_wraps_them_in(tmp_path, with_metadata):
    preamble = "The user provided the following information about themselves. It is shown:\nUser profile:\n```{}```"
    said = {"user_context_message_data": {"about_user_message": "I am Ana.\n```x```", "about_model_message": None}}
    instructions = node(
        "1",
        None,
        content={
            "content_type": "user_editable_context",
            "user_profile": preamble.format("I am Ana.\n```x```"),
            "user_instructions": "The user provided the additional info:\n```Be short.```",
        },
        metadata={"is_visually_hidden_from_conversation": True, **(said if with_metadata else {})},
    )
    (conversation,) = read(write(tmp_path, [chatgpt(instructions, current="1")]))
    assert texts(conversation) == ["I am Ana.\n```x```\nBe short."]
    assert conversation.messages[0].speaker is Speaker.INSTRUCTIONS


def test_what_is_not_the_persons_conversation_is_left_out(tmp_path):
    chain = [
        node("1", None, role="system", text="You are helpful."),
        node("2", "1", text="hidden", metadata={"is_visually_hidden_from_conversation": True}),
        node("3", "2", text="weightless", weight=0),
        node("4", "3", role="assistant", text="print(1)", recipient="python"),
        node("5", "4", role="tool", content={"content_type": "execution_output", "text": "1"}),
        node("6", "5", role="assistant", content={"content_type": "thoughts", "thoughts": []}),
        node("7", "6", content={"content_type": "user_editable_context", "user_profile": "I am Ana."}),
        node(
            "8",
            "7",
            content={
                "content_type": "multimodal_text",
                "parts": [
                    {"content_type": "image_asset_pointer", "asset_pointer": "file://x"},
                    {"content_type": "audio_transcription", "text": "I said this."},
                    "and wrote this",
                ],
            },
        ),
    ]
    (conversation,) = read(write(tmp_path, [chatgpt(*chain, current="8")]))
    assert texts(conversation) == ["I am Ana.", "I said this.\nand wrote this"]
    assert conversation.messages[0].speaker is Speaker.INSTRUCTIONS


def test_the_apps_own_list_is_read(tmp_path):
    entry = {
        "id": "s1",
        "title": "Simple",
        "createdAt": "2024-05-01T10:00:00Z",
        "messages": [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "hello"}],
    }
    (conversation,) = read(write(tmp_path, [entry]))
    assert texts(conversation) == ["hi", "hello"]
    assert conversation.created_at == datetime(2024, 5, 1, 10, tzinfo=UTC)


def test_an_object_with_a_list_of_conversations_is_read(tmp_path):
    (conversation,) = read(write(tmp_path, {"conversations": [chatgpt(node("1", None, text="hi"), current="1")]}))
    assert texts(conversation) == ["hi"]


def test_shards_of_a_zip_in_a_folder_are_read_and_its_junk_is_not(tmp_path):
    path = tmp_path / "export.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for number in (1, 0):
            entry = chatgpt(node("1", None, text=f"shard {number}"), current="1")
            archive.writestr(f"my export/conversations-00{number}.json", json.dumps([entry]))
        archive.writestr("__MACOSX/my export/._conversations-000.json", b"\x00\x05")
        archive.writestr("my export/user.json", "{}")
    assert [texts(conversation) for conversation in read(path)] == [["shard 0"], ["shard 1"]]


def test_one_bad_conversation_costs_only_itself(tmp_path):
    good = chatgpt(node("1", None, text="good"), current="1")
    entries = [None, 7, {"what": "ever"}, {"mapping": 3}, chatgpt(), {**good, "conversation_id": None}, good]
    found = read(write(tmp_path, entries))
    assert [type(item) for item in found] == [Skipped] * 6 + [Conversation]


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "empty"),
        (b"Dear diary, I am not JSON", "neither a zip nor JSON"),
        (b'"text"', "neither a zip nor JSON"),
        (b'[{"id": "1", "secret-word', "malformed after 0 conversations"),
        (b'{"settings": {"a": 1}}', "object without a list of conversations"),
        (b'[{"id": "\xff\xfe secret-word"}]', "malformed"),
        (b"PK\x03\x04 secret-word broken off", "neither a zip nor JSON"),
    ],
)
def test_what_is_no_export_is_refused_without_quoting_it(tmp_path, content, says):
    with pytest.raises(ExportError, match=says) as caught:
        read(write(tmp_path, content))
    assert "secret-word" not in str(caught.value)
    assert "upload" in str(caught.value)


def test_a_zip_without_conversations_is_refused(tmp_path):
    path = tmp_path / "export.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("photos/1.png", b"png")
    with pytest.raises(ExportError, match=r"no conversations\.json"):
        read(path)


def test_a_damaged_zip_is_refused(tmp_path):
    path = tmp_path / "export.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("conversations.json", json.dumps([chatgpt(node("1", None, text="word " * 5_000))]))
    data = bytearray(path.read_bytes())
    data[60:90] = bytes(30)
    path.write_bytes(data)
    with pytest.raises(ExportError, match="damaged"):
        read(path)


@pytest.mark.parametrize("value", [None, True, "soon", float("nan"), float("inf"), 10**400, -5, [], "1e999"])
def test_a_time_that_is_none_is_no_time(value):
    assert exports.timestamps.parse(value) is None


@pytest.mark.parametrize("value", [1_714_557_600, 1_714_557_600_000, "1714557600.0", "2024-05-01T12:00:00+02:00"])
def test_times_are_read_in_every_form(value):
    assert exports.timestamps.parse(value) == datetime(2024, 5, 1, 10, tzinfo=UTC)
