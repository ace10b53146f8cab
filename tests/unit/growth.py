"""How the time of some work grows with what it is given, on a machine that may be slow for seconds."""

import time
from collections.abc import Callable
from typing import TypeVar

Given = TypeVar("Given")


def is_below(times: float, work: Callable[[Given], object], *, part: Given, whole: Given) -> bool:
    """Whether `work` on the whole takes less than `times` as long as on the part. A busy machine is asked again."""
    return any(_seconds(work, whole) < times * min(_seconds(work, part) for _ in range(2)) for _ in range(5))


def _seconds(work: Callable[[Given], object], given: Given) -> float:
    began = time.process_time()
    work(given)
    return time.process_time() - began
