import json
from datetime import UTC, datetime

import pytest

from flows import exports
from flows.errors import ExportError
from flows.exports.conversations import Conversation, Skipped, Speaker


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


def speakers(conversation):
    return [message.speaker for message in conversation.messages]


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
    conversation, told = read(write(tmp_path, [chatgpt(instructions, current="1")]))
    assert texts(conversation) == []
    assert texts(told) == ["I am Ana.\n```x```\nBe short."]
    assert speakers(told) == [Speaker.INSTRUCTIONS]


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
    conversation, told = read(write(tmp_path, [chatgpt(*chain, current="8")]))
    assert texts(conversation) == ["I said this.\nand wrote this"]
    assert texts(told) == ["I am Ana."]


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


def test_one_bad_conversation_costs_only_itself(tmp_path):
    good = chatgpt(node("1", None, text="good"), current="1")
    entries = [None, 7, {"what": "ever"}, {"mapping": 3}, {"messages": {}}, {"chat_messages": "x"}, good]
    found = read(write(tmp_path, entries))
    assert [type(item) for item in found] == [Skipped] * 6 + [Conversation]


def test_one_bad_node_costs_only_itself(tmp_path):
    entry = chatgpt(
        node("1", None, text="one"),
        {"id": "2", "parent": "1", "message": ["no message"]},
        {"id": "3", "parent": "2", "message": {"author": 7, "content": {"parts": ["x"]}}},
        node("4", "3", content={"content_type": "text", "parts": [7, None, {"text": 8}, "four"]}, weight=1),
        node("5", "4", text="five", metadata="odd", weight="odd", create_time={"odd": 1}),
        current="5",
    )
    (conversation,) = read(write(tmp_path, [entry]))
    assert texts(conversation) == ["one", "four", "five"]


def test_a_conversation_without_an_id_keeps_the_one_it_is_given_when_it_goes_on(tmp_path):
    def without_id(*nodes, current):
        return {key: value for key, value in chatgpt(*nodes, current=current).items() if key != "conversation_id"}

    first, second = node("1", None, text="one", create_time=1), node("2", "1", text="two", create_time=2)
    (short,), (long,), (other,) = (
        read(write(tmp_path, entry))
        for entry in (
            without_id(first, current="1"),
            without_id(first, second, current="2"),
            without_id(second, current="2"),
        )
    )
    assert short.id == long.id != other.id


def test_a_conversation_that_is_there_twice_is_read_once(tmp_path):
    entry = chatgpt(node("1", None, text="hi"), current="1")
    longer = chatgpt(node("1", None, text="hi"), node("2", "1", text="more"), current="2")
    found = read(write(tmp_path, [entry, entry, longer]))
    assert [type(item) for item in found] == [Conversation, Skipped, Conversation]


def test_a_conversation_of_too_many_messages_is_skipped_and_a_deep_one_is_read(tmp_path):
    def chain(length):
        links = (f'"n{n}":{{"parent":"n{n - 1}"}}' for n in range(1, length))
        last = json.dumps(node("end", f"n{length - 1}", text="at the end"))
        mapping = f'{{"n0":{{"parent":null}},{",".join(links)},"end":{last}}}'
        return f'{{"id":"c{length}","mapping":{mapping},"current_node":"end"}}'

    skipped, deep = read(write(tmp_path, f"[{chain(310_000)},{chain(50_000)}]".encode()))
    assert skipped == Skipped("too many messages")
    assert texts(deep) == ["at the end"]


@pytest.mark.parametrize(
    ("written", "text"),
    [
        (b'"half an emoji \\ud83d end"', "half an emoji \ufffd end"),
        (b'"a whole one \\ud83d\\ude00"', "a whole one \U0001f600"),
        (b'"escaped \\\\ud83d"', "escaped \\ud83d"),
        (b'"not \xff UTF-8"', "not \ufffd UTF-8"),
        (b'"a raw\nnew line"', "a raw\nnew line"),
        (b'"nul \\u0000"', "nul \x00"),
        (b'"x", NaN, Infinity, 1e999, ' + b"9" * 5_000, "x"),
    ],
)
def test_json_that_a_strict_parser_refuses_is_mended(tmp_path, written, text):
    entry = json.dumps(chatgpt(node("1", None, text="TEXT"), current="1")).encode().replace(b'"TEXT"', written)
    (conversation,) = read(write(tmp_path, b"[" + entry + b"]"))
    assert texts(conversation) == [text]


def test_what_cannot_be_mended_is_skipped_and_the_next_is_read(tmp_path):
    good = json.dumps(chatgpt(node("1", None, text="good"), current="1")).encode()
    bad = good.replace(b'"good"', b'"bad" "worse"')
    deep = b'{"mapping": ' + b"[" * 900 + b"]" * 900 + b"}"
    found = read(write(tmp_path, b"[" + b", ".join([bad, deep, good]) + b"]"))
    assert found[0] == Skipped("malformed JSON")
    assert isinstance(found[1], Skipped)
    assert texts(found[2]) == ["good"]


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "empty"),
        (b"Dear diary, I am not JSON", "neither a zip nor JSON"),
        (b'"text"', "neither a zip nor JSON"),
        (b"PK\x03\x04 secret-word broken off", "neither a zip nor JSON"),
    ],
)
def test_what_is_no_export_is_refused_without_quoting_it(tmp_path, content, says):
    with pytest.raises(ExportError, match=says) as caught:
        read(write(tmp_path, content))
    assert "secret-word" not in str(caught.value)
    assert "upload" in str(caught.value)


@pytest.mark.parametrize("content", [b'[{"id": "1", "secret-word', b'{"settings": {"a": 1}}', b'[{"id": "\xff\xfe"}]'])
def test_an_export_in_which_nothing_is_usable_is_skipped_with_the_reason(tmp_path, content):
    found = read(write(tmp_path, content))
    assert [type(item) for item in found] == [Skipped]


@pytest.mark.parametrize(
    "value",
    [None, True, "soon", float("nan"), float("inf"), 10**400, -5, [], "1e999", "9" * 100, "0001-01-01T00:00:00+14:00"],
)
def test_a_time_that_is_none_is_no_time(value):
    assert exports.timestamps.parse(value) is None


@pytest.mark.parametrize("value", [1_714_557_600, 1_714_557_600_000, "1714557600.0", "2024-05-01T12:00:00+02:00"])
def test_times_are_read_in_every_form(value):
    assert exports.timestamps.parse(value) == datetime(2024, 5, 1, 10, tzinfo=UTC)


def test_a_list_of_messages_that_the_app_did_not_make_is_left_to_the_formats_after_it(tmp_path, monkeypatch):
    mine = Conversation("c", "T", None, None, [])
    monkeypatch.setattr(exports, "FORMATS", (*exports.FORMATS, lambda raw: mine if b"sender_name" in raw else None))
    others = [
        {"messages": [{"sender_name": "Ana", "text": "I like tea."}]},
        {"messages": [{"role": "user", "content": []}]},
    ]
    found, unknown = read(write(tmp_path, json.dumps(others).encode()))
    assert (found.id, unknown) == ("c", Skipped("unknown format"))
