"""How much the stand-in thinks: as Claude does unless it is told not to, by effort, and not always.

Source: Anthropic's documentation, "Adaptive thinking" and "Effort", 2026-11: the model decides with each request
whether and how much; thinking counts towards max_tokens, is billed as output, and is by default not shown.
"""

import hashlib
from typing import Any

from deployments.local.messages_api import marks

_BY_EFFORT = {"low": 0.25, "medium": 1.0, "high": 3.0, "xhigh": 6.0, "max": 10.0}  # no source: it differs by request


def tokens(effort: str | None, prompt: str, mean: int) -> int:
    """Tokens that a call thinks with; `mean` is that of medium effort. The same question always gets the same."""
    if effort is None:
        return 0
    chance = int.from_bytes(hashlib.blake2b(marks.without_tags(prompt).encode(), digest_size=2).digest()) / 65_535
    return round(2 * chance * mean * _BY_EFFORT[effort])


def blocks(count: int) -> list[dict[str, Any]]:
    """The content block before the answer; its text is left out, as by default."""
    return [{"type": "thinking", "thinking": "", "signature": "of-the-stand-in"}] if count else []
