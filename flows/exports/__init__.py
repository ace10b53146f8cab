"""Reading an export: the file on disk in, one conversation after the other out.

A file's bytes decide what it is, not its name: a zip (`archive`), a gzip or tar (`tarball`), or JSON (`elements`). An
export may be several files (`files`): what stands in two of them is read once.
An entry of the JSON is a conversation in one of the formats

- `chatgpt`: ChatGPT's data export, conversations with a `mapping` of message nodes
- `claude`: Claude's data export, conversations with `chat_messages`
- `grok`, `open_webui`, `deepseek`, `librechat`, `perplexity`: exports of other assistants
- `gemini` (Takeout), `le_chat`, `claude_code`, `codex`: lists and logs of single records, which `grouping` makes
  conversations
- `simple`: the list that the web app stores, `[{id, title, createdAt, messages: [{role, content}]}]`
- `message_lists`: messages with nothing around them, and ShareGPT's form

Each is a module with one function that takes an entry's bytes and gives a Conversation, a Record or Skipped; None
when the entry is of another format. What cannot be understood is skipped with a reason, and costs only itself. Takes
the path of a file or a folder, and limits; gives Conversations, whose messages are decoded when they are gone through.
May import: what all share.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import msgspec

from flows.errors import ExportError
from flows.exports import (
    archive,
    chatgpt,
    claude,
    claude_code,
    codex,
    deepseek,
    elements,
    files,
    gemini,
    grok,
    grouping,
    le_chat,
    librechat,
    message_lists,
    open_webui,
    perplexity,
    recognising,
    simple,
)
from flows.exports.about import About
from flows.exports.archive import Limits as Limits
from flows.exports.archive import Unreadable
from flows.exports.conversations import Conversation, Skipped
from flows.exports.decoding import repaired
from flows.exports.once import REPEATED, Threads, Versions

#: The first that knows an entry takes it, so the most frequent come first, and those last that ask for the fewest keys.
FORMATS: tuple[Callable[[bytes], grouping.Item | None], ...] = (
    chatgpt.conversation,
    claude.conversation,
    claude.project,
    claude.notes,
    gemini.record,
    grok.conversation,
    open_webui.conversation,
    deepseek.conversation,
    librechat.conversation,
    le_chat.record,
    perplexity.conversation,
    claude_code.record,
    codex.record,
    simple.conversation,
    message_lists.entry,
)

MALFORMED = Skipped("malformed JSON")
UNKNOWN = Skipped("unknown format")
NO_JSON = Skipped("not JSON")

_LIMITS = Limits()
_MOST_DESCRIPTIONS = 20
_MAX_SKIPPED = 1_000_000  # an export has no million entries without a meaning; a zip bomb may


def read(
    path: Path, limits: Limits = _LIMITS, unopened: Counter[str] | None = None
) -> Iterator[Conversation | Skipped]:
    """The conversations of the export at `path`, one at a time, and what had to be skipped.

    path: a file, or a folder with the files of one export. Zips are read with temporary files beside them; `unopened`
    gets how many files of each kind were left alone. Raises ExportError when there is no export or nothing of it can
    be read; what breaks elsewhere is skipped.
    """
    found = skipped = 0
    reading = _Reading(limits)
    failed: ExportError | None = None
    items = _items(path, limits, Counter() if unopened is None else unopened, reading)
    for item in grouping.grouped(items, limits.conversation_bytes):
        if isinstance(item, Unreadable):
            failed = failed or item.error
            yield Skipped(f"{item.kind} part of the export", description=item.description)
            continue
        if isinstance(item, grouping.Grouped):
            item = reading.checked(item.conversation, item.size)
        if isinstance(item, Skipped):
            skipped += 1
        else:
            found += 1
        if item is not None:
            yield item
        if isinstance(item, Conversation):
            reading.about.add(item)  # only now: its messages have been gone through, and tell what they hold of it
        if skipped > _MAX_SKIPPED:
            raise ExportError("the export is mostly no conversations; upload it as ChatGPT or Claude sent it")
    if failed and not found:
        raise failed
    yield from reading.about.conversations()


class _Reading:
    """What is known of an export while it is read."""

    def __init__(self, limits: Limits):
        self._limits = limits
        self._others: set[int] = set()  # elements whose version nothing tells, hashed
        self._descriptions = 0
        self._versions, self._threads, self.about = Versions(), Threads(), About()

    def item(self, element: bytes, account: str | None) -> grouping.Item | None:
        """What the element is; None when all that it holds comes later, with `about`."""
        item = _of(_entry(element), account)
        if not Versions.tell(item) and self._is_repeated(element):
            return REPEATED
        if isinstance(item, Conversation):
            return self.checked(item, len(element))
        return self._described(item, element) if isinstance(item, Skipped) else item

    def _is_repeated(self, element: bytes) -> bool:
        """Whether it was there before: shards and split exports overlap."""
        known = len(self._others)
        self._others.add(hash(element))
        return len(self._others) == known

    def checked(self, item: Conversation, size: int) -> Conversation | Skipped | None:
        """The conversation, without what was there before. size: bytes in the export."""
        versioned = self._versions.checked(item, size)
        if isinstance(versioned, Skipped):
            return versioned
        item = versioned
        if item.unwanted and not self._limits.unwanted:
            return Skipped(item.unwanted, unread=False, unwanted_id=item.id, newer=item.newer)
        if item.kind != "notes":
            return self._threads.unread(item)
        self.about.add(item)
        return None

    def _described(self, item: Skipped, element: bytes) -> Skipped:
        """With what the element is if no format knows it: of the first few, since most are alike."""
        if item is not UNKNOWN or self._descriptions >= _MOST_DESCRIPTIONS:
            return item
        self._descriptions += 1
        description, is_known = recognising.entry(element)
        return replace(item, unread=not is_known, description=description)


def _items(
    path: Path, limits: Limits, unopened: Counter[str], reading: _Reading
) -> Iterator[grouping.Item | Unreadable | None]:
    for element, account in _elements(path, limits, unopened):
        yield reading.item(element, account) if isinstance(element, bytes) else element


def _elements(
    path: Path, limits: Limits, unopened: Counter[str]
) -> Iterator[tuple[bytes | Skipped | Unreadable | grouping.Passed, str | None]]:
    """Each element, and the account that its file or zip names."""
    for member in files.streams(path, limits, unopened):
        if isinstance(member, Unreadable):
            yield member, None
            continue
        try:
            for element in elements.read(member, limits.conversation_bytes):
                yield element, member.account
        except Unreadable as error:
            yield error, None
        except elements.NotJson:
            yield _no_json(member), None
        yield grouping.END, None


def _no_json(member: archive.Counted) -> Skipped | Unreadable:
    if member.alone is None:
        return NO_JSON
    what = recognising.file(member.alone)
    return Unreadable("unknown", f"the file is neither a zip nor JSON, but {what}", what)


def _of(item: grouping.Item, account: str | None) -> grouping.Item:
    """The conversation with its account, unless it names one itself."""
    if account is None or not isinstance(item, Conversation) or item.provider == "app" or item.account is not None:
        return item
    return replace(item, account=account)


def _entry(element: bytes) -> grouping.Item:
    if not element.startswith(b"{"):
        return elements.NOT_AN_OBJECT
    try:
        return _understood(element)
    except (msgspec.DecodeError, RecursionError):
        mended = repaired(element)
    return MALFORMED if mended is None else _understood(mended)


def _understood(element: bytes) -> grouping.Item:
    for conversation in FORMATS:
        if (found := conversation(element)) is not None:
            return found
    return UNKNOWN
