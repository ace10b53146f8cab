"""Lists of messages without a conversation around them, as programs with SDKs of models keep them.

- `{role, content}`, `content` a string or parts (OpenAI, Anthropic), or `{role: user | model, parts: [{text}]}`
  (Google)
- ShareGPT: `{id?, conversations: [{from: human | gpt | system, value}]}`, in a list or alone

Sources: the documentation of these APIs, and of LLaMA-Factory and Axolotl for ShareGPT, November 2026. The messages
of a file without more make one conversation. What systems, functions and tools say is left out.
"""

from collections.abc import Iterator
from typing import Any

import msgspec

from flows.exports import parts, timestamps
from flows.exports.conversations import Conversation, Decoded, Message, Partial, Skipped, Speaker, derived_id, type_name
from flows.exports.decoding import decoded
from flows.exports.grouping import PASSED, Passed, Record

_SPEAKERS = {
    **dict.fromkeys(("user", "human"), Speaker.USER),
    **dict.fromkeys(("assistant", "model", "gpt", "chatgpt", "bing", "bard"), Speaker.ASSISTANT),
}
_OTHERS = {"system", "developer", "tool", "function", "function_call", "observation"}


class _Message(msgspec.Struct, gc=False):
    role: Any = None
    content: Any = None
    parts: Any = None
    sender: Any = msgspec.field(name="from", default=None)
    value: Any = None
    created_at: Any = None
    created: Any = msgspec.field(name="createdAt", default=None)
    timestamp: Any = None


class _ShareGpt(msgspec.Struct, gc=False):
    conversations: list[msgspec.Raw] | None = None
    id: Any = None


_message = msgspec.json.Decoder(_Message)
_share_gpt = msgspec.json.Decoder(_ShareGpt)


def entry(raw: bytes) -> Conversation | Record | Skipped | Passed | None:
    """A conversation in ShareGPT's form, or one message of a list; None when it is neither.

    Raises msgspec.DecodeError when the entry is not valid JSON.
    """
    if b'"conversations"' in raw and b'"from"' in raw:
        return _conversation(raw)
    if not (b'"role"' in raw or b'"from"' in raw):
        return None
    message = decoded(_message, raw)
    if message is None or not readable(raw):
        return None
    if _name(message) in _OTHERS:
        return PASSED
    return Record("messages", raw, _messages, _time(message))


def readable(raw: msgspec.Raw | bytes) -> bool:
    """Whether it is a message with words, of a speaker that is known."""
    message = decoded(_message, raw)
    return message is not None and (_name(message) in _SPEAKERS or _name(message) in _OTHERS) and bool(_text(message))


def said(raw: msgspec.Raw | bytes) -> Message | Partial | None:
    """What user or model say in the message; None for others."""
    message = decoded(_message, raw)
    if message is None:
        return Partial(("malformed message",))
    name = _name(message)
    if name not in _SPEAKERS:
        return None if name in _OTHERS else Partial((f"role {type_name(name)}",))
    content = message.content if message.content is not None else message.parts
    if parts.is_result(content) and not _text(message).strip():
        return None
    return parts.taken(_SPEAKERS[name], _text(message), _time(message), parts.unknown(content))


def _conversation(raw: bytes) -> Conversation | None:
    held = decoded(_share_gpt, raw)
    if held is None or not held.conversations:
        return None
    messages = Decoded(held.conversations, said)
    if next(iter(messages), None) is None:
        return None
    return Conversation(
        id=held.id if isinstance(held.id, str) and held.id else derived_id(None, messages),
        title="",
        created_at=None,
        updated_at=None,
        messages=messages,
        provider="messages",
    )


def _messages(raw: bytes) -> Iterator[Message | Partial]:
    if message := said(raw):
        yield message


def _name(message: _Message) -> str:
    name = message.role if message.role is not None else message.sender
    return name.lower() if isinstance(name, str) else ""


def _text(message: _Message) -> str:
    for content in (message.content, message.parts, message.value):
        if text := parts.text(content):
            return text
    return ""


def _time(message: _Message) -> Any:
    times = (timestamps.parse(value) for value in (message.created, message.created_at, message.timestamp))
    return next((at for at in times if at), None)
