"""What people upload instead of an export, known by how it begins or by its keys, and the one next step for each.

What is not known is described by types and counts, and by keys that formats of chats use; never by a text, so that the
description can be passed on.
"""

import re
import zipfile
from collections import Counter
from pathlib import Path
from typing import Any

import msgspec

_HEAD_BYTES = 20_000
_MOST_KEYS = 12
_ZIP_INSTEAD = "upload the zip as ChatGPT or Claude sent it"
_ASK_FOR_IT = "ask for a data export in the settings of ChatGPT or Claude, and upload the zip that they send"

#: What a file begins with, what it is, what to do.
_FILES = (
    (rb"7z\xbc\xaf\x27\x1c", "a 7z archive", "unpack it, and upload what is in it as a zip"),
    (rb"Rar!\x1a\x07", "a RAR archive", "unpack it, and upload what is in it as a zip"),
    (
        rb"\x1f\x8b|BZh\d|\xfd7zXZ",
        "a compressed file that cannot be read",
        "unpack it, and upload what is in it as a zip",
    ),
    (
        rb"PK(?:\x03\x04|\x07\x08|00)",
        "a zip that is not whole, or one part of a split one",
        "download the export again, or join the parts, and upload the whole zip",
    ),
    (rb"%PDF-", "a PDF", _ASK_FOR_IT),
    (rb"\xd0\xcf\x11\xe0", "an Office document", _ASK_FOR_IT),
    (rb"\x89PNG|\xff\xd8\xff|GIF8|RIFF....WEBP", "a picture", _ASK_FOR_IT),
    (rb"SQLite format 3", "a database", _ASK_FOR_IT),
    (
        rb"(?is)\s*<(?:!doctype html|html|head).*(?:ChatGPT Data Export|jsonData\s*=)",
        "chat.html of a ChatGPT export",
        "upload the zip that it was in, or the conversations.json beside it",
    ),
    (
        rb"(?i)\s*<(?:!doctype html|html|head|\?xml)",
        "a web page that was saved in the place of the export",
        "open the link of the mail while signed in, and upload the zip that it gives",
    ),
    (
        rb"(?i)(?:From |(?:Received|Return-Path|Delivered-To|From|To|MIME-Version|Message-ID|Date|Subject|X-[\w-]+): )",
        "an e-mail",
        "open the link in it, and upload the zip that it leads to",
    ),
)
_SEPARATORS = (b",", b";", b"\t")

#: Keys that all are there, what that is, what to do.
_OBJECTS = (
    (
        {"files", "export_id"},
        "the list of files of a Claude export",
        "open each link in it, and upload the zips that they lead to",
    ),
    ({"conversation_id", "is_anonymous"}, "ChatGPT's list of shared links", _ZIP_INSTEAD),
    ({"conversation_id", "rating"}, "ChatGPT's list of ratings", _ZIP_INSTEAD),
    ({"email", "chatgpt_plus_user"}, "the account's data of a ChatGPT export", _ZIP_INSTEAD),
    ({"uuid", "email_address"}, "the account's data of a Claude export", _ZIP_INSTEAD),
)
#: What formats of chats call things: the only keys that are told by name.
_WORDS = frozenset(
    """
    id uuid _id title name summary model author sender role type kind header products version format schema
    time timestamp date created created_at create_time createdAt updated updated_at update_time updatedAt inserted_at
    messages message content contents text parts blocks mapping nodes children parent turns query answer prompt
    chat chats chat_messages conversation conversations responses response history completion threads thread
    items entries data records events sessions metadata settings user users account files attachments documents url
    """.split()  # noqa: SIM905 (one word a line would be a page)
)

_keys = msgspec.json.Decoder(dict[str, msgspec.Raw])


def file(path: Path) -> str:
    """What the file is, which is neither a zip nor JSON, and what to do."""
    with path.open("rb") as opened:
        head = opened.read(_HEAD_BYTES)
    for beginning, name, step in _FILES:
        if re.match(beginning, head, re.DOTALL):
            return f"{name}; {step}"
    if _is_table(head):
        return f"a table (CSV); {_ASK_FOR_IT}"
    what = "an unknown kind of file" if b"\x00" in head else "a text"
    return f"{what} of {path.stat().st_size:,} bytes; upload the export's zip or its conversations.json"


def _is_table(head: bytes) -> bool:
    """Whether the first two lines have the same separator twice."""
    first, _, rest = head.partition(b"\n")
    second, _, _ = rest.partition(b"\n")
    return b"\x00" not in head and any(min(first.count(mark), second.count(mark)) > 1 for mark in _SEPARATORS)


def zip_without_conversations(path: Path) -> str:
    """What a zip is in which there are no conversations, and what to do."""
    with zipfile.ZipFile(path) as archive:
        names = archive.namelist()
    if "[Content_Types].xml" in names:
        return f"the file is an Office document, such as a workbook of Excel; {_ASK_FOR_IT}"
    if any(re.search(r"(?:^|/)chat\.html$", name) for name in names):
        return f"the zip has chat.html and no conversations.json; {_ZIP_INSTEAD}"
    if any(re.search(r"(?:^|/)shared_conversations\.json$", name) for name in names):
        return f"the zip has ChatGPT's list of shared links and no conversations.json; {_ZIP_INSTEAD}"
    return f"the zip has no conversations.json; {_ZIP_INSTEAD}"


def entry(element: bytes) -> tuple[str, bool]:
    """What an object of JSON is that no format knows, and what to do; whether it is known to hold no conversation."""
    try:
        keys = _keys.decode(element)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return "an object", False
    for needed, name, step in _OBJECTS:
        if needed <= keys.keys():
            return f"{name}: {step}", True
    known = [f"{key} ({_type(keys[key])})" for key in keys if key in _WORDS][:_MOST_KEYS]
    others = Counter(_type(value) for key, value in keys.items() if key not in _WORDS)
    rest = ", ".join(f"{count} × {name}" for name, count in others.most_common(_MOST_KEYS))
    told = [*known, *([f"others: {rest}"] if rest else [])]
    return f"an object with {len(keys):,} keys" + (f": {', '.join(told)}" if told else ""), False


def _type(raw: msgspec.Raw) -> str:
    beginning = bytes(memoryview(raw)[:1])
    if beginning == b"[":
        return f"array of {len(_decoded(raw, list[msgspec.Raw])):,}"
    if beginning == b"{":
        return f"object of {len(_decoded(raw, dict[str, msgspec.Raw])):,}"
    return {b'"': "string", b"t": "boolean", b"f": "boolean", b"n": "null"}.get(beginning, "number")


def _decoded(raw: msgspec.Raw, shape: Any) -> Any:
    try:
        return msgspec.json.decode(raw, type=shape)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return ()
