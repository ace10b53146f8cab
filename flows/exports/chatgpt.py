"""ChatGPT's data export.

There is no official schema; this follows what exports of 2023 to 2026 hold, as their parsers describe it (convoviz,
docs/dev/chatgpt-spec.md; pionxzh/chatgpt-exporter). A conversation is `{title, create_time, update_time, mapping,
current_node, conversation_id | id, …}`; `mapping` is node id → `{id, parent, children, message | null}`. The
conversation that the person sees is the path from `current_node` by `parent` to the root; the other nodes are edited
prompts and regenerated answers, and do not count. Without a usable `current_node` the newest leaf stands for it.

A message is `{author: {role}, create_time, content: {content_type, …}, weight, recipient, status, metadata}`. What goes
into memory:

| role, content_type | taken |
|---|---|
| user, assistant: text, code to the person | `parts` joined, or `text`; of any `status`: half an answer was seen too |
| user, assistant: multimodal_text | the strings, and the `text` of audio transcriptions; images and audio left out |
| user, assistant: any other content_type | as text; the type, and those of parts that nobody knows, are counted |
| user_editable_context, `is_user_system_message` | the custom instructions in the person's words (`about`) |
| model_editable_context, recipient `bio` | ChatGPT's notes about the person: newest list, later ones (`about`) |
| thoughts, reasoning_recap | no: not the conversation |
| execution_output, tether_quote, tether_browsing_display, system_error | no: a tool's words, not the person's |
| canvas documents (recipient `canmore.…`) and other calls of tools (recipient not "all") | no: the assistant's drafts |
| hidden (`is_visually_hidden_from_conversation`, weight 0) | no |
| other messages of system and tool | no |
| citations and entities within a text | the names of entities only (`markers`) |

The account is `id` in `user.json` beside the conversations (`archive`); a bare `conversations.json` does not tell it.

Not verified against exports of our own: how canvas documents that the person edited are held.
"""

import re
from collections.abc import Iterator
from datetime import datetime
from functools import partial
from typing import Any

import msgspec

from flows.exports import timestamps
from flows.exports.conversations import (
    Conversation,
    Decoded,
    Kept,
    Message,
    Partial,
    Skipped,
    Speaker,
    derived_id,
    type_name,
)
from flows.exports.decoding import decoded
from flows.exports.markers import without_citations

_SPEAKERS = {"user": Speaker.USER, "assistant": Speaker.ASSISTANT}
_LEFT_OUT = {
    "user_editable_context",
    "model_editable_context",
    "thoughts",
    "reasoning_recap",
    "execution_output",
    "tether_quote",
    "tether_browsing_display",
    "system_error",
}
_TAKEN = {"text", "code", "multimodal_text"}
#: Parts of multimodal_text, beside strings, that are known: their `text` is taken, if they have one.
_PARTS = {
    "text",
    "audio_transcription",
    "audio_asset_pointer",
    "image_asset_pointer",
    "video_container_asset_pointer",
    "real_time_user_audio_video_asset_pointer",
}
_ROLES = {"user", "assistant", "system", "tool"}
_NOTHING = b"null"
_NOTE = re.compile(r"^\s*\d+\. *\[(\d{4}-\d\d-\d\d)\]\.? *", re.MULTILINE)
_MAX_NODES = 300_000  # of one conversation: what an index of its nodes may take
_WRAPPED_INSTRUCTIONS = re.compile(r"The user provided the .*?:\n```(?P<text>.*)```", re.DOTALL)


class _Conversation(msgspec.Struct, gc=False):
    mapping: dict[str, msgspec.Raw] | None = None
    current_node: Any = None
    title: Any = None
    create_time: Any = None
    update_time: Any = None
    conversation_id: Any = None
    id: Any = None
    is_do_not_remember: Any = None
    is_temporary_chat: Any = None
    inserted_at: Any = None  # DeepSeek's, which also has a mapping


class _Node(msgspec.Struct, gc=False):
    parent: Any = None
    message: msgspec.Raw = msgspec.Raw(b"null")


class _Leaf(msgspec.Struct, gc=False):
    children: Any = None
    message: msgspec.Raw = msgspec.Raw(b"null")


