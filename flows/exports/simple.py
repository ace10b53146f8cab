"""The list that the web app stores: `[{id, title, createdAt, messages: [{role, content}]}]`."""

from typing import Any

from flows.conversations import Conversation, Message, Skipped, Speaker
from flows.exports import timestamps

_SPEAKERS = {"user": Speaker.USER, "human": Speaker.USER, "assistant": Speaker.ASSISTANT}


def conversation(entry: dict[str, Any]) -> Conversation | Skipped | None:
    """The conversation of one entry of the list; None when the entry is of another format."""
    messages = entry.get("messages")
    if not isinstance(messages, list):
        return None
    found = [message for item in messages if (message := _message(item)) is not None]
    if not found:
        return Skipped("no messages")
    identity, title = entry.get("id"), entry.get("title")
    if not isinstance(identity, str | int):
        return Skipped("no id")
    return Conversation(
        id=str(identity),
        title=title if isinstance(title, str) else "",
        created_at=timestamps.parse(entry.get("createdAt")),
        updated_at=timestamps.parse(entry.get("updatedAt")),
        messages=found,
    )


def _message(item: Any) -> Message | None:
    if not isinstance(item, dict):
        return None
    speaker, text = _SPEAKERS.get(str(item.get("role"))), item.get("content")
    if speaker is None or not isinstance(text, str) or not text.strip():
        return None
    return Message(speaker, text, timestamps.parse(item.get("createdAt")))
