"""Perplexity's threads as JSON: the answers of its own API, which exporters keep, and their shorter form.

Perplexity sends people a table (xlsx), which is not read here. This follows what exporters write and their reader
reads (leonid-shevtsov/perplexport; Superkikim/nexus-ai-chat-importer, perplexity-types.ts, May 2026; both seen in
November 2026):

- a thread `{entries: [{query_str, blocks: [{intended_usage, markdown_block: {answer, chunks}}],
  entry_created_datetime,   context_uuid, thread_title, …}], thread_metadata?: {title}}`
- a thread `{metadata, conversations: [{uuid, query, answer, timestamp, …}]}`, whose turns arrive here one by one

What goes into memory are the question and the first answer; sources, steps and related questions are left out.
"""

from collections.abc import Iterator
from typing import Any

import msgspec

from flows.exports import timestamps
from flows.exports.conversations import Conversation, Decoded, Message, Skipped, Speaker, derived_id
from flows.exports.decoding import decoded
from flows.exports.grouping import Record


class _Thread(msgspec.Struct, gc=False):
    entries: list[msgspec.Raw] | None = None
    thread_metadata: Any = None


class _Entry(msgspec.Struct, gc=False):
    query_str: Any = None
    blocks: Any = None
    entry_created_datetime: Any = None
    updated_datetime: Any = None
    context_uuid: Any = None
    thread_url_slug: Any = None
    thread_title: Any = None


class _Turn(msgspec.Struct, gc=False):
    uuid: Any = None
    query: Any = None
    answer: Any = None
    timestamp: Any = None


_thread = msgspec.json.Decoder(_Thread)
_entry = msgspec.json.Decoder(_Entry)
_turn = msgspec.json.Decoder(_Turn)


def conversation(raw: bytes) -> Conversation | Record | Skipped | None:
    """The conversation of one thread, or one turn of it; None when the entry is not Perplexity's.

    Raises msgspec.DecodeError when the entry is not valid JSON.
    """
    if b'"query_str"' in raw and b'"entries"' in raw:
        return _of_thread(raw)
    if b'"query"' in raw and b'"answer"' in raw and b'"uuid"' in raw:
        turn = decoded(_turn, raw)
        if turn is not None and isinstance(turn.uuid, str) and isinstance(turn.query, str):
            return Record("perplexity", raw, _said, timestamps.parse(turn.timestamp))
    return None


def _of_thread(raw: bytes) -> Conversation | None:
    thread = decoded(_thread, raw)
    if thread is None or thread.entries is None:
        return None
    entries = [(entry, item) for item in thread.entries if (entry := decoded(_entry, item)) is not None]
    entries.sort(key=lambda pair: at.timestamp() if (at := _time(pair[0])) else 0.0)
    first = entries[0][0] if entries else _Entry()
    times = [at for entry, _ in entries if (at := _time(entry))]
    about = thread.thread_metadata if isinstance(thread.thread_metadata, dict) else {}
    title, identity = about.get("title") or first.thread_title, first.context_uuid or first.thread_url_slug
    sources = [(item, speaker) for _, item in entries for speaker in (Speaker.USER, Speaker.ASSISTANT)]
    messages = Decoded(sources, _taken)
    return Conversation(
        id=identity if isinstance(identity, str) else derived_id(times[0] if times else None, messages),
        title=title if isinstance(title, str) else "",
        created_at=times[0] if times else None,
        updated_at=times[-1] if times else None,
        messages=messages,
        provider="perplexity",
    )


def _taken(source: tuple[msgspec.Raw, Speaker]) -> Message | None:
    raw, speaker = source
    entry = decoded(_entry, raw)
    if entry is None:
        return None
    text = entry.query_str if speaker is Speaker.USER else _answer(entry.blocks)
    return Message(speaker, text, _time(entry)) if isinstance(text, str) and text.strip() else None


def _answer(blocks: Any) -> str:
    for block in blocks if isinstance(blocks, list) else []:
        markdown = block.get("markdown_block") if isinstance(block, dict) else None
        if isinstance(markdown, dict):
            chunks = markdown.get("chunks")
            pieces = [piece for piece in chunks if isinstance(piece, str)] if isinstance(chunks, list) else []
            answer = markdown.get("answer") or "".join(pieces)
            if isinstance(answer, str) and answer.strip():
                return answer
    return ""


def _time(entry: _Entry) -> Any:
    return timestamps.parse(entry.entry_created_datetime) or timestamps.parse(entry.updated_datetime)


def _said(raw: bytes) -> Iterator[Message]:
    turn = decoded(_turn, raw)
    for speaker, text in ((Speaker.USER, turn and turn.query), (Speaker.ASSISTANT, turn and turn.answer)):
        if isinstance(text, str) and text.strip():
            yield Message(speaker, text, timestamps.parse(turn and turn.timestamp))