class _Times(msgspec.Struct, gc=False):
    create_time: Any = None


class _Author(msgspec.Struct, gc=False):
    role: Any = None


class _Content(msgspec.Struct, gc=False):
    content_type: Any = None
    parts: Any = None
    text: Any = None
    user_profile: Any = None
    user_instructions: Any = None
    model_set_context: Any = None


class _Metadata(msgspec.Struct, gc=False, frozen=True):
    is_visually_hidden_from_conversation: Any = None
    user_context_message_data: Any = None
    is_user_system_message: Any = None


_NO_METADATA = _Metadata()


class _BareMessage(msgspec.Struct, gc=False):
    author: _Author
    content: _Content
    create_time: Any = None
    weight: Any = None
    recipient: Any = None


class _Message(_BareMessage, gc=False):
    metadata: _Metadata = _NO_METADATA


_conversation = msgspec.json.Decoder(_Conversation)
_node = msgspec.json.Decoder(_Node)
_leaf = msgspec.json.Decoder(_Leaf)
_times = msgspec.json.Decoder(_Times)
_message = msgspec.json.Decoder(_Message)
_bare_message = msgspec.json.Decoder(_BareMessage)


def conversation(raw: bytes) -> Conversation | Skipped | None:
    """The conversation of one entry of the export; None when the entry is not ChatGPT's.

    Raises msgspec.DecodeError when the entry is not valid JSON.
    """
    if b'"mapping"' not in raw:
        return None
    if len(raw) > _MAX_NODES and raw.count(b'"parent"') > _MAX_NODES:
        return Skipped("too many messages")
    entry = decoded(_conversation, raw)
    if entry is None or entry.mapping is None:
        return Skipped("mapping is no object") if entry is None else None
    if entry.inserted_at is not None:
        return None
    path = _active_path(entry.mapping, entry.current_node)
    created_at = timestamps.parse(entry.create_time)
    messages = Decoded(path, partial(_taken, created_at=created_at))
    identity = entry.conversation_id or entry.id
    return Conversation(
        id=identity if isinstance(identity, str) else derived_id(entry.create_time, messages),
        title=entry.title if isinstance(entry.title, str) else "",
        created_at=created_at,
        updated_at=timestamps.parse(entry.update_time),
        messages=messages,
        provider="chatgpt",
        unwanted=_unwanted(entry),
    )


def _unwanted(entry: _Conversation) -> str | None:
    if entry.is_temporary_chat is True:
        return "temporary chat"
    return "not to be remembered" if entry.is_do_not_remember is True else None


def _active_path(mapping: dict[str, msgspec.Raw], current: Any) -> list[msgspec.Raw]:
    """The messages from the root to the end of the branch, as they stand in the export."""
    if not isinstance(current, str) or current not in mapping:
        current = _newest_leaf(mapping)
    path: list[msgspec.Raw] = []
    seen: set[str] = set()
    while isinstance(current, str) and current in mapping and current not in seen:
        seen.add(current)
        node = decoded(_node, mapping[current])
        if node is None:
            break
        if memoryview(node.message).nbytes > len("null"):  # a root has no message
            path.append(node.message)
        current = node.parent
    path.reverse()
    return path


def _newest_leaf(mapping: dict[str, msgspec.Raw]) -> str | None:
    newest, newest_at = None, float("-inf")
    for identity, raw in mapping.items():
        leaf = decoded(_leaf, raw)
        if leaf is None or leaf.children:
            continue
        times = decoded(_times, leaf.message)
        at = timestamps.parse(times.create_time) if times else None
        seconds = at.timestamp() if at else 0.0
        if seconds >= newest_at:  # a later node wins a tie: exports list nodes in the order of their making
            newest, newest_at = identity, seconds
    return newest


def _about(message: _Message, created_at: datetime | None) -> Kept | None:
    """The custom instructions or saved memories that stand where a message does."""
    content, at = message.content, timestamps.parse(message.create_time) or created_at
    if content.content_type == "user_editable_context" or message.metadata.is_user_system_message:
        # Marked hidden in the export, yet it is what the person wrote about themselves.
        text = _instructions(content, message.metadata.user_context_message_data)
        return Kept((Message(Speaker.INSTRUCTIONS, text, at),)) if text.strip() else None
    if content.content_type == "model_editable_context":
        return Kept(tuple(_listed(content.model_set_context)), at, whole=True)
    if message.recipient == "bio" and message.author.role == "assistant" and (text := _text(content)).strip():
        return Kept((Message(Speaker.NOTES, text, at),))
    return None


