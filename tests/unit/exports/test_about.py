"""What exports keep of the person beside conversations."""

import json
from datetime import UTC, datetime

import pytest

from flows import exports
from flows.exports import about
from flows.exports.conversations import Conversation, Skipped, Speaker
from tests.unit.exports.test_archive import zipped


def chatgpt(name, *messages, made=1_700_000_000, **fields):
    mapping = {f"{n}": {"parent": f"{n - 1}", "message": message} for n, message in enumerate([None, *messages])}
    fields |= {"mapping": mapping, "current_node": f"{len(messages)}", "create_time": made}
    return {"conversation_id": name, "title": name, **fields}


def said(text="", role="user", at=None, recipient="all", content=None, **metadata):
    content = content or {"content_type": "text", "parts": [text]}
    message = {"author": {"role": role}, "content": content, "create_time": at, "recipient": recipient}
    return {**message, "metadata": metadata}


def instructions(person, model=""):
    data = {"about_user_message": person, "about_model_message": model}
    return said(role="system", is_user_system_message=True, user_context_message_data=data)


def editable(person):
    return said(content={"content_type": "user_editable_context", "user_profile": person}, at=None)


def noted(text, at):
    return said(text, role="assistant", recipient="bio", at=at)


def listed(text, at=None):
    return said(role="assistant", at=at, content={"content_type": "model_editable_context", "model_set_context": text})


def told(message):
    return message.speaker, message.text, f"{message.at:%Y-%m-%d}" if message.at else None


def read(tmp_path, content):
    """Kind → title, texts with their speakers, and days, of each conversation."""
    path = tmp_path / "export"
    path.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
    found: dict[str, list[tuple[str, list[tuple[Speaker, str, str | None]]]]] = {}
    for item in exports.read(path):
        assert isinstance(item, Conversation)
        found.setdefault(item.kind, []).append((item.title, [told(message) for message in item.messages]))
    return found


def test_custom_instructions_are_told_once_in_every_form_with_the_day_they_were_there_first(tmp_path):
    talks = [
        chatgpt("c1", editable("I keep bees."), said("Hello."), made=1_700_000_000),
        chatgpt("c2", instructions("I keep bees."), said("Hi."), made=1_600_000_000),
        chatgpt("c3", instructions("I keep cats.", "Be short."), said("Hey."), made=1_650_000_000),
    ]
    found = read(tmp_path, talks)
    assert [lines for _, lines in found["conversation"]] == [
        [(Speaker.USER, text, None)] for text in ("Hello.", "Hi.", "Hey.")
    ]
    assert found["instructions"] == [
        ("Custom instructions", [(Speaker.INSTRUCTIONS, "I keep bees.", "2020-09-13")]),
        ("Custom instructions", [(Speaker.INSTRUCTIONS, "I keep cats.\nBe short.", "2022-04-15")]),
    ]


def test_of_saved_memories_the_newest_list_counts_and_what_was_noted_after_it(tmp_path):
    talks = [
        chatgpt("c1", noted("User plans a garden.", 1_700_000_300), noted("User sold the hives.", 1_699_000_000)),
        chatgpt(
            "c2",
            listed("1. [2025-05-01]. User keeps bees.\n\n2. [2025-06-02]. User is allergic.\nTo nuts."),
            made=1_700_000_200,
        ),
        chatgpt("c3", listed("1. [2024-05-01]. User keeps hens."), noted("User keeps bees.", 1_700_000_400)),
    ]
    assert read(tmp_path, talks)["notes"] == [
        (
            "Saved memories",
            [
                (Speaker.NOTES, "User keeps bees.", "2025-05-01"),
                (Speaker.NOTES, "User is allergic.\nTo nuts.", "2025-06-02"),
                (Speaker.NOTES, "User plans a garden.", "2023-11-14"),
            ],
        )
    ]


def test_without_a_list_all_that_was_noted_counts_once(tmp_path):
    talks = [chatgpt(f"c{n}", noted("User keeps bees.", 1_700_000_000 + n), said("Hi.")) for n in range(3)]
    ((_, lines),) = read(tmp_path, talks)["notes"]
    assert lines == [(Speaker.NOTES, "User keeps bees.", "2023-11-14")]


@pytest.mark.parametrize("text", ["User keeps bees.", "Notes:\n1. [2025-05-01]. User keeps bees."])
def test_a_list_of_another_form_is_one_note(tmp_path, text):
    ((_, lines),) = read(tmp_path, [chatgpt("c1", listed(text), said("Hi."))])["notes"]
    assert lines == [(Speaker.NOTES, text, None)]


