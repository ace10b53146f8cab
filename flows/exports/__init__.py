"""Reading an export: the file on disk in, one conversation after the other out.

The file's bytes decide what it is, not its name. Formats:

- `chatgpt`: ChatGPT's data export, conversations with a `mapping` of message nodes
- `simple`: the list that the web app stores, `[{id, title, createdAt, messages: [{role, content}]}]`

Each is a module with one function, `conversation(entry) -> Conversation | Skipped | None`, None when the entry is
of another format. The conversations stand in `conversations.json` (or `conversations-000.json`, …) of a zip, or are
the file itself: an array, or an object with a `conversations` array.
"""

import re
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any

import ijson

from flows.conversations import Conversation, Skipped
from flows.errors import ExportError
from flows.exports import chatgpt, simple

FORMATS: tuple[Callable[[dict[str, Any]], Conversation | Skipped | None], ...] = (
    chatgpt.conversation,
    simple.conversation,
)

_MEMBER = re.compile(r"(?:^|/)conversations(?:-\d+)?\.json$")


def read(path: Path) -> Iterator[Conversation | Skipped]:
    """The conversations of the export at `path`, one at a time, and the entries that had to be skipped.

    Raises ExportError when the file is not an export, from the first `next()` on.
    """
    if path.stat().st_size == 0:
        raise ExportError("the export is empty (0 bytes); upload it again, then trigger again")
    if zipfile.is_zipfile(path):
        yield from _read_zip(path)
    else:
        with path.open("rb") as file:
            yield from _read_json(file)


def _read_zip(path: Path) -> Iterator[Conversation | Skipped]:
    try:
        with zipfile.ZipFile(path) as archive:
            members = sorted(
                name for name in archive.namelist() if _MEMBER.search(name) and not name.startswith("__MACOSX/")
            )
            if not members:
                raise ExportError(
                    "the zip has no conversations.json; upload the zip as ChatGPT or Claude sent it, or the "
                    "conversations.json in it"
                )
            for name in members:
                with archive.open(name) as file:
                    yield from _read_json(file)
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError, zlib.error) as error:
        # RuntimeError is how zipfile says "encrypted"; NotImplementedError an unknown compression.
        raise ExportError(
            f"the zip is damaged or encrypted ({type(error).__name__}); download the export again, upload it unchanged"
        ) from None


def _read_json(file: IO[bytes]) -> Iterator[Conversation | Skipped]:
    start = _first_byte(file)
    if start not in (b"[", b"{"):
        raise ExportError("the file is neither a zip nor JSON; upload the export's zip or its conversations.json")
    prefix = "item" if start == b"[" else "conversations.item"
    entries = 0
    try:
        for entry in ijson.items(file, prefix, use_float=True):
            entries += 1
            yield _conversation(entry)
    except (ijson.JSONError, UnicodeDecodeError):
        # The parser's message quotes the text around the mistake, so it is not repeated.
        raise ExportError(
            f"the JSON is broken off or malformed after {entries} conversations; download the export again and upload "
            "it unchanged"
        ) from None
    if start == b"{" and not entries:
        raise ExportError(
            "the JSON is an object without a list of conversations; upload the export's zip or its conversations.json"
        )


def _first_byte(file: IO[bytes]) -> bytes:
    head = file.read(4096)
    file.seek(0)
    bom = b"\xef\xbb\xbf"
    return head.removeprefix(bom).lstrip()[:1]


def _conversation(entry: Any) -> Conversation | Skipped:
    if not isinstance(entry, dict):
        return Skipped("not an object")
    for parse in FORMATS:
        found = parse(entry)
        if found is not None:
            return found
    return Skipped("unknown format")