def _listed(text: Any) -> Iterator[Message]:
    """The notes of a list "1. [2025-05-01]. User keeps bees."; one note where it has another form."""
    if not isinstance(text, str) or not text.strip():
        return
    starts = [*_NOTE.finditer(text)]
    if not starts or text[: starts[0].start()].strip():
        yield Message(Speaker.NOTES, text.strip(), None)
        return
    ends = [*(match.start() for match in starts[1:]), len(text)]
    for match, end in zip(starts, ends, strict=True):
        if note := text[match.end() : end].strip():
            yield Message(Speaker.NOTES, note, timestamps.parse(match[1]))


def _decoded(raw: msgspec.Raw) -> _Message | None:
    message = decoded(_message, raw)
    if message is None and (bare := decoded(_bare_message, raw)) is not None:  # maybe only for odd metadata
        message = _Message(bare.author, bare.content, bare.create_time, bare.weight, bare.recipient)
    return message


def _taken(raw: msgspec.Raw, created_at: datetime | None) -> Message | Partial | Kept | None:
    message = decoded(_message, raw) or _decoded(raw)
    if message is None:
        return None if bytes(raw) == _NOTHING else Partial(("malformed message",))
    content, role = message.content, message.author.role
    speaker = _SPEAKERS.get(role) if isinstance(role, str) else None
    kind = content.content_type
    if (
        speaker is None
        or message.weight == 0
        or message.recipient not in (None, "all")
        or message.metadata.is_visually_hidden_from_conversation
        or (isinstance(kind, str) and kind in _LEFT_OUT)
    ):
        known = isinstance(role, str) and role in _ROLES
        return _about(message, created_at) or (None if known else Partial((f"role {type_name(role)}",)))
    if message.metadata.is_user_system_message and (kept := _about(message, created_at)):
        return kept
    text = without_citations(_text(content))
    taken = Message(speaker, text, timestamps.parse(message.create_time)) if text.strip() else None
    if taken and kind == "text" and content.parts == [text]:  # nearly all are
        return taken
    lost = _lost(content, taken is None and speaker is Speaker.USER)
    return Partial(lost, taken) if lost else taken


def _lost(content: _Content, without_text: bool) -> tuple[str, ...]:
    """What kinds of content there are that nobody knows how to read."""
    lost = ["user message without text"] if without_text else []
    kind = content.content_type
    if kind is not None and not (isinstance(kind, str) and kind in _TAKEN):
        lost.append(f"content type {type_name(kind)}")
    for part in content.parts if isinstance(content.parts, list) else ():
        if isinstance(part, str):  # nearly all are
            continue
        named = type_name(part.get("content_type")) if isinstance(part, dict) else "other"
        if named not in _PARTS:
            lost.append(f"part type {named}")
    return tuple(lost)


def _instructions(content: _Content, said: Any) -> str:
    """The custom instructions in the person's words, without what ChatGPT tells its model about them."""
    found = []
    for own, wrapped in (
        ("about_user_message", content.user_profile),
        ("about_model_message", content.user_instructions),
    ):
        text = said.get(own) if isinstance(said, dict) else None
        if not isinstance(text, str) or not text.strip():
            text = wrapped
            if isinstance(text, str) and (fenced := _WRAPPED_INSTRUCTIONS.fullmatch(text.strip())):
                text = fenced["text"]
        if isinstance(text, str) and text.strip():
            found.append(text)
    return "\n".join(found)


def _text(content: _Content) -> str:
    if not isinstance(content.parts, list):
        return content.text if isinstance(content.text, str) else ""
    if len(content.parts) == 1 and isinstance(content.parts[0], str):  # nearly all are
        return content.parts[0]
    found = []
    for part in content.parts:
        if isinstance(part, dict):
            part = part.get("text")
        if isinstance(part, str) and part:
            found.append(part)
    return "\n".join(found)
