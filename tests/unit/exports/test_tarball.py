"""Exports packed by gzip or tar, also such as nobody should upload."""

import gzip
import io
import json
import tarfile
from collections import Counter

import pytest

from flows import exports
from flows.errors import ExportError
from flows.exports import Limits, archive, tarball
from flows.exports.conversations import Conversation, Skipped


def talk(text):
    return [{"id": text, "messages": [{"role": "user", "content": text}]}]


def tarred(*files, mode="w:gz"):
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode=mode) as tar:
        for name, content in files:
            member = tarfile.TarInfo(name)
            data = content if isinstance(content, bytes) else json.dumps(content).encode()
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
    return made.getvalue()


def read(tmp_path, content, limits=Limits(), unopened=None):  # noqa: B008
    path = tmp_path / "export"
    path.write_bytes(content)
    found = exports.read(path, limits, unopened)
    return [next(iter(item.messages)).text if isinstance(item, Conversation) else item for item in found]


def test_a_gzip_is_read_as_the_file_in_it(tmp_path):
    assert read(tmp_path, gzip.compress(json.dumps(talk("hi")).encode())) == ["hi"]


@pytest.mark.parametrize("mode", ["w", "w:gz"])
def test_of_a_tar_what_is_read_has_the_names_that_are_read_in_a_zip(tmp_path, mode):
    unopened: Counter[str] = Counter()
    files = [("x/photo.png", b"png"), ("x/other.json", talk("other")), ("x/conversations.json", talk("hi"))]
    assert read(tmp_path, tarred(*files, mode=mode), unopened=unopened) == ["hi"]
    assert unopened == {"images": 1, "JSON files": 1}


def test_of_a_takeout_only_the_folder_of_gemini_is_read(tmp_path):
    activity = {"header": "Gemini-Apps", "title": "Prompted hi", "time": "2026-01-01T00:00:00Z"}
    files = [
        ("Takeout/Meine Aktivitäten/Suche/MeineAktivitäten.json", talk("searched")),
        ("Takeout/Meine Aktivitäten/Gemini-Apps/MeineAktivitäten.json", [activity]),
    ]
    assert read(tmp_path, tarred(*files)) == ["hi"]


def test_files_of_a_tar_do_not_run_into_each_other(tmp_path):
    bare = [{"role": "user", "content": "a"}]
    assert read(tmp_path, tarred(("1.json", bare), ("2.json", [{"role": "user", "content": "b"}]))) == ["a", "b"]


def test_a_tar_without_conversations_is_refused(tmp_path):
    with pytest.raises(ExportError, match=r"no conversations\.json"):
        read(tmp_path, tarred(("photo.png", b"png")))


def test_links_and_devices_are_not_followed(tmp_path):
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w") as tar:
        for kind, name in ((tarfile.SYMTYPE, "conversations.json"), (tarfile.CHRTYPE, "conversations-1.json")):
            member = tarfile.TarInfo(name)
            member.type, member.linkname = kind, "/etc/passwd"
            tar.addfile(member)
    with pytest.raises(ExportError, match=r"no conversations\.json"):
        read(tmp_path, made.getvalue())


@pytest.mark.parametrize("part", [1 / 4, 1 / 2, 9 / 10])
def test_one_that_was_cut_short_gives_what_was_whole(tmp_path, part):
    noise = [talk(f"{number} {hash(str(number))}")[0] for number in range(2_000)]
    content = tarred(("conversations-1.json", talk("whole")), ("conversations-2.json", noise))
    found = read(tmp_path, content[: int(len(content) * part)])
    assert found[0] == "whole"
    assert Skipped("damaged part of the export") in found


def test_a_bomb_is_refused_while_it_is_read_and_while_it_is_passed_over(tmp_path, monkeypatch):
    monkeypatch.setattr(archive, "_RATIO_FROM_BYTES", 1_000_000)
    zeros = bytes(20_000_000)
    for bomb in (gzip.compress(b"[" + b" " * 20_000_000), tarred(("x.png", zeros), ("conversations.json", talk("hi")))):
        with pytest.raises(ExportError, match="EXPORT_MAX_COMPRESSION_RATIO"):
            read(tmp_path, bomb)


def test_a_header_that_says_it_is_huge_is_not_held(tmp_path):
    member = tarfile.TarInfo("x")
    member.type, member.size = tarfile.XHDTYPE, 10**9
    with pytest.raises(ExportError, match="damaged"):
        read(tmp_path, gzip.compress(member.tobuf() + bytes(20_000_000)), Limits(ratio=10**6))


def test_headers_without_end_are_refused(tmp_path):
    member = tarfile.TarInfo("x")
    member.type = tarfile.XHDTYPE
    with pytest.raises(ExportError, match="damaged"):
        read(tmp_path, member.tobuf() * 5_000)


def test_of_countless_files_in_a_tar_no_more_than_the_limit_are_looked_at(tmp_path, monkeypatch):
    monkeypatch.setattr(tarball, "_MAX_MEMBERS", 2)
    found = read(tmp_path, tarred(*((f"{number}.json", talk(f"{number}")) for number in range(9))))
    assert found == ["0", "1", Skipped("damaged part of the export")]


def test_a_file_without_a_name_is_one_like_others(tmp_path):
    assert read(tmp_path, tarred(("", b"x"), ("conversations.json", talk("hi")))) == ["hi"]
