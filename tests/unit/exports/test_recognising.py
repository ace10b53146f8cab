"""What people upload instead of an export."""

import gzip
import json
import time

import pytest

from flows.chunks import writing
from flows.errors import ExportError
from tests.unit.exports.test_archive import talk, zipped

SECRET = "Ana's secret-word"

FILES = {
    "7z": (b"7z\xbc\xaf\x27\x1c....", "a 7z archive; unpack it"),
    "rar": (b"Rar!\x1a\x07\x00", "a RAR archive; unpack it"),
    "pdf": (b"%PDF-1.7 " + SECRET.encode(), "a PDF; ask for a data export"),
    "half of a split zip": (
        zipped({"conversations.json": [talk(SECRET * 50)]})[:200],
        "part of a split one; download",
    ),
    "chat.html": (
        b"<html><title>ChatGPT Data Export</title><script>var jsonData",
        "chat.html of a ChatGPT",
    ),
    "web page": (b"<!DOCTYPE html><title>Sign in</title>" + SECRET.encode(), "a web page that was saved"),
    "e-mail": (b"Delivered-To: ana@example.com\nSubject: Your export is ready\n", "an e-mail; open the link in it"),
    "table": (b"date,title,text\n2025-01-01,a,Ana\n", "a table (CSV)"),
    "picture": (b"\x89PNG\r\n", "a picture"),
    "text": (SECRET.encode(), "a text of 17 bytes; upload"),
    "anything": (b"\x00\x01\x02", "an unknown kind of file of 3 bytes; upload"),
    "workbook": (zipped({"[Content_Types].xml": "<x/>", "xl/workbook.xml": "<x/>"}), "an Office document"),
    "zip of chat.html": (
        zipped({"export/chat.html": "<html>"}),
        "has chat.html and no conversations.json; upload",
    ),
    "zip of shared links": (
        zipped({"shared_conversations.json": [], "user.json": {}}),
        "has ChatGPT's list of shared links and no conversations.json; upload",
    ),
    "zip of photos": (zipped({"1.png": "x"}), "has no conversations.json; upload the zip"),
}


def refused(tmp_path, content):
    path = tmp_path / "export"
    path.write_bytes(content)
    with pytest.raises(ExportError) as caught:
        writing.chunk_export(path, tmp_path / "chunks", writing.limits())
    assert "secret-word" not in str(caught.value)
    assert len(str(caught.value)) < 450
    return str(caught.value)


@pytest.mark.parametrize(("content", "says"), FILES.values(), ids=FILES)
def test_an_error_names_the_file_and_the_next_step(tmp_path, content, says):
    assert says in refused(tmp_path, content)


@pytest.mark.parametrize("line", [b"," * 20_000, b"a,;\t" * 5_000, b"," * 9_999 + b"\n" + b";" * 9_999])
def test_a_file_is_recognised_at_once_however_its_lines_look(tmp_path, line):
    before = time.process_time()
    assert "upload" in refused(tmp_path, line)
    assert time.process_time() - before < 1


MANIFEST = {"export_id": "e", "files": [{"name": "conversations-000.zip", "url": f"https://example.com/{SECRET}"}]}
OBJECTS = {
    "manifest": (MANIFEST, "the list of files of a Claude export: open each link in it, and upload the zips"),
    "shared links": (
        [{"id": "1", "conversation_id": "2", "title": SECRET, "is_anonymous": True}],
        "shared links",
    ),
    "account": ({"uuid": "1", "email_address": SECRET}, "the account's data of a Claude export"),
    "something": (
        [{"title": SECRET, "turns": [1, 2, 3], SECRET: SECRET, "x": None, "y": 1.5, "z": {"a": {}}}],
        "an object with 6 keys: title (string), turns (array of 3), others: 1 × string, 1 × null, 1 × number, 1 × obj",
    ),
}


@pytest.mark.parametrize(("value", "says"), OBJECTS.values(), ids=OBJECTS)
def test_json_is_named_or_described_by_types_and_counts_alone(tmp_path, value, says):
    assert says in refused(tmp_path, json.dumps(value).encode())
    assert says in refused(tmp_path, zipped({"file.json": value}))


def test_what_is_known_has_one_next_step(tmp_path):
    assert refused(tmp_path, json.dumps(MANIFEST).encode()).count("upload") == 1


def test_a_description_of_what_no_format_knows_is_among_what_was_left_out(tmp_path):
    path = tmp_path / "export"
    path.write_text(json.dumps([talk("hi"), *({"turns": [], SECRET: n} for n in range(200))]))
    writing.chunk_export(path, tmp_path / "chunks", writing.limits())
    counts = writing.left_out(tmp_path / "chunks").counts
    assert counts["unknown format"] == 200
    assert any(name.startswith("unknown: an object with 2 keys: turns (array of 0)") for name in counts)
    assert "secret-word" not in str(counts)


def test_an_export_of_which_nothing_is_to_be_remembered_says_so(tmp_path):
    entry = {"conversation_id": "c", "mapping": {"1": {"message": None}}, "is_do_not_remember": True}
    assert "EXPORT_READ_UNREMEMBERED" in refused(tmp_path, json.dumps([entry]).encode())


def test_a_gzip_that_is_broken_is_named(tmp_path):
    assert "upload" in refused(tmp_path, gzip.compress(b"x" * 1_000)[:-20])
