"""The prompt cache of the Messages API: what a request marks with `cache_control` costs less when it is sent again.

Source: Anthropic's documentation, "Prompt caching" (platform.claude.com/docs/en/build-with-claude/prompt-caching),
2026-11: an entry is for one model and for all that stands before the mark, in the order tools, system, messages; it can
be read once the first response has begun, and for 5 minutes from when it was used last; what is shorter than the
model's minimum is not cached, without a word; a request has at most 4 marks. "Structured outputs": another
`output_config.format` is another entry.

Where these words leave room it is as is worse for a caller: only marks in `system` count, and of them the last; another
setting of thinking or of tools is another entry; 5 minutes are counted from the beginning of a request; the requests of
a batch read nothing, since all may be worked on at once ("best-effort" in "Batch processing"); the hour that an entry
can be bought for is not here.
"""

import hashlib
import json
import time
from dataclasses import dataclass
from typing import Any

from deployments.local.messages_api.wire import MODELS, ApiError, token_count

_SECONDS = 300
_MOST_MARKS = 4
_BEFORE_SYSTEM = ("model", "tools", "tool_choice", "thinking", "output_config")


@dataclass(frozen=True, slots=True)
class Beginning:
    """The part of a prompt that is cached: its entry and tokens, and whether it was there to be read."""

    key: bytes | None = None
    tokens: int = 0
    is_read: bool = False
    at: float = 0.0

    def usage(self) -> dict[str, int]:
        return {
            "cache_creation_input_tokens": 0 if self.is_read else self.tokens,
            "cache_read_input_tokens": self.tokens if self.is_read else 0,
        }


class PromptCache:
    def __init__(self) -> None:
        self._until: dict[bytes, float] = {}

    def look_up(self, body: dict[str, Any]) -> Beginning:
        """Of a request that comes in. Raises ApiError for marks that the API does not take."""
        beginning = written(body)
        if beginning.key is None or self._until.get(beginning.key, 0) <= beginning.at:
            return beginning
        return Beginning(beginning.key, beginning.tokens, True, beginning.at)

    def answered(self, beginning: Beginning) -> None:
        """From now on it can be read, or for longer: the response begins."""
        if beginning.key is not None:
            self._until[beginning.key] = max(self._until.get(beginning.key, 0), beginning.at + _SECONDS)

    def clear(self) -> None:
        self._until.clear()


def written(body: dict[str, Any]) -> Beginning:
    """The part of the prompt that is cached, as if nothing of it had been. Raises ApiError as `look_up` does."""
    blocks = body.get("system")
    marked = [number for number, block in enumerate(blocks) if _is_marked(block)] if isinstance(blocks, list) else []
    if len(marked) > _MOST_MARKS:
        raise ApiError(
            400, f"A maximum of {_MOST_MARKS} blocks with cache_control may be provided. Found {len(marked)}."
        )
    if not marked or not isinstance(blocks, list):
        return Beginning()
    text = "\n".join(str(block.get("text", "")) for block in blocks[: marked[-1] + 1])
    tokens = token_count(body["model"], text)
    if tokens < MODELS[body["model"]].cached_from:
        return Beginning()
    entry = json.dumps([*(body.get(name) for name in _BEFORE_SYSTEM), text], sort_keys=True)
    return Beginning(hashlib.sha256(entry.encode()).digest(), tokens, at=time.monotonic())


def _is_marked(block: Any) -> bool:
    mark = block.get("cache_control") if isinstance(block, dict) else None
    if mark is not None and mark != {"type": "ephemeral"}:
        raise ApiError(400, "cache_control: only {'type': 'ephemeral'} is taken here")
    if mark is not None and not block.get("text"):
        raise ApiError(400, "system: cache_control cannot be set for empty text blocks")
    return mark is not None
