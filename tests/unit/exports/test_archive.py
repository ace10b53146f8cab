"""Exports in zips, also such as nobody should upload."""

import io
import json
import struct
import zipfile
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import pytest

from flows import exports
from flows.errors import ExportError
from flows.exports import Limits, archive
from flows.exports.conversations import Skipped

DAMAGED = Skipped("damaged part of the export")


def talk(text: str) -> dict[str, object]:
    return {"id": text, "title": text, "messages": [{"role": "user", "content": text}]}


def zipped(members: Mapping[str, object], compression: int = zipfile.ZIP_DEFLATED) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", compression) as made:
        for name, content in members.items():
            made.writestr(name, content if isinstance(content, bytes | str) else json.dumps(content))
    return file.getvalue()


def read(
    tmp_path: Path,
    content: bytes,
    limits: Limits = Limits(),  # noqa: B008
    unopened: Counter[str] | None = None,
) -> list[str | Skipped]:
    path = tmp_path / "export"
    path.write_bytes(content)
    found = [
        item if isinstance(item, Skipped) else next(iter(item.messages)).text
        for item in exports.read(path, limits, unopened)
    ]
    assert [left.name for left in tmp_path.iterdir()] == ["export"]  # no temporary file stays
    return found


def test_shards_are_read_in_the_order_of_their_numbers_and_the_rest_is_not(tmp_path):
    members = {f"my export/conversations-{n:03}.json": [talk(f"shard {n}")] for n in (10, 2, 0, 1)}
    junk = {"__MACOSX/my export/._conversations-000.json": b"\x00\x05", "my export/._conversations-001.json": b"\x00"}
    others = {"my export/user.json": {"id": "u"}, "my export/chat.html": "<html>", "export_manifest.json": {}}
    assert read(tmp_path, zipped({**others, **junk, **members})) == ["shard 0", "shard 1", "shard 2", "shard 10"]


@pytest.mark.parametrize("name", ["../../conversations.json", "/etc/conversations.json", "C:\\x\\conversations.json"])
def test_a_name_that_leads_elsewhere_leads_nowhere(tmp_path, name):
    assert read(tmp_path, zipped({name: [talk("hi")]})) == ["hi"]
    assert list(tmp_path.parent.glob("conversations*")) == []


def test_zips_in_a_zip_are_read(tmp_path):
    parts = {f"part-{n}.zip": zipped({"conversations.json": [talk(f"part {n}")]}) for n in range(30)}
    assert read(tmp_path, zipped({"export.zip": zipped(parts), "photo.zip": b"no zip"})) == [
        *(f"part {n}" for n in range(30)),
        DAMAGED,
    ]


CONTAINERS = {
    "of ChatGPT's privacy portal": ("User Online Activity/Conversations__d-chatgpt-{}.zip", "Files__d-files.zip"),
    "of Claude's download": ("conversations-{}.zip", "holiday.zip"),
    "unpacked": ("Conversations__d-chatgpt-{}/conversations-000.json", "Files__d-files/personal/files/chats.json"),
}


@pytest.mark.parametrize(("part", "attached"), CONTAINERS.values(), ids=CONTAINERS)
def test_all_parts_of_a_container_are_read_and_attachments_are_not(tmp_path, part, attached):
    own = [talk("I live on Mars.")]
    files = {**{f"file-{n}.zip": zipped({"conversations.json": own}) for n in range(25)}, "file-chats.json": own}
    parts = {}
    for n in range(30):
        said = [talk(f"part {n}")]
        parts[part.format(n)] = said if part.endswith("json") else zipped({"conversations.json": said, **files})
    unopened: Counter[str] = Counter()
    content = zipped({attached: own if attached.endswith("json") else zipped({"train.jsonl": own}), **parts})
    found = read(tmp_path, content, unopened=unopened)
    assert set(found) == {f"part {n}" for n in range(30)}
    assert len(found) == 30
    assert unopened == ({"JSON files": 1} if part.endswith("json") else {"zips": 30 * 25 + 1, "JSON files": 30})


