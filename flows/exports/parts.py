"""The text of a message whose content may be a string or a list of parts."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from flows.exports.conversations import Message, Partial, Speaker, type_name

#: Types of parts with words of the conversation: OpenAI's and Anthropic's APIs, and those that speak like them.
_TEXT = frozenset({"text", "input_text", "output_text"})
#: Types that are known and left out: thoughts, what tools do, images, files and recordings.
_LEFT_OUT = frozenset(
    (
        *("thinking", "redacted_thinking", "think", "reasoning", "refusal", "error", "step-start", "custom_element"),
        *("tool_use", "tool_result", "tool_call", "tool-invocation", "server_tool_use", "web_search_tool_result"),
        *("image", "image_url", "input_image", "image_file", "file", "input_file", "document", "document_url"),
        *("audio", "input_audio", "reference", "source-url"),
    )
)


def text(content: Any) -> str:
    """The words of the content: itself, or those of its parts, one below the other; "" when there are none.

    A part is a string, `{type, text}` with `text` a string or `{value}`, or `{text}` alone. Calls of tools, their
    results, thoughts, images and files are left out.
    """
    if isinstance(content, str):
        return content
    return "\n".join(_words(content)) if isinstance(content, list) else ""


def _words(content: list[Any]) -> Iterable[str]:
    for part in content:
        if isinstance(part, dict) and part.get("type", "text") in _TEXT:
            part = part.get("text")
        if isinstance(part, dict):
            part = part.get("value")
        if isinstance(part, str) and part.strip():
            yield part


def unknown(content: Any) -> tuple[str, ...]:
    """What kinds of parts there are that nobody knows how to read."""
    kinds = [part.get("type", "text") if isinstance(part, dict) else None for part in _list(content) if part]
    names = [type_name(kind) for kind in kinds if kind is not None]
    return tuple(f"part type {name}" for name in names if name not in _TEXT and name not in _LEFT_OUT)


def is_result(content: Any) -> bool:
    """Whether the content is what tools gave back, which APIs hold as a message of the user."""
    return any(isinstance(part, dict) and part.get("type") == "tool_result" for part in _list(content))


def _list(content: Any) -> list[Any]:
    return content if isinstance(content, list) else []


def taken(speaker: Speaker, text: str, at: datetime | None, lost: tuple[str, ...] = ()) -> Message | Partial | None:
    """The message, and what was `lost` of it: also the words of a person who must have said some."""
    message = Message(speaker, text, at) if text.strip() else None
    if message is None and speaker is Speaker.USER:
        lost = (*lost, "user message without text")
    return Partial(lost, message) if lost else message


def without(text: str, opening: str, closing: str) -> str:
    """The text without what stands from each `opening` to the next `closing`."""
    kept, at = [], 0
    while (start := text.find(opening, at)) >= 0 and (end := text.find(closing, start)) >= 0:
        kept.append(text[at:start])
        at = end + len(closing)
    return "".join([*kept, text[at:]])
