"""The list that the web app stores: `[{id, title, createdAt, messages: [{role, content, createdAt?}]}]`.

Programs keep conversations in the same way, with content in parts: a message is what `message_lists` takes for one.
"""

from typing import Any

import msgspec

from flows.exports import message_lists, timestamps
from flows.exports.conversations import Conversation, Decoded, Skipped, derived_id
from flows.exports.decoding import decoded

_FIRST = 20  # messages that say which format it is


class _Conversation(msgspec.Struct, rename="camel", gc=False):
    messages: list[msgspec.Raw] | None = None
    id: Any = None
    title: Any = None
    created_at: Any = None
    updated_at: Any = None


_conversation = msgspec.json.Decoder(_Conversation)


def conversation(raw: bytes) -> Conversation | Skipped | None:
    """The conversation of one entry of the list; None when the entry is of another format.

    Raises msgspec.DecodeError when the entry is not valid JSON.
    """
    if b'"messages"' not in raw:
        return None
    entry = decoded(_conversation, raw)
    if entry is None or entry.messages is None:
        return Skipped("messages is no list") if entry is None else None
    if not _can_read(entry.messages):
        return None
    messages = Decoded(entry.messages, message_lists.said)
    return Conversation(
        id=str(entry.id) if isinstance(entry.id, str | int) else derived_id(entry.created_at, messages),
        title=entry.title if isinstance(entry.title, str) else "",
        created_at=timestamps.parse(entry.created_at),
        updated_at=timestamps.parse(entry.updated_at),
        messages=messages,
    )


def _can_read(messages: list[msgspec.Raw]) -> bool:
    """Whether they are of this format: others have lists of messages, too, with other keys."""
    return not messages or any(message_lists.readable(raw) for raw in messages[:_FIRST])
