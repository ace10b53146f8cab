"""The plain way to read an export, to compare with: everything in memory, then the same chunker.

python -m tests.benchmarks.plain_reading EXPORT: prints {"seconds", "chunks", "peak_mb"} as JSON.
"""

import json
import sys
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from flows import spool
from flows.chunks import cutting, writing
from flows.exports import timestamps
from flows.exports.conversations import Conversation, Message, Speaker
from flows.records import ChunkRecord
from tests.benchmarks.peak_memory import peak_mb

_SPEAKERS = {"user": Speaker.USER, "assistant": Speaker.ASSISTANT}


def load(export: Path) -> list[dict[str, Any]]:
    """The conversations of an export, at once."""
    if zipfile.is_zipfile(export):
        with zipfile.ZipFile(export) as archive:
            return list(json.loads(archive.read("conversations.json")))
    with export.open() as file:
        return list(json.load(file))


def conversation(entry: dict[str, Any]) -> Conversation:
    """What a parser makes of an entry that it trusts."""
    messages, current = [], entry["current_node"]
    while current is not None:
        node = entry["mapping"][current]
        message, current = node["message"], node["parent"]
        speaker = _SPEAKERS.get(message["author"]["role"]) if message else None
        if speaker and (parts := message["content"].get("parts")):
            text = "\n".join(part for part in parts if isinstance(part, str))
            messages.append(Message(speaker, text, timestamps.parse(message["create_time"])))
    times = timestamps.parse(entry["create_time"]), timestamps.parse(entry["update_time"])
    return Conversation(entry["conversation_id"], entry["title"] or "", *times, messages[::-1])


def records(entries: list[dict[str, Any]]) -> Iterator[ChunkRecord]:
    for entry in entries:
        for chunk in cutting.cut(conversation(entry)):
            yield writing.record(chunk, "chatgpt")


def main(export: Path) -> None:
    started = time.perf_counter()
    chunks = spool.write(export.with_suffix(".plain"), records(load(export)))
    seconds = time.perf_counter() - started
    export.with_suffix(".plain").unlink()
    print(json.dumps({"seconds": seconds, "chunks": chunks, "peak_mb": peak_mb()}))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
