"""How long Supabase is waited for when it does not answer."""

from collections.abc import Iterator


def pauses(patience: float) -> Iterator[float]:
    """Seconds to wait before each further try, growing to 8; together at least `patience`, and none when that is 0."""
    waited, pause = 0.0, 0.5
    while waited < patience:
        yield pause
        waited += pause
        pause = min(pause * 2, 8)
