"""What the rest of the pipeline knows of an export: conversations of messages, whatever format they came in."""

import hashlib
import re
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Generic, NamedTuple, TypeVar

import msgspec

Source = TypeVar("Source")


class Speaker(StrEnum):
    USER = "User"
    ASSISTANT = "Assistant"
    #: What the person told the assistant about themselves once for all conversations.
    INSTRUCTIONS = "Instructions"
    #: What the assistant has noted about the person: its words, not theirs.
    NOTES = "Notes"
    #: A title that is too long to stand over the conversation.
    TITLE = "Title"


class Message(msgspec.Struct, frozen=True, gc=False):  # made for each message: a dataclass takes 15 times as long
    speaker: Speaker
    text: str
    at: datetime | None  # UTC


class Partial(NamedTuple):
    """A message of which something could not be understood: what kinds of things (`type_name`), and what is left."""

    lost: tuple[str, ...]
    message: Message | None = None


_TYPE_NAME = re.compile(r"[a-z][a-z0-9_.-]{0,39}")


def type_name(value: Any) -> str:
    """What an export calls a type, as far as that is a name and cannot be a text."""
    return value if isinstance(value, str) and _TYPE_NAME.fullmatch(value) else "other"


class Kept(NamedTuple):
    """Instructions, or notes about the person: the same stand in many conversations (`about`)."""

    messages: tuple[Message, ...]
    at: datetime | None = None  # UTC
    whole: bool = False  # all notes that there were at the time
    #: Of each message the id of the project that it is about; empty: of none.
    projects: tuple[str | None, ...] = ()


@dataclass(slots=True)
class Decoded(Generic[Source]):
    """Messages that are made when they are gone through, so that those of a huge conversation are never all there."""

    sources: Sequence[Source]
    decode: Callable[[Source], Message | Partial | Kept | None]  # None: nothing for the memory
    #: Kind → how often something of it could not be understood, once the messages have been gone through.
    lost: Counter[str] = field(default_factory=Counter, compare=False)
    _kept: list[Kept] = field(default_factory=list, compare=False)
    _is_read: bool = field(default=False, compare=False)

    def __iter__(self) -> Iterator[Message]:
        self.lost.clear()
        self._kept.clear()
        self._is_read = False
        for source in self.sources:
            found = self.decode(source)
            if type(found) is not Message:  # nearly all are
                found = self._message(found)
            if found is not None:
                yield found
        self._is_read = True

    def _message(self, found: Message | Partial | Kept | None) -> Message | None:
        if isinstance(found, Kept):
            self._kept.append(found)
            return None
        if isinstance(found, Partial):
            self.lost.update(found.lost)
            return found.message
        return found

    @property
    def kept(self) -> Sequence[Kept]:
        """What stands among the messages and is none; goes through them if nobody has."""
        if not self._is_read:
            deque(self, maxlen=0)
        return self._kept


@dataclass(frozen=True, slots=True)
class Conversation:
    id: str
    title: str
    created_at: datetime | None  # UTC
    updated_at: datetime | None  # UTC
    messages: Iterable[Message]  # maybe none; oldest first, only the active branch; can be gone through repeatedly
    provider: str = "app"  # chatgpt, claude; app: the list that the web app stores, which does not tell
    account: str | None = None  # the id of the account with the provider; None: the export does not tell
    kind: str = "conversation"  # or what stands beside conversations: project, instructions, notes
    about: tuple[Kept, ...] = ()  # what it holds of the person beside its messages
    unwanted: str | None = None  # why the person does not want it remembered
    newer: bool = False  # it takes the place of one with the same id that came before

    @property
    def lost(self) -> Mapping[str, int]:
        """What of the messages could not be understood, by kind, once they have been gone through."""
        return getattr(self.messages, "lost", {})

    @property
    def repeated(self) -> int:
        """How many messages another conversation has given already, once these have been gone through."""
        return getattr(self.messages, "repeated", 0)

    @property
    def kept(self) -> Sequence[Kept]:
        """What it holds of the person, beside and among its messages, which are gone through for it if nobody has."""
        return (*self.about, *getattr(self.messages, "kept", ()))

    @property
    def source(self) -> str:
        """Whose history it is part of, `claude` or `claude:0123456789abcdef`: without anything that names the person.

        What an export calls an id may be an e-mail address, so it is hashed.
        """
        if self.account is None:
            return self.provider
        return f"{self.provider}:{hashlib.sha256(f'{self.provider} {self.account}'.encode()).hexdigest()[:16]}"


def derived_id(created: object, messages: Iterable[Message]) -> str:
    """An id for a conversation that has none: it stays the same when the conversation goes on."""
    first = next(iter(messages), None)
    return hashlib.sha256(f"{created}\n{first and first.text}".encode("utf-8", "replace")).hexdigest()[:32]


@dataclass(frozen=True, slots=True)
class Skipped:
    """An entry of the export that is no usable conversation, or a part of it that cannot be read.

    `unread`: there may be something of the person's history in it, so nobody knows what the export lacks.
    """

    reason: str
    unread: bool = field(default=True, compare=False)
    unwanted_id: str | None = field(default=None, compare=False)  # of a conversation that is not to be remembered
    newer: bool = field(default=False, compare=False)  # as of a Conversation
    description: str | None = field(default=None, compare=False)  # of what no format knows, without its text
