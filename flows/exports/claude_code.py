"""Claude Code's session logs, `~/.claude/projects/…/SESSION.jsonl`.

There is no official schema; this follows a reader of real logs (kenn-io/agentsview, internal/parser/claude.go, seen in
November 2026). A line is `{type, uuid, parentUuid, sessionId, timestamp, isSidechain?, isMeta?, isCompactSummary?,
message: {role, content}}`; the lines of a session make one conversation. What goes into memory:

| | taken |
|---|---|
| lines of type user, assistant: text | yes; of a slash command what the person wrote behind it |
| their thoughts, calls of tools, results of tools | no: not the conversation |
| what the program tells its model (isMeta, isCompactSummary, `<system-reminder>`, outputs of commands) | no |
| sidechains: the model and its helpers | no: no word is the person's |
| prompts that were taken back | no: only the branch to the last line counts |
| summary, custom-title, ai-title | the last one is the title, where the line names its session |
"""

import re
from collections.abc import Iterator
from typing import Any

import msgspec

from flows.exports import parts, timestamps
from flows.exports.conversations import Message, Partial, Speaker
from flows.exports.decoding import decoded
from flows.exports.grouping import PASSED, Passed, Record

_SPEAKERS = {"user": Speaker.USER, "assistant": Speaker.ASSISTANT}
_OF_THE_PROGRAM = (
    *("<command-", "<local-command-", "<bash-", "<task-notification", "<user-prompt-submit-hook"),
    *("Caveat: The messages below were generated", "[Request interrupted"),
)
_INSERTED = ("system-reminder", "ide_opened_file", "ide_selection")
_ARGUMENTS = re.compile(r"<command-args>([^<]*+)</command-args>")


class _Line(msgspec.Struct, rename="camel", gc=False):
    type: Any = None
    uuid: Any = None
    parent_uuid: Any = None
    logical_parent_uuid: Any = None
    session_id: Any = None
    timestamp: Any = None
    is_sidechain: Any = None
    is_meta: Any = None
    is_compact_summary: Any = None
    summary: Any = None
    custom_title: Any = None
    ai_title: Any = None


class _Said(msgspec.Struct, gc=False):
    content: Any = None


class _Spoken(msgspec.Struct, gc=False):
    type: str
    message: _Said
    timestamp: Any = None


_line = msgspec.json.Decoder(_Line)
_spoken = msgspec.json.Decoder(_Spoken)


def record(raw: bytes) -> Record | Passed | None:
    """One line of a session; None when it is not Claude Code's.

    Raises msgspec.DecodeError when the line is not valid JSON.
    """
    if b'"sessionId"' not in raw:
        return PASSED if b'"leafUuid"' in raw or b'"file-history-snapshot"' in raw else None
    line = decoded(_line, raw)
    if line is None or not (isinstance(line.type, str) and isinstance(line.session_id, str)):
        return None
    title = line.custom_title or line.ai_title or line.summary
    if isinstance(title, str):
        return Record("claude-code", thread=line.session_id, title=title, aside=True)
    if line.is_sidechain is True or not isinstance(line.uuid, str):
        return PASSED
    says = line.type in _SPEAKERS and line.is_meta is not True and line.is_compact_summary is not True
    parent = line.parent_uuid or line.logical_parent_uuid
    return Record(
        "claude-code",
        raw if says else b"",
        _messages if says else _silent,
        timestamps.parse(line.timestamp),
        thread=line.session_id,
        id=line.uuid,
        parent=parent if isinstance(parent, str) else None,
    )


def _silent(raw: bytes) -> Iterator[Partial]:
    return iter(())


def _messages(raw: bytes) -> Iterator[Partial]:
    line = decoded(_spoken, raw)
    speaker = _SPEAKERS.get(line.type) if line else None
    if line is None or speaker is None:
        return
    text = parts.text(line.message.content)
    if speaker is Speaker.USER:
        text = _typed(text)
    yield Partial(
        parts.unknown(line.message.content),
        Message(speaker, text, timestamps.parse(line.timestamp)) if text.strip() else None,
    )


def _typed(text: str) -> str:
    """What the person typed of it."""
    for name in _INSERTED:
        text = parts.without(text, f"<{name}>", f"</{name}>")
    text = text.strip()
    if not text.startswith(_OF_THE_PROGRAM):
        return text
    arguments = _ARGUMENTS.search(text)
    return arguments[1].strip() if arguments else ""
