"""What an export keeps of the person beside conversations: their instructions, and what the assistant has noted.

Both stand in many conversations, or in files of their own. They are read once: each distinct text of instructions, with
the time at which it was there first; of the lists of notes the newest, and what was noted after it. They come out as
conversations of their own, after all others.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import zip_longest

from msgspec import structs

from flows.exports.conversations import Conversation, Kept, Message, Skipped, Speaker

_MOST_CHARACTERS = 4_000_000  # of one export: a person's settings are a thousandth of it
_BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)

TOO_MUCH = Skipped("too many instructions or notes")


@dataclass
class _Of:
    """What is kept of one source."""

    conversation: Conversation  # any, for whose they are
    instructions: dict[str, Message] = field(default_factory=dict)
    listed: tuple[Message, ...] = ()
    of_projects: tuple[str | None, ...] = ()  # of each of these, as in Kept
    listed_at: datetime = _BEGINNING
    noted: dict[str, Message] = field(default_factory=dict)  # one by one


class About:
    """Collects what conversations hold of the person (`kept`)."""

    def __init__(self) -> None:
        self._of: dict[str, _Of] = {}
        self._projects: dict[str, str] = {}  # id → name
        self._characters = 0
        self._dropped = False

    def add(self, conversation: Conversation) -> None:
        if conversation.kind == "project" and conversation.title and self._has_room(len(conversation.title)):
            self._projects[conversation.id] = conversation.title
        for kept in conversation.kept:
            of = self._of.setdefault(conversation.source, _Of(conversation))
            if kept.whole:
                self._list(of, kept)
            for message in () if kept.whole else kept.messages:
                texts = of.instructions if message.speaker is Speaker.INSTRUCTIONS else of.noted
                self._note(texts, message)

    def conversations(self) -> Iterator[Conversation | Skipped]:
        for of in self._of.values():
            for message in of.instructions.values():
                digest = hashlib.sha256(f"{of.conversation.source}\n{message.text}".encode("utf-8", "replace"))
                name = f"instructions/{digest.hexdigest()[:32]}"
                yield _made(of, name, "Custom instructions", "instructions", [message])
            if notes := self._notes(of):
                yield _made(of, f"{of.conversation.source}/notes", "Saved memories", "notes", notes)
        if self._dropped:
            yield TOO_MUCH

    def _list(self, of: _Of, kept: Kept) -> None:
        at = kept.at or _BEGINNING
        grown = sum(len(message.text) for message in kept.messages) - sum(len(message.text) for message in of.listed)
        if at >= of.listed_at and self._has_room(grown):
            of.listed, of.listed_at, of.of_projects = kept.messages, at, kept.projects

    def _note(self, texts: dict[str, Message], message: Message) -> None:
        known = texts.get(message.text)
        if known is None:
            if self._has_room(len(message.text)):
                texts[message.text] = message
        elif message.at is not None and (known.at is None or message.at < known.at):
            texts[message.text] = message

    def _notes(self, of: _Of) -> list[Message]:
        """What is noted by now: the list, and what came after it."""
        listed = {message.text for message in of.listed}
        later = [
            message
            for message in of.noted.values()
            if message.text not in listed and (not of.listed or (message.at or _BEGINNING) > of.listed_at)
        ]
        named = [self._named(message, project) for message, project in zip_longest(of.listed, of.of_projects)]
        return [*named, *sorted(later, key=lambda message: (message.at or _BEGINNING, message.text))]

    def _named(self, message: Message, project: str | None) -> Message:
        """The note below the name of the project that it is about, as documents are below theirs."""
        name = self._projects.get(f"project/{project}")
        return structs.replace(message, text=f"[{name}]\n{message.text}") if name else message

    def _has_room(self, characters: int) -> bool:
        has_room = self._characters + characters <= _MOST_CHARACTERS
        self._characters += characters if has_room else 0
        self._dropped = self._dropped or not has_room
        return has_room


def _made(of: _Of, name: str, title: str, kind: str, messages: list[Message]) -> Conversation:
    whose = of.conversation
    return Conversation(name, title, None, None, messages, whose.provider, whose.account, kind=kind)
