"""What tests of single formats share: an export on disk, and what is read of it."""

import json
from pathlib import Path
from typing import Any

from flows import exports
from flows.exports.conversations import Conversation, Skipped


def read(tmp_path: Path, content: Any) -> list[Conversation | Skipped]:
    """What is read of the bytes, of the text, or of the value as JSON."""
    path = tmp_path / "export"
    if isinstance(content, str):
        content = content.encode()
    path.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
    return list(exports.read(path))


def said(item: Conversation | Skipped) -> list[tuple[str, str]]:
    """Who says what in the conversation."""
    assert isinstance(item, Conversation), item
    return [(message.speaker.value, message.text) for message in item.messages]


def log(*entries: Any) -> str:
    """JSON lines."""
    return "".join(json.dumps(entry) + "\n" for entry in entries)
