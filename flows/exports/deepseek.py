"""DeepSeek's data export (Settings, Data controls): a zip with `conversations.json` and `user.json`.

There is no official schema; this follows its readers (DavidShiang/DeepSeek2md; a parser of an export of May 2026;
both seen in November 2026). A conversation is `{id, title, inserted_at, updated_at, mapping}`; `mapping` is like
ChatGPT's, node id → `{id, parent, children, message | null}`, without a current node, so the branch of the newest
counts. A message is `{inserted_at, model, files, fragments: [{type, content}]}`. What goes into memory:

| fragment | taken |
|---|---|
| REQUEST | the person's words |
| RESPONSE | the answer |
| THINK, SEARCH, READ | no: not the conversation |
| others | no; their types are counted |
"""

from typing import Any

import msgspec

from flows.exports import branches, parts, timestamps
from flows.exports.conversations import Conversation, Decoded, Message, Partial, Skipped, Speaker, derived_id, type_name
from flows.exports.decoding import decoded

_MAX_NODES = 300_000  # of one conversation: what an index of its nodes may take
_SAID = {Speaker.USER: "REQUEST", Speaker.ASSISTANT: "RESPONSE"}
_KNOWN = {"REQUEST", "RESPONSE", "THINK", "SEARCH", "READ"}


class _Conversation(msgspec.Struct, gc=False):
    mapping: dict[str, msgspec.Raw] | None = None
    id: Any = None
    title: Any = None
    inserted_at: Any = None
    updated_at: Any = None


class _Node(msgspec.Struct, gc=False):
    parent: Any = None
    message: msgspec.Raw = msgspec.Raw(b"null")


class _Times(msgspec.Struct, gc=False):
    inserted_at: Any = None


class _Message(msgspec.Struct, gc=False):
    inserted_at: Any = None
    fragments: Any = None


_conversation = msgspec.json.Decoder(_Conversation)
_node = msgspec.json.Decoder(_Node)
_times = msgspec.json.Decoder(_Times)
_message = msgspec.json.Decoder(_Message)


def conversation(raw: bytes) -> Conversation | Skipped | None:
    """The conversation of one entry of the export; None when the entry is not DeepSeek's.

    Raises msgspec.DecodeError when the entry is not valid JSON.
    """
    if b'"inserted_at"' not in raw or b'"mapping"' not in raw:
        return None
    if raw.count(b'"parent"') > _MAX_NODES:
        return Skipped("too many messages")
    entry = decoded(_conversation, raw)
    if entry is None or entry.mapping is None or entry.inserted_at is None:
        return None
    messages = Decoded(_active(entry.mapping), _taken)
    return Conversation(
        id=entry.id if isinstance(entry.id, str) and entry.id else derived_id(entry.inserted_at, messages),
        title=entry.title if isinstance(entry.title, str) else "",
        created_at=timestamps.parse(entry.inserted_at),
        updated_at=timestamps.parse(entry.updated_at),
        messages=messages,
        provider="deepseek",
    )


def _active(mapping: dict[str, msgspec.Raw]) -> list[msgspec.Raw]:
    held = {identity: node for identity, raw in mapping.items() if (node := decoded(_node, raw)) is not None}
    nodes = {}
    for identity, node in held.items():
        times = decoded(_times, node.message)
        nodes[identity] = branches.Node(node.parent, timestamps.parse(times.inserted_at) if times else None)
    return [held[identity].message for identity in branches.active(nodes)]


def _taken(raw: msgspec.Raw) -> Message | Partial | None:
    message = decoded(_message, raw)
    if message is None:
        return None if bytes(raw) == b"null" else Partial(("malformed message",))
    held = message.fragments if isinstance(message.fragments, list) else []
    fragments = [(str(part.get("type")), part.get("content")) for part in held if isinstance(part, dict)]
    kinds = {kind for kind, _ in fragments}
    lost = tuple(f"fragment type {type_name(kind.lower())}" for kind in kinds - _KNOWN)
    speaker = Speaker.USER if "REQUEST" in kinds else Speaker.ASSISTANT
    text = "\n".join(content for kind, content in fragments if kind == _SAID[speaker] and isinstance(content, str))
    return parts.taken(speaker, text, timestamps.parse(message.inserted_at), lost)
