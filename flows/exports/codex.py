"""Codex CLI's session logs, `~/.codex/sessions/…/rollout-….jsonl`.

There is no official schema; this follows a reader of real logs (kenn-io/agentsview, internal/parser/codex.go, seen in
November 2026). A line is `{timestamp, type, payload}`. The first, of type session_meta, holds the session's id;
messages are those of type response_item with a payload `{type: message, role, content: [{type: input_text |
output_text, text}]}`. Logs of 2025 begin with `{id, timestamp, instructions, git}`, and their lines are the payloads
alone. What goes into memory are the texts of user and assistant, without what the program puts before them
(AGENTS.md, `<environment_context>`, instructions); calls of tools, reasoning and event_msg, which repeats the
messages, are left out, and so are sessions that another session started.
"""

from collections.abc import Iterator
from typing import Any

import msgspec

from flows.exports import parts, timestamps
from flows.exports.conversations import Message, Partial, Speaker
from flows.exports.decoding import decoded
from flows.exports.grouping import PASSED, Passed, Record

_SPEAKERS = {"user": Speaker.USER, "assistant": Speaker.ASSISTANT}
_SILENT = {"event_msg", "turn_context", "compacted"}
_OF_THE_PROGRAM = (
    *("# AGENTS.md", "<environment_context>", "<INSTRUCTIONS>", "<user_instructions>", "<turn_aborted>", "<skill>"),
    *("<subagent_notification>", "<recommended_plugins>", "<permissions"),
)


class _Line(msgspec.Struct, gc=False):
    type: Any = None
    timestamp: Any = None
    payload: msgspec.Raw = msgspec.Raw(b"null")
    id: Any = None
    record_type: Any = None


class _Payload(msgspec.Struct, gc=False):
    type: Any = None
    id: Any = None
    role: Any = None
    content: Any = None
    source: Any = None


_line = msgspec.json.Decoder(_Line)
_payload = msgspec.json.Decoder(_Payload)


def record(raw: bytes) -> Record | Passed | None:
    """One line of a session; None when it is not Codex's.

    Raises msgspec.DecodeError when the line is not valid JSON.
    """
    if b'"payload"' not in raw:
        return _of_2025(raw)
    line = decoded(_line, raw)
    if line is None:
        return None
    if line.type in _SILENT:
        return PASSED
    payload = decoded(_payload, line.payload)
    if payload is None or line.type not in ("session_meta", "response_item"):
        return None
    if line.type == "session_meta":
        anothers = isinstance(payload.source, dict) and "subagent" in payload.source
        return _session(payload.id, line.timestamp, anothers)
    if payload.type != "message":
        return PASSED
    return Record("codex", raw, _messages, timestamps.parse(line.timestamp))


def _of_2025(raw: bytes) -> Record | Passed | None:
    if b'"record_type"' in raw and b'"state"' in raw:
        return PASSED
    if b'"instructions"' in raw and b'"timestamp"' in raw:
        first = decoded(_line, raw)
        return _session(first.id, first.timestamp) if first is not None and first.type is None else None
    if b'"input_text"' in raw or b'"output_text"' in raw:
        said = decoded(_payload, raw)
        return Record("codex", raw, _bare) if said is not None and said.type == "message" else None
    return None


def _session(identity: Any, timestamp: Any, anothers: bool = False) -> Record | None:
    if not isinstance(identity, str) or not identity:
        return None
    return Record("codex", at=timestamps.parse(timestamp), thread=identity, anothers=anothers)


def _messages(raw: bytes) -> Iterator[Partial]:
    line = decoded(_line, raw)
    payload = decoded(_payload, line.payload) if line else None
    yield from _said(payload, line and line.timestamp)


def _bare(raw: bytes) -> Iterator[Partial]:
    yield from _said(decoded(_payload, raw), None)


def _said(payload: _Payload | None, timestamp: Any) -> Iterator[Partial]:
    speaker = _SPEAKERS.get(payload.role) if payload and isinstance(payload.role, str) else None
    if payload is None or speaker is None:
        return
    text = parts.text(payload.content)
    if speaker is Speaker.USER and isinstance(payload.content, list):
        texts = [parts.text([part]) for part in payload.content]
        text = "\n".join(text for text in texts if text and not text.lstrip().startswith(_OF_THE_PROGRAM))
    yield Partial(
        parts.unknown(payload.content),
        Message(speaker, text, timestamps.parse(timestamp)) if text.strip() else None,
    )
