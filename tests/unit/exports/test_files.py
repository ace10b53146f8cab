"""Exports of several files, and folders of them."""

import gzip
import json
from collections import Counter
from collections.abc import Mapping
from itertools import permutations
from pathlib import Path

import pytest

from flows import exports
from flows.chunks import writing
from flows.errors import ExportError
from flows.exports import Limits, members
from flows.exports.conversations import Conversation, Skipped
from tests.unit.exports.test_archive import talk, zipped

WHOLE = zipped({"conversations.json": [talk("damaged")]})
DAMAGED = WHOLE[:50] + bytes(20) + WHOLE[70:]
HALF = zipped({"conversations.json": [talk("half")]})[:-40]


def claude(name: str, text: str, at: str = "2026-05-01T10:00:00Z", account: str | None = None) -> dict[str, object]:
    said = {"sender": "human", "text": text, "created_at": at}
    known = {"account": {"uuid": account}} if account else {}
    times = {"created_at": "2026-05-01T09:00:00Z", "updated_at": at}
    return {"uuid": name, "name": name, "chat_messages": [said], **times, **known}


def folder(tmp_path: Path, files: Mapping[str, object]) -> Path:
    made = tmp_path / "export"
    made.mkdir()
    for number, (name, content) in enumerate(files.items()):
        path = made / members.name_on_disk(number, name)
        path.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
    return made


def read(path: Path, limits: Limits = Limits(), unopened: Counter[str] | None = None) -> list[str]:  # noqa: B008
    """The first words of each conversation, and why entries were skipped."""
    return [
        item.reason if isinstance(item, Skipped) else next(iter(item.messages)).text
        for item in exports.read(path, limits, unopened)
    ]


def test_several_files_are_one_export_whatever_they_are_packed_in(tmp_path):
    files = {
        "claude-1.zip": zipped({"conversations.json": [claude("a", "I row.")]}),
        "second": zipped({"conversations-000.zip": zipped({"conversations.json": [claude("b", "I knit.")]})}),
        "third.gz": gzip.compress(json.dumps([claude("c", "I sing.")]).encode()),
        "fourth": [talk("I climb.")],
    }
    assert sorted(read(folder(tmp_path, files))) == ["I climb.", "I knit.", "I row.", "I sing."]


def test_what_stands_in_two_files_is_read_once_and_the_newer_wins_in_either_order(tmp_path):
    old, new = claude("a", "old"), claude("a", "new", at="2026-05-02T10:00:00Z")
    again = claude("b", "same")
    files = {"1.zip": zipped({"conversations.json": [old, again]}), "2.json": [again, new]}
    for number, order in enumerate(permutations(files.items())):
        (place := tmp_path / f"{number}").mkdir()
        found = writing.chunk_export(folder(place, dict(order)), place / "chunks", writing.limits())
        assert (found.conversations, found.messages, found.unread) == (2, 2, 0)
        assert b"old" not in (place / "chunks").read_bytes()
        assert found.skipped == {"older version": 1, "repeated": 1}


def test_a_conversation_is_read_once_if_only_one_of_two_files_tells_the_account(tmp_path):
    old, new = claude("a", "old", account="ana"), claude("a", "new", at="2026-05-02T10:00:00Z")
    assert read(folder(tmp_path, {"1.json": [new], "2.json": [old]})) == ["new", "older version"]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (HALF, "unknown part of the export"),
        (b"", "empty part of the export"),
        (b"7z\xbc\xaf\x27\x1cAna's chats", "unknown part of the export"),
        (DAMAGED, "damaged part of the export"),
    ],
)
def test_a_bad_file_costs_only_itself_is_named_by_kind_and_nothing_is_pruned_for_it(tmp_path, content, reason):
    files = {"good.zip": zipped({"conversations.json": [talk("I row.")]}), "Ana's.zip": content}
    found = writing.chunk_export(folder(tmp_path, files), tmp_path / "chunks", writing.limits())
    assert (found.conversations, found.skipped, found.unread) == (1, {reason: 1}, 1)
    assert "Ana" not in str(found.left_out())


def test_of_bad_files_alone_the_first_says_what_to_do(tmp_path):
    with pytest.raises(ExportError, match=r"a 7z archive; unpack it"):
        read(folder(tmp_path, {"a.7z": b"7z\xbc\xaf\x27\x1c", "b.rar": b"Rar!\x1a\x07"}))


