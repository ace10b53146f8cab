"""Open WebUI's export of all chats or of one (Settings, Chats; `chat-export-….json`).

The format is its own (open-webui/open-webui, backend, ChatResponse, and the history that its frontend keeps; as
exports show it, nowledge-co/community #33, 2026; seen in November 2026): a list of `{id, user_id, title, created_at,
updated_at, chat: {title, models, history: {currentId, messages: {id: {id, parentId, childrenIds, role, content,
timestamp}}}, messages: […]}}`, times in seconds. The path from `currentId` to the root is what the person sees;
`messages` is a copy of it, read where there is no history. Thoughts and calls of tools stand in `<details type="…">`
within the answers, and are left out, as are files.
"""

from typing import Any

import msgspec

from flows.exports import branches, parts, timestamps
from flows.exports.conversations import Conversation, Decoded, Message, Partial, Skipped, Speaker, derived_id, type_name
from flows.exports.decoding import decoded

_SPEAKERS = {"user": Speaker.USER, "assistant": Speaker.ASSISTANT}


class _History(msgspec.Struct, rename="camel", gc=False):
    messages: dict[str, msgspec.Raw] | None = None
    current_id: Any = None


class _Chat(msgspec.Struct, gc=False):
    history: _History | None = None
    messages: list[msgspec.Raw] | None = None
    title: Any = None


class _Entry(msgspec.Struct, gc=False):
    chat: _Chat | None = None
    id: Any = None
    user_id: Any = None
    title: Any = None
    created_at: Any = None
    updated_at: Any = None


class _Link(msgspec.Struct, rename="camel", gc=False):
    parent_id: Any = None
    timestamp: Any = None


class _Message(msgspec.Struct, gc=False):
    role: Any = None
    content: Any = None
    timestamp: Any = None


_entry = msgspec.json.Decoder(_Entry)
_link = msgspec.json.Decoder(_Link)
_message = msgspec.json.Decoder(_Message)


def conversation(raw: bytes) -> Conversation | Skipped | None:
    """The conversation of one entry of the export; None when the entry is not Open WebUI's.

    Raises msgspec.DecodeError when the entry is not valid JSON.
    """
    if b'"chat"' not in raw:
        return None
    entry = decoded(_entry, raw)
    if entry is None or entry.chat is None:
        return None
    chat = entry.chat
    if chat.history is not None and chat.history.messages:
        sources = _active(chat.history.messages, chat.history.current_id)
    elif chat.messages is not None:
        sources = chat.messages
    else:
        return None
    messages = Decoded(sources, _taken)
    title = entry.title or chat.title
    return Conversation(
        id=entry.id if isinstance(entry.id, str) and entry.id else derived_id(entry.created_at, messages),
        title=title if isinstance(title, str) else "",
        created_at=timestamps.parse(entry.created_at),
        updated_at=timestamps.parse(entry.updated_at),
        messages=messages,
        provider="open-webui",
        account=entry.user_id if isinstance(entry.user_id, str) and entry.user_id else None,
    )


def _active(messages: dict[str, msgspec.Raw], current: Any) -> list[msgspec.Raw]:
    links = {identity: decoded(_link, raw) or _Link() for identity, raw in messages.items()}
    nodes = {
        identity: branches.Node(link.parent_id, timestamps.parse(link.timestamp)) for identity, link in links.items()
    }
    return [messages[identity] for identity in branches.active(nodes, current)]


def _taken(raw: msgspec.Raw) -> Message | Partial | None:
    message = decoded(_message, raw)
    if message is None:
        return Partial(("malformed message",))
    speaker = _SPEAKERS.get(message.role) if isinstance(message.role, str) else None
    if speaker is None:
        return None if message.role in ("system", "tool") else Partial((f"role {type_name(message.role)}",))
    text = parts.text(message.content)
    if speaker is Speaker.ASSISTANT:
        text = parts.without(text, '<details type="', "</details>").strip()
    return parts.taken(speaker, text, timestamps.parse(message.timestamp), parts.unknown(message.content))
