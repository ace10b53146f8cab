"""Items in portions: as many as one request, one call or one transaction takes."""

from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import TypeVar

Item = TypeVar("Item")


def by_count(items: Iterable[Item], most: int) -> Iterator[list[Item]]:
    """Portions of `most` items; the last one has what is left."""
    waiting = iter(items)
    while portion := list(islice(waiting, most)):  # itertools.batched is of Python 3.12
        yield portion


def by_size(
    items: Iterable[Item], size: Callable[[Item], int], largest: int, most: int | None = None
) -> Iterator[list[Item]]:
    """Portions whose sizes are `largest` together at most, or of one larger item; and of `most` items at most."""
    portion: list[Item] = []
    total = 0
    for item in items:
        more = size(item)
        if portion and (total + more > largest or len(portion) == most):
            yield portion
            portion, total = [], 0
        portion.append(item)
        total += more
    if portion:
        yield portion
