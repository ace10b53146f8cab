"""Step 2: from the export on disk to chunks on disk."""

import json

import pytest

from flows import spool
from flows.chunks import writing
from flows.errors import ExportError
from flows.records import ChunkRecord, LeftOut
from tests import sample

ONE_KEY = "unknown: an object with 1 keys: others: 1 × string"


def chunk(folder, entries):
    path = folder / "export"
    path.write_text(entries if isinstance(entries, str) else json.dumps(entries))
    found = writing.chunk_export(path, folder / "chunks", writing.limits())
    return found, list(spool.read(folder / "chunks", ChunkRecord))


def test_the_order_of_conversations_changes_no_chunk(tmp_path):
    talks = list(sample.generate(12))
    _, first = chunk(tmp_path, talks)
    _, moved = chunk(tmp_path, [*talks[7:], *talks[:7]])
    assert sorted(first, key=lambda row: row.chunk_key) == sorted(moved, key=lambda row: row.chunk_key)
    _, without = chunk(tmp_path, talks[1:])
    assert {row.chunk_key for row in first if row.conversation_id != talks[0]["id"]} == {
        row.chunk_key for row in without
    }


def test_everything_that_was_found_is_counted(tmp_path):
    talks = list(sample.generate(3))
    found, rows = chunk(tmp_path, [*talks, talks[0], 7, {"messages": []}, {"what": "ever"}])
    assert (found.conversations, found.chunks) == (3, len(rows))
    assert found.skipped == {"repeated": 1, "not an object": 1, "no messages": 1, "unknown format": 1}
    assert found.messages == sum(
        max(row.last_message for row in rows if row.conversation_id == talk["id"]) + 1 for talk in talks
    )


def test_what_was_left_out_lies_beside_the_chunks(tmp_path):
    talks = list(sample.generate(2))
    chunk(tmp_path, [*talks, talks[0], {"mapping": []}, {"what": "ever"}])
    assert writing.left_out(tmp_path / "chunks") == LeftOut(
        {"repeated": 1, "mapping is no object": 1, "unknown format": 1, ONE_KEY: 1}, unread=2
    )


@pytest.mark.parametrize("content", ["[]", '[{"messages": []}]', '{"settings": "secret-word"}', '[{"id": "secret-word'])
def test_an_export_without_any_text_is_refused_with_the_reasons(tmp_path, content):
    with pytest.raises(ExportError, match="no conversation with text") as caught:
        chunk(tmp_path, content)
    assert "upload" in str(caught.value)
    assert "secret-word" not in str(caught.value)
    assert ("skipped" in str(caught.value)) is (content != "[]")


def test_limits_are_settings(tmp_path, monkeypatch):
    monkeypatch.setenv("EXPORT_MAX_CONVERSATION_MB", "1")
    talks = [
        {"id": n, "messages": [{"role": "user", "content": "I like tea. " * size}]} for n, size in ((1, 1), (2, 10**5))
    ]
    found, rows = chunk(tmp_path, talks)
    assert found.skipped == {"larger than the limit": 1}
    assert [row.conversation_id for row in rows] == ["1"]


def said(kind, **content):
    return {"author": {"role": "user"}, "content": {"content_type": kind, **content}}


def test_what_of_messages_cannot_be_understood_is_counted_by_type(tmp_path):
    messages = [
        said("text", parts=["I like tea."]),
        said("hologram", parts=["I like cats."]),
        said("multimodal_text", parts=[{"content_type": "image_asset_pointer"}, {"content_type": "smell"}, "My cat."]),
        said("multimodal_text", parts=[{"content_type": "image_asset_pointer"}]),
        {"author": {"role": "oracle"}, "content": {"content_type": "text", "parts": ["x"]}},
        {"author": 7},
        said("My cat is ill", parts=["x"]),
    ]
    mapping = {f"{n}": {"parent": f"{n - 1}", "message": message} for n, message in enumerate([None, *messages])}
    found, (row,) = chunk(tmp_path, [{"id": "c", "mapping": mapping, "current_node": f"{len(messages)}"}])
    assert found.lost == {
        "content type hologram": 1,
        "part type smell": 1,
        "user message without text": 1,
        "role oracle": 1,
        "malformed message": 1,
        "content type other": 1,
    }
    assert "I like cats." in row.content
    assert "My cat." in row.content
    assert writing.left_out(tmp_path / "chunks").counts["in a message: content type hologram"] == 1
    assert found.figures()["lost_user_message_without_text"] == 1


def test_a_conversation_of_which_nothing_could_be_understood_is_unread_and_an_empty_one_is_not(tmp_path):
    talks = [
        {"uuid": f"{n}", "chat_messages": messages}
        for n, messages in enumerate(
            ([{"sender": "human", "content": [{"type": "dream"}]}], [], [{"sender": "assistant"}])
        )
    ]
    found, _ = chunk(tmp_path, [*talks, *sample.generate(1)])
    assert found.lost == {"block type dream": 1, "user message without text": 1}
    assert found.skipped == {"no messages": 3}
    assert found.unread == 1


def test_types_that_a_file_makes_up_are_counted_together(tmp_path):
    messages = [{"sender": "human", "text": "hi", "content": [{"type": f"type{n}"}]} for n in range(100)]
    found, _ = chunk(tmp_path, [{"uuid": "c", "chat_messages": messages}])
    assert found.lost.total() == 100
    assert len(found.lost) <= 31