def test_what_is_not_opened_is_counted_by_kind(tmp_path):
    unopened: Counter[str] = Counter()
    others = {"chat.html": "<html>", "a/photo.PNG": b"", "voice.wav": b"", "cv.pdf": b"", "other.zip": b"", "x": b""}
    content = zipped({"conversations.json": [talk("hi")], "message_feedback.json": [], **others})
    assert read(tmp_path, content, unopened=unopened) == ["hi"]
    assert unopened == dict.fromkeys(
        ("JSON files", "web pages", "images", "recordings", "documents", "zips", "other files"), 1
    )


def encrypted(members: Mapping[str, object]) -> bytes:
    """A zip that says of its first member that it needs a password."""
    content = bytearray(zipped(members))
    for signature, place in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        content[content.index(signature) + place] |= 1
    return bytes(content)


def test_an_encrypted_attachment_is_not_opened_and_an_encrypted_part_costs_only_itself(tmp_path):
    secret = encrypted({"conversations.json": [talk("secret")]})
    assert read(tmp_path, zipped({"conversations.json": [talk("hi")], "payslips.zip": secret})) == ["hi"]
    parts = {"conversations-000.zip": secret, "conversations-001.zip": zipped({"conversations.json": [talk("hi")]})}
    assert read(tmp_path, zipped(parts)) == ["hi", Skipped("encrypted part of the export")]
    with pytest.raises(ExportError, match="encrypted; unpack it"):
        read(tmp_path, zipped({"conversations-000.zip": secret}))


def test_a_bomb_beside_conversations_costs_only_itself(tmp_path, monkeypatch):
    monkeypatch.setattr(archive, "_RATIO_FROM_BYTES", 1_000_000)
    bomb = b"[" + b" " * 20_000_000 + b"]"
    shards = {f"conversations-{n}.json": bomb if n == 1 else [talk(f"shard {n}")] for n in range(3)}
    oversized = Skipped("oversized part of the export")
    assert read(tmp_path, zipped(shards)) == ["shard 0", oversized, "shard 2"]
    parts = {f"conversations-{n}.zip": zipped({"conversations.json": content}) for n, content in enumerate((bomb, []))}
    parts["conversations-2.zip"] = zipped({"conversations.json": [talk("hi")]})
    assert read(tmp_path, zipped(parts, zipfile.ZIP_STORED)) == [oversized, "hi"]


def test_zips_with_more_files_than_anyone_makes_are_not_listed_without_end(tmp_path, monkeypatch):
    monkeypatch.setattr(archive, "_MAX_MEMBERS_OF_ALL", 50)
    crowd = {"conversations.json": [talk("hi")], **{f"{n}": b"" for n in range(20)}}
    found = read(tmp_path, zipped({f"conversations-{n}.zip": zipped(crowd) for n in range(20)}))
    assert found == ["hi", *(Skipped("oversized part of the export"),) * 19]


def test_a_list_of_files_that_lies_about_their_number_is_refused_before_it_is_read(tmp_path):
    content = bytearray(zipped({"conversations.json": [talk("hi")]}))
    struct.pack_into("<I", content, content.rindex(b"PK\x05\x06") + 12, 30_000_000)
    with pytest.raises(ExportError, match="more than 100,000 files"):
        read(tmp_path, bytes(content))


def test_a_file_that_only_seems_to_be_json_costs_only_itself(tmp_path):
    members = {"conversations-0.json": b"no JSON", "conversations-1.json": [talk("hi")]}
    assert read(tmp_path, zipped(members)) == [Skipped("not JSON"), "hi"]


def test_zips_in_zips_without_end_end(tmp_path):
    content = zipped({"conversations.json": [talk("deepest")]})
    for _ in range(10):
        content = zipped({"more.zip": content})
    with pytest.raises(ExportError, match=r"no conversations\.json"):
        read(tmp_path, content)


def test_of_two_entries_with_one_name_the_last_counts(tmp_path):
    # Both names are as long as the other, so that one can be put in the other's place.
    content = zipped({"conversations.json": [talk("first")], "conversations.jsom": [talk("last")]})
    content = content.replace(b"conversations.jsom", b"conversations.json")
    assert read(tmp_path, content) == ["last"]


