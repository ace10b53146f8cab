"""The list that the web app stores: `[{id, title, createdAt, messages: [{role, content, createdAt?}]}]`."""

from typing import Any

import msgspec

from flows.exports import timestamps
from flows.exports.conversations import Conversation, Decoded, Message, Skipped, Speaker, derived_id
from flows.exports.decoding import decoded

_SPEAKERS = {"user": Speaker.USER, "human": Speaker.USER, "assistant": Speaker.ASSISTANT}


_FIRST = 20  # messages that say which format it is


class _Conversation(msgspec.Struct, rename="camel", gc=False):
    messages: list[msgspec.Raw] | None = None
    id: Any = None
    title: Any = None
    created_at: Any = None
    updated_at: Any = None


class _Message(msgspec.Struct, rename="camel", gc=False):
    role: Any = None
    content: Any = None
    created_at: Any = None


_conversation = msgspec.json.Decoder(_Conversation)
_message = msgspec.json.Decoder(_Message)


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
    messages = Decoded(entry.messages, _taken)
    return Conversation(
        id=str(entry.id) if isinstance(entry.id, str | int) else derived_id(entry.created_at, messages),
        title=entry.title if isinstance(entry.title, str) else "",
        created_at=timestamps.parse(entry.created_at),
        updated_at=timestamps.parse(entry.updated_at),
        messages=messages,
    )


def _can_read(messages: list[msgspec.Raw]) -> bool:
    """Whether they are of this format: others have lists of messages, too, with other keys or with content in parts."""
    first = [decoded(_message, raw) for raw in messages[:_FIRST]]
    return not messages or any(
        message and isinstance(message.role, str) and isinstance(message.content, str) for message in first
    )


def _taken(raw: msgspec.Raw) -> Message | None:
    message = decoded(_message, raw)
    if message is None:
        return None
    speaker = _SPEAKERS.get(message.role) if isinstance(message.role, str) else None
    if speaker is None or not isinstance(message.content, str) or not message.content.strip():
        return None
    return Message(speaker, message.content, timestamps.parse(message.created_at))
