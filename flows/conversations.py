"""What the rest of the pipeline knows of an export: conversations of messages, whatever format they came in."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Speaker(StrEnum):
    USER = "User"
    ASSISTANT = "Assistant"
    #: What the person told the assistant about themselves once for all conversations.
    INSTRUCTIONS = "Instructions"
    #: A title that is too long to stand over the conversation.
    TITLE = "Title"


@dataclass(frozen=True, slots=True)
class Message:
    speaker: Speaker
    text: str
    at: datetime | None  # UTC


@dataclass(frozen=True, slots=True)
class Conversation:
    id: str
    title: str
    created_at: datetime | None  # UTC
    updated_at: datetime | None  # UTC
    messages: list[Message]  # oldest first, only the active branch


@dataclass(frozen=True, slots=True)
class Skipped:
    """An entry of the export that is no usable conversation."""

    reason: str