@pytest.mark.parametrize("text", [None, 7, " ", ["x"]])
def test_a_list_without_text_is_none(tmp_path, text):
    assert "notes" not in read(tmp_path, [chatgpt("c1", listed(text), said("Hi."))])


PROJECT = {
    "uuid": "p1",
    "name": "Honey",
    "description": "Labels for my jars",
    "prompt_template": "I want them green.",
    "updated_at": "2025-05-02T10:00:00Z",
    "docs": [{"filename": "brand.md", "content": "Our colour is amber.", "created_at": "2025-05-01T10:00:00Z"}, 7],
    "creator": {"uuid": "a-1"},
}
TALK = {"uuid": "k", "name": "T", "account": {"uuid": "a-1"}, "chat_messages": [{"sender": "human", "text": "Hi."}]}
OF_PROJECT = (
    "Honey",
    [
        (Speaker.INSTRUCTIONS, "Labels for my jars", "2025-05-02"),
        (Speaker.INSTRUCTIONS, "I want them green.", "2025-05-02"),
        (Speaker.USER, "[brand.md]\nOur colour is amber.", "2025-05-01"),
    ],
)


def test_claudes_projects_and_memories_are_read_beside_its_conversations(tmp_path):
    memories = [{"conversations_memory": "She keeps bees.", "project_memories": {"p1": "The labels are green."}}]
    members = {"memories.json": memories, "projects.json": [PROJECT], "conversations.json": [TALK]}
    found = read(tmp_path, zipped(members))
    assert list(found) == ["conversation", "project", "notes"]
    assert found["project"] == [OF_PROJECT]
    assert [text for _, text, _ in found["notes"][0][1]] == ["She keeps bees.", "[Honey]\nThe labels are green."]


def test_projects_or_memories_alone_are_read(tmp_path):
    assert read(tmp_path, zipped({"projects/p1.json": PROJECT})) == {"project": [OF_PROJECT]}
    assert list(read(tmp_path, [{"conversations_memory": "She keeps bees.", "account_uuid": "a-1"}])) == ["notes"]


def test_of_claudes_lists_the_last_counts_for_each_account(tmp_path):
    told = (("a", 1), ("b", "x"), ("c", "x"))
    lists = [{"conversations_memory": text, "account_uuid": account} for text, account in told]
    found = read(tmp_path, lists)["notes"]
    assert [[text for _, text, _ in lines] for _, lines in found] == [["a"], ["c"]]


def test_an_example_project_of_claudes_is_not_the_persons(tmp_path):
    path = tmp_path / "export"
    path.write_text(json.dumps([{**PROJECT, "is_starter_project": True}]))
    (skipped,) = exports.read(path)
    assert skipped == Skipped("Claude's own example project")
    assert not skipped.unread


def test_what_an_export_keeps_is_bounded(tmp_path, monkeypatch):
    monkeypatch.setattr(about, "_MOST_CHARACTERS", 100)
    path = tmp_path / "export"
    path.write_text(json.dumps([chatgpt(f"c{n}", instructions(f"{n:030}"), said("Hi.")) for n in range(10)]))
    found = [item for item in exports.read(path) if not isinstance(item, Conversation) or item.kind == "instructions"]
    assert len(found) == 4
    assert found[-1] == about.TOO_MUCH


def test_their_ids_stay_the_same_and_are_each_sources_own(tmp_path):
    def ids(content):
        path = tmp_path / "export"
        path.write_bytes(content)
        read = [item for item in exports.read(path) if isinstance(item, Conversation)]
        return {item.id for item in read if item.kind != "conversation"}

    talks = [chatgpt("c1", instructions("I keep bees."), noted("User keeps bees.", 1), said("Hi."))]
    more = [*talks, chatgpt("c2", instructions("I keep cats."), noted("User keeps cats.", 2), said("Hi."))]
    first, second = (ids(json.dumps(entries).encode()) for entries in (talks, more))
    assert first < second
    assert len(second - first) == 1
    of_another = ids(zipped({"conversations.json": talks, "user.json": {"id": "u"}}))
    assert not of_another & second


def test_notes_have_the_time_of_their_conversation_at_least(tmp_path):
    ((_, ((_, _, day),)),) = read(tmp_path, [chatgpt("c1", noted("User keeps bees.", None), said("Hi."))])["notes"]
    assert day == f"{datetime.fromtimestamp(1_700_000_000, UTC):%Y-%m-%d}"
