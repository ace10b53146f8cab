"""Step 2: from the export on disk to chunks on disk."""

import json

import pytest

from flows import spool
from flows.chunks import writing
from flows.errors import ExportError
from flows.records import ChunkRecord, LeftOut
from tests import sample


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
        {"repeated": 1, "mapping is no object": 1, "unknown format": 1}, unread=2
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
