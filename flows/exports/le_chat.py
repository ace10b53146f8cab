"""Mistral's Le Chat: the data export, a zip with `chat-….json` for each conversation.

There is no official schema; this follows a reader of real exports (Superkikim/nexus-ai-chat-importer,
lechat-types.ts, May 2026; seen in November 2026). A file is a list of messages in no order: `{id, chatId, role: user
| assistant, content, contentChunks: [{type: text | tool_call | reference | …}] | null, createdAt, files, version,
…}`, without a title. `content` holds the words of all chunks, so it is taken, and the text chunks only where it is
empty. Files and what tools did are left out. Not known: how retried answers are held.
"""

from collections.abc import Iterator
from typing import Any

import msgspec

from flows.exports import parts, timestamps
from flows.exports.conversations import Message, Partial, Speaker, type_name
from flows.exports.decoding import decoded
from flows.exports.grouping import Record

_SPEAKERS = {"user": Speaker.USER, "assistant": Speaker.ASSISTANT}


class _Message(msgspec.Struct, rename="camel", gc=False):
    chat_id: Any = None
    role: Any = None
    content: Any = None
    content_chunks: Any = None
    created_at: Any = None


_message = msgspec.json.Decoder(_Message)


def record(raw: bytes) -> Record | None:
    """One message; None when it is not Le Chat's.

    Raises msgspec.DecodeError when the entry is not valid JSON.
    """
    if b'"chatId"' not in raw or b'"contentChunks"' not in raw:
        return None
    message = decoded(_message, raw)
    if message is None or not (isinstance(message.chat_id, str) and message.chat_id and isinstance(message.role, str)):
        return None
    return Record("mistral", raw, _messages, timestamps.parse(message.created_at), thread=message.chat_id)


def _messages(raw: bytes) -> Iterator[Message | Partial]:
    message = decoded(_message, raw)
    speaker = _SPEAKERS.get(message.role) if message else None
    if message is None or speaker is None:
        yield Partial((f"role {type_name(message and message.role)}",))
        return
    text = parts.text(message.content)
    text = text if text.strip() else parts.text(message.content_chunks)
    taken = parts.taken(speaker, text, timestamps.parse(message.created_at), parts.unknown(message.content_chunks))
    if taken is not None:
        yield taken