def test_an_unpacked_export_is_read_as_its_zip_would_be(tmp_path):
    files = {
        "my export/conversations.json": [claude("a", "I row.")],
        "my export/projects/p.json": {"uuid": "p", "name": "Boat", "prompt_template": "Be brief.", "docs": []},
        "my export/users.json": [{"uuid": "ana"}],
        "my export/message_feedback.json": [{"conversation_id": "a", "rating": "good"}],
        "my export/file-77-training.json": [talk("not mine")],
        "my export/photo.png": b"\x89PNG",
        "my export/chat.html": b"<html>",
    }
    unopened = Counter[str]()
    path = folder(tmp_path, files)
    found = list(exports.read(path, Limits(), unopened))
    assert [item.kind for item in found if isinstance(item, Conversation)] == ["conversation", "project"]
    assert len({item.source for item in found if isinstance(item, Conversation)}) == 1
    assert all(isinstance(item, Conversation) and item.account == "ana" for item in found)
    assert unopened == {"JSON files": 2, "images": 1, "web pages": 1}


def test_a_persons_attachments_among_the_files_are_never_opened(tmp_path):
    files = {
        "Conversations__x-1.zip": zipped({"conversations.json": [talk("I row.")]}),
        "Files__x-1.zip": zipped({"conversations.json": [talk("not mine")]}),
    }
    unopened = Counter[str]()
    assert read(folder(tmp_path, files), Limits(), unopened) == ["I row."]
    assert unopened == {"zips": 1}


def test_what_systems_put_into_folders_is_no_part_of_the_export(tmp_path):
    left = {
        ".DS_Store": b"\x00\x01",
        "may/Thumbs.db": b"\xd0\xcf",
        "may/desktop.ini": b"[x]",
        "__MACOSX/._1.zip": b"\x00",
    }
    files = {"may/1.zip": zipped({"conversations.json": [talk("I row.")]}), **left}
    found = writing.chunk_export(folder(tmp_path, files), tmp_path / "chunks", writing.limits())
    assert (found.conversations, found.unread) == (1, 0)


def test_the_account_that_one_part_names_is_that_of_all(tmp_path):
    files = {
        "1.zip": zipped({"conversations.json": [claude("a", "I row.")], "users.json": [{"uuid": "ana"}]}),
        "2.zip": zipped({"conversations.json": [claude("b", "I knit.")]}),
        "3.json": [claude("c", "I sing.")],
    }
    found = list(exports.read(folder(tmp_path, files)))
    assert [item.account for item in found if isinstance(item, Conversation)] == ["ana"] * 3


def test_the_list_of_the_files_beside_them_is_told_and_leaves_pruning_as_it_is(tmp_path):
    manifest = {"export_id": "e", "files": [{"url": "https://example.org/1"}]}
    files = {"manifest.json": manifest, "1.zip": zipped({"conversations.json": [claude("a", "I row.")]})}
    found = writing.chunk_export(folder(tmp_path, files), tmp_path / "chunks", writing.limits())
    assert (found.conversations, found.unread) == (1, 0)
    assert any("list of files of a Claude export" in kind for kind in found.left_out().counts)


def test_files_without_names_of_exports_are_read_when_no_others_are_there(tmp_path):
    files = {"grok.zip": zipped({"prod-grok-backend.json": [talk("I row.")]}), "manifest.json": {"files": []}}
    assert "I row." in read(folder(tmp_path, files))


def test_limits_hold_for_all_files_together(tmp_path):
    files = {f"{word}.zip": zipped({"conversations.json": [talk(word * 15_000)]}) for word in "xyz"}
    found = read(folder(tmp_path, files), Limits(uncompressed_bytes=100_000))
    assert found == ["x" * 15_000, "y" * 15_000, "oversized part of the export"]


@pytest.mark.parametrize("name", ["a" * 1_000 + ".zip", "../../etc/passwd.zip", "Größe\n/naïve.zip"])
def test_a_name_is_one_name_on_disk_and_leads_nowhere(tmp_path, name):
    told = members.name_on_disk(3, name)
    assert (len(told) < 255, "/" in told, told.isascii(), told.endswith(".zip")) == (True, False, True, True)
