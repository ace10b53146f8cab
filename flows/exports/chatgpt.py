"""ChatGPT's data export.

There is no official schema; this follows what the exports hold. A conversation is `{title, create_time, update_time,
mapping, current_node, conversation_id | id, …}`; `mapping` is node id → `{id, parent, children, message | null}`. The
conversation that the person sees is the path from `current_node` by `parent` to the root; the other nodes are edited
prompts and regenerated answers, and do not count. Without a usable `current_node` the newest leaf stands for it.

A message is `{author: {role}, create_time, content: {content_type, …}, weight, recipient, metadata}`. What goes into
memory:

| role, content_type | taken |
|---|---|
| user, assistant: text, code to the person | `parts` joined, or `text` |
| user, assistant: multimodal_text | the strings, and the `text` of audio transcriptions; images and audio left out |
| user or system: user_editable_context | the custom instructions, without what ChatGPT wraps them in |
| thoughts, reasoning_recap | no: not the conversation |
| execution_output, tether_quote, tether_browsing_display, system_error | no: a tool's words, not the person's |
| hidden (`is_visually_hidden_from_conversation`, weight 0), recipient other than "all" | no |
| system, tool | no |
"""

import re
from typing import Any

from flows.conversations import Conversation, Message, Skipped, Speaker
from flows.exports import timestamps

_SPEAKERS = {"user": Speaker.USER, "assistant": Speaker.ASSISTANT}
_LEFT_OUT = {
    "thoughts",
    "reasoning_recap",
    "execution_output",
    "tether_quote",
    "tether_browsing_display",
    "system_error",
}

_WRAPPED_INSTRUCTIONS = re.compile(r"The user provided the .*?:\n```(?P<text>.*)```", re.DOTALL)


def conversation(entry: dict[str, Any]) -> Conversation | Skipped | None:
    """The conversation of one entry of the export; None when the entry is not ChatGPT's."""
    mapping = entry.get("mapping")
    if mapping is None:
        return None
    if not isinstance(mapping, dict):
        return Skipped("mapping is not an object")
    messages = [
        message
        for node in _active_path(mapping, entry.get("current_node"))
        if (message := _message(node.get("message"))) is not None
    ]
    if not messages:
        return Skipped("no messages")
    identity = entry.get("conversation_id") or entry.get("id")
    if not isinstance(identity, str):
        return Skipped("no id")
    title = entry.get("title")
    return Conversation(
        id=identity,
        title=title if isinstance(title, str) else "",
        created_at=timestamps.parse(entry.get("create_time")),
        updated_at=timestamps.parse(entry.get("update_time")),
        messages=messages,
    )


def _active_path(mapping: dict[str, Any], current: Any) -> list[dict[str, Any]]:
    if not isinstance(current, str) or not isinstance(mapping.get(current), dict):
        current = _newest_leaf(mapping)
    path: list[dict[str, Any]] = []
    seen: set[str] = set()
    while isinstance(current, str) and current not in seen and isinstance(node := mapping.get(current), dict):
        seen.add(current)
        path.append(node)
        current = node.get("parent")
    path.reverse()
    return path


def _newest_leaf(mapping: dict[str, Any]) -> str | None:
    newest, newest_at = None, float("-inf")
    for identity, node in mapping.items():
        if not isinstance(node, dict) or node.get("children"):
            continue
        message = node.get("message")
        at = timestamps.parse(message.get("create_time")) if isinstance(message, dict) else None
        seconds = at.timestamp() if at else 0.0
        if seconds >= newest_at:  # a later node wins a tie: exports list nodes in the order of their making
            newest, newest_at = identity, seconds
    return newest


def _message(message: Any) -> Message | None:
    if not isinstance(message, dict):
        return None
    content, author, metadata = message.get("content"), message.get("author"), message.get("metadata")
    if not isinstance(content, dict) or not isinstance(author, dict):
        return None
    at = timestamps.parse(message.get("create_time"))
    kind = content.get("content_type")
    if kind == "user_editable_context":
        # Marked hidden in the export, yet it is what the person wrote about themselves.
        text = _instructions(content, metadata)
        return Message(Speaker.INSTRUCTIONS, text, at) if text.strip() else None
    speaker = _SPEAKERS.get(author.get("role", ""))
    hidden = isinstance(metadata, dict) and metadata.get("is_visually_hidden_from_conversation")
    if speaker is None or hidden or kind in _LEFT_OUT or message.get("weight") == 0:
        return None
    if message.get("recipient") not in (None, "all"):
        return None
    text = _text(content)
    return Message(speaker, text, at) if text.strip() else None


def _instructions(content: dict[str, Any], metadata: Any) -> str:
    """The custom instructions in the person's words, without what ChatGPT tells its model about them."""
    said = metadata.get("user_context_message_data") if isinstance(metadata, dict) else None
    found = []
    for own, wrapped in (("about_user_message", "user_profile"), ("about_model_message", "user_instructions")):
        text = said.get(own) if isinstance(said, dict) else None
        if not isinstance(text, str) or not text.strip():
            text = content.get(wrapped)
            if isinstance(text, str) and (fenced := _WRAPPED_INSTRUCTIONS.fullmatch(text.strip())):
                text = fenced["text"]
        if isinstance(text, str) and text.strip():
            found.append(text)
    return "\n".join(found)


def _text(content: dict[str, Any]) -> str:
    parts = content.get("parts")
    if not isinstance(parts, list):
        text = content.get("text")
        return text if isinstance(text, str) else ""
    found = []
    for part in parts:
        if isinstance(part, dict):
            part = part.get("text")
        if isinstance(part, str) and part:
            found.append(part)
    return "\n".join(found)
