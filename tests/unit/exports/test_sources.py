"""Whose history a conversation is part of, as far as the export tells."""

import hashlib
import io
import json
import zipfile

import pytest

from flows import exports
from flows.exports.conversations import Conversation
from tests import sample

CLAUDE = {"uuid": "talk", "name": "T", "chat_messages": [{"sender": "human", "text": "I like tea."}]}
SIMPLE = {"id": 1, "messages": [{"role": "user", "content": "I like tea."}]}
CHATGPT = next(sample.generate(1))


def zipped(**files):
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        for name, content in files.items():
            archive.writestr(name.replace("_json", ".json").replace("_zip", ".zip"), content)
    return made.getvalue()


def source_of(tmp_path, content):
    path = tmp_path / "export"
    path.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
    found = list(exports.read(path))
    assert all(isinstance(conversation, Conversation) for conversation in found), found
    return {conversation.source for conversation in found if isinstance(conversation, Conversation)}


def known(provider, account):
    return {f"{provider}:{hashlib.sha256(f'{provider} {account}'.encode()).hexdigest()[:16]}"}


@pytest.mark.parametrize(("entry", "source"), [(CHATGPT, "chatgpt"), (CLAUDE, "claude"), (SIMPLE, "app")])
def test_bare_json_tells_the_provider_at_most(tmp_path, entry, source):
    assert source_of(tmp_path, [entry]) == {source}


def test_the_zip_of_chatgpt_tells_the_account(tmp_path):
    user = json.dumps({"id": "user-1", "email": "ana@example.com"})
    found = source_of(tmp_path, zipped(conversations_json=json.dumps([CHATGPT]), user_json=user))
    assert found == known("chatgpt", "user-1")


def test_a_conversation_of_claude_tells_its_account_and_an_older_one_has_it_from_the_zip(tmp_path):
    talks = json.dumps([{**CLAUDE, "account": {"uuid": "a-1"}}, {**CLAUDE, "uuid": "other"}])
    users = json.dumps([{"uuid": "a-2", "full_name": "Ana", "email_address": "ana@example.com"}])
    part = zipped(conversations_json=talks, users_json=users)
    both = known("claude", "a-1") | known("claude", "a-2")
    assert source_of(tmp_path, part) == both
    assert source_of(tmp_path, zipped(part_zip=part)) == both


@pytest.mark.parametrize(
    "user",
    [
        b"",
        b"{",
        b"[1]",
        b'{"id": 7}',
        b'{"id": ""}',
        b'{"id": "\xff"}',
        b'[{"id": "a"}, {"id": "b"}]',
        b'{"id": "a", "more": "' + b"x" * 1_000_000 + b'"}',
    ],
)
def test_a_file_that_does_not_say_whose_it_is_costs_nothing_else(tmp_path, user):
    assert source_of(tmp_path, zipped(conversations_json=json.dumps([CHATGPT]), user_json=user)) == {"chatgpt"}


def test_the_list_of_the_app_is_of_no_account(tmp_path):
    user = json.dumps({"id": "user-1"})
    assert source_of(tmp_path, zipped(conversations_json=json.dumps([SIMPLE]), user_json=user)) == {"app"}


def test_a_source_names_nobody(tmp_path):
    user = json.dumps({"id": "ana@example.com"})
    (source,) = source_of(tmp_path, zipped(conversations_json=json.dumps([CHATGPT]), user_json=user))
    assert "ana" not in source
