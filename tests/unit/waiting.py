"""Waiting for what tasks on the same event loop do."""

import asyncio
from collections.abc import Callable


async def until(condition: Callable[[], object]) -> None:
    """Returns when the condition holds; raises TimeoutError after 10 seconds."""
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110 (what is waited for knows nothing of events)
            await asyncio.sleep(0)
