"""A message as server-sent events.

Source: Anthropic's documentation, "Streaming messages", 2026-11: message_start, the content blocks in deltas,
message_delta with the final usage, message_stop; pings at any place, and errors within the stream.
"""

import asyncio
import json
import secrets
from collections.abc import AsyncIterator, Callable
from typing import Any

from starlette.requests import Request

from deployments.local.messages_api.faults import Fault
from deployments.local.messages_api.wire import ApiError, error_body

_DELTA_CHARACTERS = 2_000
_PINGS, _PING_SECONDS = 10, 0.1

Json = dict[str, Any]


async def events(
    message: Json, fault: Fault | None, request: Request, produced: Callable[[int], None]
) -> AsyncIterator[str]:
    """The whole message in events, or what a fault leaves of it; `produced` is told of its output tokens."""
    usage = {**message["usage"], "output_tokens": 1}
    yield _event("message_start", message={**message, "content": [], "stop_reason": None, "usage": usage})
    yield _event("ping")
    match fault.kind if fault else None:
        case "drop":
            raise ConnectionAbortedError("a fault that was asked for")
        case "stall":
            while (await request.receive())["type"] != "http.disconnect":
                pass
        case "slow":
            for _ in range(_PINGS):
                await asyncio.sleep(_PING_SECONDS)
                yield _event("ping")
        case "error_event":
            assert fault is not None
            error = ApiError(fault.status, fault.message or "a fault that was asked for")
            yield _event("error", **error_body(error, f"req_{secrets.token_hex(12)}"))
            return
    produced(message["usage"]["output_tokens"])
    for index, block in enumerate(message["content"]):
        for event in _block(index, block):
            yield event
    ended = {"stop_reason": message["stop_reason"], "stop_sequence": None}
    yield _event("message_delta", delta=ended, usage=message["usage"])
    yield _event("message_stop")


def _block(index: int, block: Json) -> list[str]:
    match block["type"]:
        case "thinking":
            empty, deltas = {**block, "signature": ""}, [{"type": "signature_delta", "signature": block["signature"]}]
        case "tool_use":
            text = json.dumps(block["input"], ensure_ascii=False)
            empty = {**block, "input": {}}
            deltas = [{"type": "input_json_delta", "partial_json": part} for part in _parts(text)]
        case _:
            empty, deltas = (
                {**block, "text": ""},
                [{"type": "text_delta", "text": part} for part in _parts(block["text"])],
            )
    return [
        _event("content_block_start", index=index, content_block=empty),
        *(_event("content_block_delta", index=index, delta=delta) for delta in deltas),
        _event("content_block_stop", index=index),
    ]


def _parts(text: str) -> list[str]:
    return [text[start : start + _DELTA_CHARACTERS] for start in range(0, len(text), _DELTA_CHARACTERS)]


def _event(name: str, **data: Any) -> str:
    return f"event: {name}\ndata: {json.dumps({'type': name, **data}, ensure_ascii=False)}\n\n"
