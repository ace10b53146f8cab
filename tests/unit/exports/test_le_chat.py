"""Le Chat's data export."""

import io
import json
import zipfile

from flows.exports.conversations import Conversation
from tests.unit.exports.reading import read, said


def message(content, role="user", *, chat="m1", second=0, chunks=None, **fields):
    at = f"2026-01-01T00:00:{second:02}.000Z"
    return {"chatId": chat, "role": role, "content": content, "contentChunks": chunks, "createdAt": at, **fields}


def test_each_file_of_the_zip_is_a_conversation_in_the_order_of_its_times(tmp_path):
    chunks = [{"type": "tool_call", "name": "search"}, {"type": "text", "text": "Nice."}, {"type": "reference"}]
    files = {
        "chat-m1.json": [message("", "assistant", second=2, chunks=chunks), message("I keep bees.", id="1", second=1)],
        "chat-m2.json": [message("Hello", chat="m2"), message("odd", 7, chat="m2"), message(None, chat="m2", second=1)],
    }
    zipped = io.BytesIO()
    with zipfile.ZipFile(zipped, "w") as made:
        for name, content in files.items():
            made.writestr(name, json.dumps(content))
    conversations = [item for item in read(tmp_path, zipped.getvalue()) if isinstance(item, Conversation)]
    assert [(each.id, each.source) for each in conversations] == [("m1", "mistral"), ("m2", "mistral")]
    assert said(conversations[0]) == [("User", "I keep bees."), ("Assistant", "Nice.")]
    assert said(conversations[1]) == [("User", "Hello")]
