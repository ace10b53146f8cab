"""What of an export stands in it more than once: read once.

Kept of everything that was read are hashes, never texts: of 100,000 conversations with 20 messages each 50 MB.
"""

from array import array
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from flows.exports.conversations import Conversation, Kept, Message, Skipped, Speaker

OLDER = Skipped("older version", unread=False)
REPEATED = Skipped("repeated", unread=False)

_SIZE_BITS = 40
_USER = Speaker.USER  # to hash one, or to look one up, is slow
MOST_ALIKE = 50_000  # messages of conversations that begin alike: branches of branches have thousands


class Versions:
    """The conversations that were there, by provider, id and time of their making."""

    def __init__(self) -> None:
        self._newest: dict[int, int] = {}

    @staticmethod
    def tell(item: object) -> bool:
        """Whether it is a conversation of which versions can be told.

        Without a time of making, an id may be of two conversations that begin alike (`derived_id`).
        """
        return isinstance(item, Conversation) and item.created_at is not None and item.kind != "notes"

    def checked(self, conversation: Conversation, size: int) -> Conversation | Skipped:
        """The conversation, which may take another's place; a Skipped when it, or a newer one, was there.

        size: bytes in the export. Of versions of one time the larger counts as the newer.
        """
        if not self.tell(conversation):
            return conversation
        key = hash((conversation.provider, conversation.id, conversation.created_at))
        at = conversation.updated_at
        version = (int(at.timestamp() * 1_000) if at else 0) << _SIZE_BITS | size
        known = self._newest.get(key)
        if known is not None and version <= known:
            return REPEATED if version == known else OLDER
        self._newest[key] = version
        return conversation if known is None else replace(conversation, newer=True)


class Threads:
    """The messages that were read, by the first of their conversation.

    A branch in a new chat begins with the messages of its origin, with their times; of two such conversations the one
    that comes later in the export gives only what the other does not have. Messages without a time are never taken for
    the same.
    """

    def __init__(self) -> None:
        #: Hash of a first message → of each conversation that begins with it the hash of its id, the number of its
        #: messages, and their hashes: all in one, since nearly always it is one conversation.
        self._read: dict[int, bytes] = {}

    def unread(self, conversation: Conversation) -> Conversation:
        return replace(conversation, messages=_Unread(conversation, self._read))


class _Unread:
    """The messages of a conversation that no other has given; the same each time they are gone through."""

    def __init__(self, conversation: Conversation, read: dict[int, bytes]):
        self._conversation, self._read = conversation, read
        self._others: set[int] | None = None
        self.repeated = 0  # messages that another conversation has given, once these have been gone through

    @property
    def lost(self) -> Mapping[str, int]:
        return self._conversation.lost

    @property
    def kept(self) -> Sequence[Kept]:
        return getattr(self._conversation.messages, "kept", ())

    def __iter__(self) -> Iterator[Message]:
        own = array("q")
        add, others = own.append, self._others or ()
        first, self.repeated = 0, 0
        for message in self._conversation.messages:
            if message.at is not None:
                said = hash((message.text, message.at.timestamp(), message.speaker is _USER))
                if not first:
                    first = said
                    if self._others is None:
                        others = self._others = {said for _, thread in self._begun_alike(first) for said in thread}
                add(said)
                if said in others:
                    self.repeated += 1
                    continue
            yield message
        if first:
            self._remember(first, own)

    def _remember(self, first: int, own: "array[int]") -> None:
        threads = [*self._begun_alike(first), (hash(self._conversation.id), own)]
        while len(threads) > 1 and sum(len(thread) for _, thread in threads) > MOST_ALIKE:
            del threads[0]
        self._read[first] = b"".join(array("q", (of, len(thread), *thread)).tobytes() for of, thread in threads)

    def _begun_alike(self, first: int) -> Iterator[tuple[int, "array[int]"]]:
        """Of other conversations with this first message: the hash of the id, and those of the messages."""
        read, at = array("q", self._read.get(first, b"")), 0
        while at < len(read):
            of, end = read[at], at + 2 + read[at + 1]
            if of != hash(self._conversation.id):
                yield of, read[at + 2 : end]
            at = end
