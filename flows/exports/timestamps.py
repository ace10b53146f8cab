"""Times as exports write them."""

import math
from datetime import UTC, datetime
from typing import Any

_BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)
_LATEST_SECONDS = 253_402_300_799  # 9999-12-31T23:59:59Z, the last that datetime can hold


def parse(value: Any) -> datetime | None:
    """A time in seconds or milliseconds since 1970, or in ISO 8601, as UTC; None when it is none of these."""
    if type(value) is float:  # nearly all are
        return _from_number(value)
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return _from_number(float(value)) if abs(value) < 1e18 else None
    if isinstance(value, str):
        try:
            return _from_number(float(value))
        except ValueError:
            return _from_iso(value)
    return None


def plausible(at: datetime | None) -> datetime | None:
    """The time, unless nobody can have said anything then: what is before 1970, its first instant, which stands for no
    time, and what is after the end of next year.

    `parse` gives those, too: the keys of chunks are made of their dates, and must not change with the calendar.
    """
    return at if at is not None and at > _BEGINNING and at.year <= datetime.now(UTC).year + 1 else None


def _from_number(seconds: float) -> datetime | None:
    if not math.isfinite(seconds) or seconds <= 0:
        return None
    if seconds > _LATEST_SECONDS:
        seconds /= 1000
    if seconds > 1e11:  # the year 5138: these are milliseconds
        seconds /= 1000
    if seconds > _LATEST_SECONDS:
        return None
    return datetime.fromtimestamp(seconds, UTC)


def _from_iso(text: str) -> datetime | None:
    try:
        at = datetime.fromisoformat(text)
        return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
    except (ValueError, OverflowError):  # 0001-01-01 east of Greenwich is in no year
        return None
