"""Reading an export: the file on disk in, one conversation after the other out.

The file's bytes decide what it is, not its name: a zip (`archive`), or JSON (`elements`). An entry of the JSON is a
conversation in one of the formats

- `chatgpt`: ChatGPT's data export, conversations with a `mapping` of message nodes
- `claude`: Claude's data export, conversations with `chat_messages`
- `simple`: the list that the web app stores, `[{id, title, createdAt, messages: [{role, content}]}]`

Each is a module with one function, `conversation(raw) -> Conversation | Skipped | None`, None when the entry is of
another format. What cannot be understood is skipped with a reason, and costs only itself. Takes a path and limits;
gives Conversations, whose messages are decoded when they are gone through. May import: what all share.
"""

import zipfile
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import msgspec

from flows.errors import ExportError
from flows.exports import archive, chatgpt, claude, elements, recognising, simple
from flows.exports.about import About
from flows.exports.archive import Limits as Limits
from flows.exports.archive import Unreadable
from flows.exports.conversations import Conversation, Skipped
from flows.exports.decoding import repaired
from flows.exports.once import Threads, Versions

FORMATS: tuple[Callable[[bytes], Conversation | Skipped | None], ...] = (
    chatgpt.conversation,
    claude.conversation,
    claude.project,
    claude.notes,
    simple.conversation,
)

MALFORMED = Skipped("malformed JSON")
UNKNOWN = Skipped("unknown format")
NO_JSON = Skipped("not JSON")
REPEATED = Skipped("repeated", unread=False)

_LIMITS = Limits()
_MOST_DESCRIPTIONS = 20
_MAX_SKIPPED = 1_000_000  # an export has no million entries without a meaning; a zip bomb may


def read(
    path: Path, limits: Limits = _LIMITS, unopened: Counter[str] | None = None
) -> Iterator[Conversation | Skipped]:
    """The conversations of the export at `path`, one at a time, and what had to be skipped.

    A zip is read with temporary files beside it; `unopened` gets how many files of each kind in it were left alone.
    Raises ExportError when the file is not an export or nothing of it can be read; what breaks elsewhere is skipped.
    """
    if path.stat().st_size == 0:
        raise ExportError("the export is empty (0 bytes); upload it again, then trigger again")
    found = skipped = 0
    reading = _Reading(limits)
    failed: ExportError | None = None
    for element, account in _elements(path, limits, Counter() if unopened is None else unopened):
        if isinstance(element, Unreadable):
            failed = failed or element.error
            yield Skipped(f"{element.kind} part of the zip")
            continue
        item = element if isinstance(element, Skipped) else reading.item(element, account)
        if isinstance(item, Skipped):
            skipped += 1
        else:
            found += 1
        if item is not None:
            yield item
        if skipped > _MAX_SKIPPED:
            raise ExportError("the export is mostly no conversations; upload it as ChatGPT or Claude sent it")
    if failed and not found:
        raise failed
    yield from reading.about.conversations()


class _Reading:
    """What is known of an export while it is read."""

    def __init__(self, limits: Limits):
        self._limits = limits
        self._elements: set[int] = set()
        self._descriptions = 0
        self._versions, self._threads, self.about = Versions(), Threads(), About()

    def item(self, element: bytes, account: str | None) -> Conversation | Skipped | None:
        """The element's conversation; None when all that it holds comes later, with `about`."""
        item = _of(_new(element, self._elements), account)
        if isinstance(item, Conversation) and item.kind != "notes":
            item = self._versions.checked(item, len(element))
        if isinstance(item, Skipped):
            return self._described(item, element)
        if item.unwanted and not self._limits.unwanted:
            return Skipped(item.unwanted, unread=False, unwanted_id=item.id, newer=item.newer)
        self.about.add(item)
        return None if item.kind == "notes" else self._threads.unread(item)

    def _described(self, item: Skipped, element: bytes) -> Skipped:
        """With what the element is if no format knows it: of the first few, since most are alike."""
        if item is not UNKNOWN or self._descriptions >= _MOST_DESCRIPTIONS:
            return item
        self._descriptions += 1
        return replace(item, description=recognising.entry(element))


def _elements(
    path: Path, limits: Limits, unopened: Counter[str]
) -> Iterator[tuple[bytes | Skipped | Unreadable, str | None]]:
    """Each element, and the account that its zip names."""
    if not zipfile.is_zipfile(path):
        try:
            with path.open("rb") as file:
                for element in elements.read(file, limits.conversation_bytes):
                    yield element, None
        except elements.NotJson:
            raise ExportError(f"the file is neither a zip nor JSON, but {recognising.file(path)}") from None
        return
    for member in archive.json_files(path, limits, unopened):
        if isinstance(member, Unreadable):
            yield member, None
            continue
        try:
            for element in elements.read(member, limits.conversation_bytes):
                yield element, member.account
        except Unreadable as error:
            yield error, None
        except elements.NotJson:
            yield NO_JSON, None


def _of(item: Conversation | Skipped, account: str | None) -> Conversation | Skipped:
    """The conversation with its account, unless it names one itself."""
    if account is None or isinstance(item, Skipped) or item.provider == "app" or item.account is not None:
        return item
    return replace(item, account=account)


def _new(element: bytes, seen: set[int]) -> Conversation | Skipped:
    """The conversation, unless it was there before: shards and split exports overlap."""
    if (digest := hash(element)) in seen:
        return REPEATED
    seen.add(digest)
    if not element.startswith(b"{"):
        return elements.NOT_AN_OBJECT
    try:
        return _understood(element)
    except (msgspec.DecodeError, RecursionError):
        mended = repaired(element)
    return MALFORMED if mended is None else _understood(mended)


def _understood(element: bytes) -> Conversation | Skipped:
    for conversation in FORMATS:
        if (found := conversation(element)) is not None:
            return found
    return UNKNOWN
