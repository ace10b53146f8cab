"""What of an export stands in it more than once: read once.

Kept of everything that was read are hashes, never texts: of 100,000 conversations with 20 messages each 50 MB.
"""

from array import array
from collections.abc import Iterator, Mapping
from dataclasses import replace

from flows.exports.conversations import Conversation, Message, Skipped, Speaker

OLDER = Skipped("older version", unread=False)

_SIZE_BITS = 40


class Versions:
    """The conversations that were there, by source, id and time of their making."""

    def __init__(self) -> None:
        self._newest: dict[int, int] = {}

    def checked(self, conversation: Conversation, size: int) -> Conversation | Skipped:
        """The conversation, which may take another's place; OLDER when a newer one was there.

        size: bytes in the export. Of versions of one time the larger counts as the newer. Without a time of making, an
        id may be of two conversations that begin alike (`derived_id`).
        """
        if conversation.created_at is None:
            return conversation
        key = hash((conversation.source, conversation.id, conversation.created_at))
        at = conversation.updated_at
        version = (int(at.timestamp() * 1_000) if at else 0) << _SIZE_BITS | size
        known = self._newest.get(key)
        if known is not None and version <= known:
            return OLDER
        self._newest[key] = version
        return conversation if known is None else replace(conversation, newer=True)


class Threads:
    """The messages that were read, by the first of their conversation.

    A branch in a new chat begins with the messages of its origin, with their times; of two such conversations the one
    that comes later in the export gives only what the other does not have. Messages without a time are never taken for
    the same.
    """

    def __init__(self) -> None:
        #: Hash of a first message → conversations that begin with it: the hash of the id, then those of the messages.
        self._read: dict[int, tuple[bytes, ...]] = {}

    def unread(self, conversation: Conversation) -> Conversation:
        return replace(conversation, messages=_Unread(conversation, self._read))


class _Unread:
    """The messages of a conversation that no other has given; the same each time they are gone through."""

    def __init__(self, conversation: Conversation, read: dict[int, tuple[bytes, ...]]):
        self._conversation, self._read = conversation, read
        self._others: set[int] | None = None
        self.repeated = 0  # messages that another conversation has given, once these have been gone through

    @property
    def lost(self) -> Mapping[str, int]:
        return self._conversation.lost

    def __iter__(self) -> Iterator[Message]:
        own = array("q", [hash(self._conversation.id)])
        add, others = own.append, self._others or ()
        first, self.repeated = 0, 0
        for message in self._conversation.messages:
            if message.at is not None:
                said = hash((message.text, message.at, message.speaker is Speaker.USER))  # an Enum's hash is slow
                if not first:
                    first = said
                    if self._others is None:
                        others = self._others = self._given_by_others(first)
                add(said)
                if said in others:
                    self.repeated += 1
                    continue
            yield message
        if first:
            versions = (other for other in self._read.get(first, ()) if not other.startswith(own[:1].tobytes()))
            self._read[first] = (*versions, own.tobytes())

    def _given_by_others(self, first: int) -> set[int]:
        others = (array("q", other) for other in self._read.get(first, ()))
        return {said for other in others if other[0] != hash(self._conversation.id) for said in other[1:]}
