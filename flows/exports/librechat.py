"""LibreChat's export of one conversation as JSON.

The format is its own (danny-avila/LibreChat, useExportConversation.ts, seen in November 2026): `{conversationId,
title, endpoint, exportAt, branches, recursive, options?}` with `messages: [{messageId, parentMessageId,
isCreatedByUser, sender, text, content?: [{type, text | think | tool_call | …}], createdAt, error?, unfinished?}]`,
or, exported "recursive", with `messagesTree`, in which a message holds its answers as `children`. Where branches were
exported, the one of the newest message counts. Of `content` the parts of type text are taken, else `text`; errors are
left out.
"""

from typing import Any

import msgspec

from flows.exports import branches, parts, timestamps
from flows.exports.conversations import Conversation, Decoded, Message, Partial, Skipped, Speaker, derived_id
from flows.exports.decoding import decoded

_MAX_TREE_BYTES = 8 << 20  # a tree is gone through once for each of its levels


class _Entry(msgspec.Struct, rename="camel", gc=False):
    conversation_id: Any = None
    title: Any = None
    messages: list[msgspec.Raw] | None = None
    messages_tree: list[msgspec.Raw] | None = None


class _Link(msgspec.Struct, rename="camel", gc=False):
    message_id: Any = None
    parent_message_id: Any = None
    created_at: Any = None


class _Parent(msgspec.Struct, gc=False):
    children: list[msgspec.Raw] | None = None


class _Message(msgspec.Struct, rename="camel", gc=False):
    is_created_by_user: Any = None
    text: Any = None
    content: Any = None
    created_at: Any = None
    error: Any = None


_entry = msgspec.json.Decoder(_Entry)
_link = msgspec.json.Decoder(_Link)
_parent = msgspec.json.Decoder(_Parent)
_message = msgspec.json.Decoder(_Message)


def conversation(raw: bytes) -> Conversation | Skipped | None:
    """The conversation of one export; None when it is not LibreChat's.

    Raises msgspec.DecodeError when it is not valid JSON.
    """
    if b'"conversationId"' not in raw or b'"isCreatedByUser"' not in raw:
        return None
    entry = decoded(_entry, raw)
    if entry is None or not isinstance(entry.conversation_id, str):
        return None
    if entry.messages_tree is not None and len(raw) > _MAX_TREE_BYTES:
        return Skipped("larger than the limit")
    held = _flat(entry.messages_tree) if entry.messages_tree is not None else entry.messages
    if held is None:
        return None
    messages = Decoded(_active(held), _taken)
    times = [message.at for message in messages if message.at]
    return Conversation(
        id=entry.conversation_id or derived_id(times[0] if times else None, messages),
        title=entry.title if isinstance(entry.title, str) else "",
        created_at=times[0] if times else None,
        updated_at=times[-1] if times else None,
        messages=messages,
        provider="librechat",
    )


def _flat(tree: list[msgspec.Raw]) -> list[msgspec.Raw]:
    """Every message of the tree, before its answers."""
    found, left = [], list(reversed(tree))
    while left:
        message = left.pop()
        found.append(message)
        node = decoded(_parent, message)
        left += reversed((node and node.children) or [])
    return found


def _active(messages: list[msgspec.Raw]) -> list[msgspec.Raw]:
    """The branch of the newest message; all of them when any has no id."""
    links = [decoded(_link, raw) or _Link() for raw in messages]
    places = {link.message_id: place for place, link in enumerate(links) if isinstance(link.message_id, str)}
    if len(places) < len(messages):
        return messages
    nodes = {
        link.message_id: branches.Node(link.parent_message_id, timestamps.parse(link.created_at)) for link in links
    }
    return [messages[places[identity]] for identity in branches.active(nodes)]


def _taken(raw: msgspec.Raw) -> Message | Partial | None:
    message = decoded(_message, raw)
    if message is None or not isinstance(message.is_created_by_user, bool):
        return Partial(("malformed message",))
    if message.error is True:
        return None
    text = parts.text(message.content) or parts.text(message.text)
    speaker = Speaker.USER if message.is_created_by_user else Speaker.ASSISTANT
    return parts.taken(speaker, text, timestamps.parse(message.created_at), parts.unknown(message.content))
