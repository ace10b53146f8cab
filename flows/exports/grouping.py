"""Conversations of formats that hold single records: a list of activities, or a log with a line for each message.

A format that knows only a record gives a `Record`; records that follow each other in a file and belong together become
a conversation. Memory holds the records of one conversation, and no more of them than `limit` bytes.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import NamedTuple, TypeVar

from flows.exports import branches
from flows.exports.conversations import Conversation, Message, Partial, Skipped, derived_id

_RECORD_BYTES = 500  # that a record takes beside its text

ANOTHERS = Skipped("session of a program, not of the person", unread=False)


class Passed:
    """What stands between messages and says nothing about the person."""


PASSED = Passed()
END = Passed()  # of a file: no conversation goes on in the next


def _nothing(raw: bytes) -> Iterable[Message | Partial]:
    return ()


@dataclass(frozen=True, slots=True)
class Record:
    """A part of a conversation."""

    provider: str
    raw: bytes = b""
    messages: Callable[[bytes], Iterable[Message | Partial]] = _nothing  # of `raw`, when they are gone through
    at: datetime | None = None  # UTC
    #: The conversation's id; None: of the same as the record before it.
    thread: str | None = None
    #: Without an id of the conversation: the longest time between two records of it.
    gap: timedelta | None = None
    #: With these for every record, only the active branch counts.
    id: str | None = None
    parent: str | None = None
    title: str = ""
    aside: bool = False  # only the title counts
    anothers: bool = False  # first of a session that a program held, not the person


class Grouped(NamedTuple):
    """A conversation of records, and how many bytes they take."""

    conversation: Conversation
    size: int


Other = TypeVar("Other")
Item = Conversation | Skipped | Record | Passed


def grouped(items: Iterable[Item | Other], limit: int) -> Iterator[Conversation | Skipped | Grouped | Other]:
    """The items, with records made conversations."""
    group: list[Record] = []
    size = 0
    for item in items:
        if isinstance(item, Record):
            more = len(item.raw) + _RECORD_BYTES
            if group and (size + more > limit or not _belongs(group, item)):
                yield _made(group, size)
                group, size = [], 0
            group.append(item)
            size += more
        elif item is END and group:
            yield _made(group, size)
            group, size = [], 0
        elif not isinstance(item, Passed):
            yield item
    if group:
        yield _made(group, size)


def _belongs(group: list[Record], record: Record) -> bool:
    last = group[-1]
    if record.provider != last.provider or record.thread not in (None, group[0].thread):
        return False
    if record.gap is None or record.at is None or last.at is None:
        return True
    return abs(record.at - last.at) <= record.gap


@dataclass(frozen=True, slots=True)
class _Messages:
    records: Sequence[Record]
    lost: Counter[str] = field(default_factory=Counter, compare=False)  # as in Decoded

    def __iter__(self) -> Iterator[Message]:
        self.lost.clear()
        for record in self.records:
            for found in record.messages(record.raw):
                if isinstance(found, Partial):
                    self.lost.update(found.lost)
                message = found.message if isinstance(found, Partial) else found
                if message is not None:
                    yield message


def _made(group: list[Record], size: int) -> Grouped | Skipped:
    if group[0].anothers:
        return ANOTHERS
    first, records = group[0], _active(_ordered([record for record in group if not record.aside]))
    messages = _Messages(records)
    times = [record.at for record in records if record.at is not None]
    conversation = Conversation(
        id=first.thread or derived_id(times[0] if times else None, messages),
        title=next((record.title for record in reversed(group) if record.title), ""),
        created_at=times[0] if times else None,
        updated_at=times[-1] if times else None,
        messages=messages,
        provider=first.provider,
    )
    return Grouped(conversation, size)


def _ordered(group: list[Record]) -> list[Record]:
    """The oldest first; those of one time as the file has them, which may be from the newest to the oldest."""
    times = [record.at for record in group if record.at is not None]
    if times and times[0] > times[-1]:
        group = group[::-1]
    return sorted(group, key=lambda record: record.at) if len(times) == len(group) else group  # type: ignore[arg-type, return-value]


def _active(records: list[Record]) -> list[Record]:
    """The branch to the last record; all of them when any has no id, or when the branch has no known beginning."""
    if any(record.id is None for record in records):
        return records
    nodes = {record.id: branches.Node(record.parent, record.at) for record in records if record.id is not None}
    path = branches.active(nodes, records[-1].id)
    if not path or nodes[path[0]].parent is not None:
        return records
    on_path = set(path)
    return [record for record in records if record.id in on_path]
