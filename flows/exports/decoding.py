"""Decoding JSON of an export, also what a strict parser refuses.

Exports hold halves of emoji that were cut in two, and NaN; uploads are also edited by hand. What can be read is read.
"""

import json
import math
import re
from typing import TypeVar

import msgspec

Decoded = TypeVar("Decoded")

_REPAIR_BYTES = 8 << 20  # above, only halves of emoji are repaired: the rest takes many times the size in memory
_ESCAPE = re.compile(
    rb"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|(u[dD][89a-fA-F][0-9a-fA-F]{2})|.)", re.DOTALL
)
_SURROGATE = re.compile("[\ud800-\udfff]")


def decoded(decoder: msgspec.json.Decoder[Decoded], raw: msgspec.Raw | bytes) -> Decoded | None:
    """What the decoder makes of `raw`, repaired where necessary; None when it is of another shape."""
    try:
        return decoder.decode(raw)
    except (msgspec.ValidationError, UnicodeDecodeError):
        # Text that is not UTF-8 and numbers out of range are found here only; other shapes stay what they are.
        mended = repaired(bytes(raw))
    try:
        return None if mended is None else decoder.decode(mended)
    except msgspec.ValidationError:
        return None


def repaired(raw: bytes) -> bytes | None:
    """JSON that says the same as far as possible: what is no text becomes U+FFFD, what is no number null.

    None when it is no JSON even so.
    """
    whole = _ESCAPE.sub(lambda escape: rb"\ufffd" if escape[1] else escape[0], raw)
    if len(raw) > _REPAIR_BYTES:
        return whole if _is_json(whole) else None
    try:
        value = json.loads(
            whole.decode("utf-8", "replace"),
            strict=False,
            parse_constant=lambda name: None,
            parse_float=lambda text: number if math.isfinite(number := float(text)) else None,
            parse_int=lambda text: int(text) if len(text) < 19 else None,
        )
        return _SURROGATE.sub("\ufffd", json.dumps(value, ensure_ascii=False)).encode()
    except (ValueError, RecursionError):
        return None


def _is_json(raw: bytes) -> bool:
    try:
        raw.decode()
        msgspec.json.decode(raw, type=msgspec.Raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False
    return True
