"""Claude's data export.

There is no official schema; this follows what exports of 2024 to 2026 hold, as their parsers describe it (polylogue,
docs/providers/claude-ai.md; claude_chat_browser). `conversations.json` is an array of `{uuid, name, created_at,
updated_at, account: {uuid}, chat_messages: [{uuid, sender: human | assistant, text, content: [{type, text, …}],
created_at, attachments: [{file_name, extracted_content}], files, parent_message_uuid?}]}`. What goes into memory:

| | taken |
|---|---|
| `content` blocks of type text | joined; without any, the older `text`; also `content` that is a string |
| "This block is not supported …" | no: what stands for a block of another type |
| blocks of type thinking, tool_use, tool_result and others | no: not the conversation; unknown types are counted |
| attachments of the person | their `extracted_content`, under the file's name: what they gave the assistant to read |
| files (images and other uploads) | no: the export holds only their names |
| edited prompts and retried answers | no: when all messages name their parent, the branch of the newest one counts |

`users.json` is the account, for conversations that do not name theirs (`archive`). `projects.json`, or a file for each
in `projects/`, is `{uuid, name, description, prompt_template, docs: [{filename, content, created_at}],
creator: {uuid}, is_starter_project, …}`: description and template are the person's instructions, documents are taken as
attachments are. `memories.json` is `[{conversations_memory, project_memories: {project: text}, account_uuid}]`: what
Claude has noted about the person (`about`), the latter below the names of the projects; it has no times, so the list
that is read last counts as the newest.
"""

from collections.abc import Iterator
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
from flows.exports.markers import without_placeholders

_SPEAKERS = {"human": Speaker.USER, "user": Speaker.USER, "assistant": Speaker.ASSISTANT}

#: Types of blocks that are known; of them only `text` is the conversation.
_BLOCKS = {
    "text",
    "thinking",
    "redacted_thinking",
    "tool_use",
    "tool_result",
    "server_tool_use",
    "web_search_tool_result",
    "token_budget",
    "flag",
    "image",
}


class _Conversation(msgspec.Struct, gc=False):
    chat_messages: list[msgspec.Raw] | None = None
    uuid: Any = None
    name: Any = None
    created_at: Any = None
    updated_at: Any = None
    account: Any = None
    is_temporary: Any = None


class _Project(msgspec.Struct, gc=False):
    uuid: Any = None
    name: Any = None
    description: Any = None
    prompt_template: Any = None
    created_at: Any = None
    updated_at: Any = None
    creator: Any = None
    docs: Any = None
    is_starter_project: Any = None


class _Memories(msgspec.Struct, gc=False):
    conversations_memory: Any = None
    project_memories: Any = None
    account_uuid: Any = None


class _Message(msgspec.Struct, gc=False):
    sender: Any = None
    text: Any = None
    content: Any = None
    attachments: Any = None
    created_at: Any = None


class _Link(msgspec.Struct, gc=False):
    uuid: Any = None
    parent_message_uuid: Any = None
    created_at: Any = None


_conversation = msgspec.json.Decoder(_Conversation)
_project = msgspec.json.Decoder(_Project)
_memories = msgspec.json.Decoder(_Memories)
_message = msgspec.json.Decoder(_Message)
_link = msgspec.json.Decoder(_Link)


def conversation(raw: bytes) -> Conversation | Skipped | None:
    """The conversation of one entry of the export; None when the entry is not Claude's.

    Raises msgspec.DecodeError when the entry is not valid JSON.
    """
    if b'"chat_messages"' not in raw:
        return None
    entry = decoded(_conversation, raw)
    if entry is None or entry.chat_messages is None:
        return Skipped("messages is no list") if entry is None else None
    messages = Decoded(_active_branch(entry.chat_messages), _taken)
    return Conversation(
        id=entry.uuid if isinstance(entry.uuid, str) else derived_id(entry.created_at, messages),
        title=entry.name if isinstance(entry.name, str) else "",
        created_at=timestamps.parse(entry.created_at),
        updated_at=timestamps.parse(entry.updated_at),
        messages=messages,
        provider="claude",
        account=_uuid(entry.account),
        unwanted="temporary chat" if entry.is_temporary is True else None,
    )


def project(raw: bytes) -> Conversation | Skipped | None:
    """A project: the person's instructions for it, and the documents that they gave it.

    Raises msgspec.DecodeError when the entry is not valid JSON.
    """
    if b'"prompt_template"' not in raw or b'"docs"' not in raw:
        return None
    entry = decoded(_project, raw)
    if entry is None or not isinstance(entry.uuid, str):
        return None
    if entry.is_starter_project is True:
        return Skipped("Claude's own example project", unread=False)
    return Conversation(
        id=f"project/{entry.uuid}",
        title=entry.name if isinstance(entry.name, str) else "",
        created_at=timestamps.parse(entry.created_at),
        updated_at=timestamps.parse(entry.updated_at),
        messages=list(_of_project(entry)),
        provider="claude",
        account=_uuid(entry.creator),
        kind="project",
    )