def test_json_under_another_name_is_read_when_there_is_no_other(tmp_path):
    assert read(tmp_path, zipped({"my chats.json": [talk("hi")], "user.json": {"messages": [{"role": "user"}]}})) == [
        "hi"
    ]


def test_a_zip_without_conversations_is_refused(tmp_path):
    with pytest.raises(ExportError, match=r"no conversations\.json"):
        read(tmp_path, zipped({"photos/1.png": b"png"}))


def test_an_encrypted_zip_is_refused_with_what_to_do(tmp_path):
    with pytest.raises(ExportError, match="encrypted; unpack it"):
        read(tmp_path, encrypted({"conversations.json": [talk("hi")]}))


def test_a_zip_that_is_damaged_is_refused_and_what_was_whole_before_counts(tmp_path):
    def damaged(members):
        content = bytearray(zipped(members))
        place = content.rindex(b"conversations-9.json", 0, content.index(b"PK\x01\x02")) + 25
        content[place : place + 20] = bytes(20)
        return bytes(content)

    bad = {"conversations-9.json": [talk("word " * 5_000)]}
    with pytest.raises(ExportError, match="damaged"):
        read(tmp_path, damaged(bad))
    assert read(tmp_path, damaged({"conversations-1.json": [talk("whole")], **bad})) == [
        "whole",
        DAMAGED,
    ]
    after = {"conversations-1.json": [talk("whole")], **bad, "conversations-10.json": [talk("also whole")]}
    assert read(tmp_path, damaged(after)) == ["whole", DAMAGED, "also whole"]


def test_a_zip_that_was_cut_short_is_refused(tmp_path):
    content = zipped({"conversations.json": [talk("hi")]}, zipfile.ZIP_STORED)
    with pytest.raises(ExportError):
        read(tmp_path, content[:-10])


def test_a_bomb_is_refused_while_it_is_read(tmp_path, monkeypatch):
    monkeypatch.setattr(archive, "_RATIO_FROM_BYTES", 1_000_000)
    bomb = zipped({"conversations.json": b"[" + b" " * 20_000_000 + b"]"})
    with pytest.raises(ExportError, match="EXPORT_MAX_COMPRESSION_RATIO"):
        read(tmp_path, bomb)
    with pytest.raises(ExportError, match="EXPORT_MAX_COMPRESSION_RATIO"):
        read(tmp_path, zipped({"inner.zip": bomb}, zipfile.ZIP_STORED))
    with pytest.raises(ExportError, match="EXPORT_MAX_UNCOMPRESSED_GB"):
        read(tmp_path, bomb, Limits(uncompressed_bytes=1_000_000, ratio=10_000))


def test_a_size_in_the_header_is_not_believed(tmp_path):
    content = bytearray(zipped({"conversations.json": b"[" + b" " * 5_000_000 + b"]"}))
    for signature, place in ((b"PK\x03\x04", 22), (b"PK\x01\x02", 24)):
        struct.pack_into("<I", content, content.index(signature) + place, 10)
    with pytest.raises(ExportError):
        read(tmp_path, bytes(content), Limits(uncompressed_bytes=1_000_000))


def test_a_zip_of_countless_files_is_refused_before_its_list_is_read(tmp_path):
    content = bytearray(zipped({"conversations.json": [talk("hi")]}))
    end = content.rindex(b"PK\x05\x06")
    record = struct.pack("<4sQHHIIQQQQ", b"PK\x06\x06", 44, 45, 45, 0, 0, 10**7, 10**7, 0, 0)
    locator = struct.pack("<4sIQI", b"PK\x06\x07", 0, end, 1)
    struct.pack_into("<HH", content, end + 8, 0xFFFF, 0xFFFF)
    content[end:end] = record + locator
    with pytest.raises(ExportError, match="more than 100,000 files"):
        read(tmp_path, bytes(content))


def test_an_empty_conversation_list_is_no_error_of_the_zip(tmp_path):
    assert read(tmp_path, zipped({"conversations.json": []})) == []
