"""Dates as people write them, as exact as they are known."""

import re
from datetime import UTC, datetime

_MONTHS = [
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
]
_UNBROKEN = "\u00a0"  # a space at which no line ends
_DATE = re.compile(r"(\d{4})(?:-(\d\d)(?:-(\d\d))?)?")


def human(date: str) -> str:
    """2024, May 2024 or 12 May 2024, of a date or time that begins with YYYY, YYYY-MM or YYYY-MM-DD."""
    if not (match := _DATE.match(date)):
        return date
    year, month, day = match.groups()
    parts = (str(int(day)) if day else "", _MONTHS[int(month) - 1] if month and 1 <= int(month) <= 12 else "", year)
    return _UNBROKEN.join(part for part in parts if part)


def day(time: str | None) -> str | None:
    """YYYY-MM-DD in UTC of a time as Postgres or an export writes it; None where there is none."""
    try:
        return datetime.fromisoformat(time).astimezone(UTC).date().isoformat() if time else None
    except (ValueError, OverflowError):
        return None