def _of_project(entry: _Project) -> Iterator[Message]:
    at = timestamps.parse(entry.updated_at)
    for text in (entry.description, entry.prompt_template):
        if isinstance(text, str) and text.strip():
            yield Message(Speaker.INSTRUCTIONS, text, at)
    for document in entry.docs if isinstance(entry.docs, list) else ():
        for text in _named(document, "filename", "content"):
            yield Message(Speaker.USER, text, timestamps.parse(document.get("created_at")))


def notes(raw: bytes) -> Conversation | None:
    """What Claude remembers of the person, as it stands in `memories.json`.

    Raises msgspec.DecodeError when the entry is not valid JSON.
    """
    if b'"conversations_memory"' not in raw and b'"project_memories"' not in raw:
        return None
    entry = decoded(_memories, raw)
    if entry is None:
        return None
    of_projects = entry.project_memories if isinstance(entry.project_memories, dict) else {}
    texts = [(None, entry.conversations_memory), *of_projects.items()]
    said = [(project, text.strip()) for project, text in texts if isinstance(text, str) and text.strip()]
    listed = tuple(Message(Speaker.NOTES, text, None) for _, text in said)
    account = entry.account_uuid if isinstance(entry.account_uuid, str) and entry.account_uuid else None
    return Conversation(
        id="notes",
        title="",
        created_at=None,
        updated_at=None,
        messages=(),
        provider="claude",
        account=account,
        kind="notes",
        about=(Kept(listed, whole=True, projects=tuple(project for project, _ in said)),),
    )


def _uuid(account: Any) -> str | None:
    uuid = account.get("uuid") if isinstance(account, dict) else None
    return uuid if isinstance(uuid, str) and uuid else None


def _active_branch(messages: list[msgspec.Raw]) -> list[msgspec.Raw]:
    """The messages from the first to the newest; all of them when any lacks a link, or when the links lead nowhere."""
    links = [link for raw in messages if (link := decoded(_link, raw)) is not None and _is_link(link)]
    places = {link.uuid: place for place, link in enumerate(links)}
    if len(places) < len(messages) or not any(link.parent_message_uuid in places for link in links):
        return messages
    # Of messages with the same time, or none, the later in the list.
    times = (timestamps.parse(link.created_at) for link in links)
    newest = max((at.timestamp() if at else 0.0, place) for place, at in enumerate(times))[1]
    branch: list[int] = []
    place: int | None = newest
    while place is not None and len(branch) <= len(links):
        branch.append(place)
        place = places.get(links[place].parent_message_uuid)
    if len(branch) > len(links):  # a circle
        return messages
    return [messages[place] for place in reversed(branch)]


def _is_link(link: _Link) -> bool:
    return isinstance(link.uuid, str) and isinstance(link.parent_message_uuid, str)


def _taken(raw: msgspec.Raw) -> Message | Partial | None:
    message = decoded(_message, raw)
    if message is None:
        return Partial(("malformed message",))
    speaker = _SPEAKERS.get(message.sender) if isinstance(message.sender, str) else None
    if speaker is None:
        return Partial((f"sender {type_name(message.sender)}",))
    blocks = _blocks(message)
    texts = [_text(blocks, message), *(_attached(message.attachments) if speaker is Speaker.USER else ())]
    text = "\n\n".join(part for part in texts if part.strip())
    taken = Message(speaker, text, timestamps.parse(message.created_at)) if text else None
    lost = [f"block type {kind}" for block in blocks if (kind := type_name(_type(block))) not in _BLOCKS]
    if taken is None and speaker is Speaker.USER:
        lost.append("user message without text")
    return Partial(tuple(lost), taken) if lost else taken


def _blocks(message: _Message) -> list[Any]:
    """The blocks of a message, also of one that holds them as a string of JSON."""
    content = message.content
    if isinstance(content, str) and content.startswith("[{"):
        try:
            content = msgspec.json.decode(content)
        except (msgspec.DecodeError, RecursionError):
            return []
    return content if isinstance(content, list) else []


def _type(block: Any) -> Any:
    return block.get("type") if isinstance(block, dict) else None


def _text(blocks: list[Any], message: _Message) -> str:
    texts = [block.get("text") for block in blocks if _type(block) == "text"]
    said = [text for text in texts if isinstance(text, str) and text.strip()]
    whole = (text for text in (message.text, message.content) if isinstance(text, str) and text.strip())
    return without_placeholders("\n".join(said) if said else next(whole, ""))


def _attached(attachments: Any) -> list[str]:
    found = []
    for attachment in attachments if isinstance(attachments, list) else []:
        found += _named(attachment, "file_name", "extracted_content")
    return found


def _named(document: Any, name_key: str, text_key: str) -> list[str]:
    """The document's text below its name; nothing when it has none."""
    text = document.get(text_key) if isinstance(document, dict) else None
    if not isinstance(text, str) or not text.strip():
        return []
    name = document.get(name_key)
    return [f"[{name if isinstance(name, str) and name else 'attachment'}]\n{text}"]
