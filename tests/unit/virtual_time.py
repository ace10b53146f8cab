"""An event loop whose time goes on by itself while everything waits: minutes pass in milliseconds."""

import asyncio
import selectors
import time
from collections.abc import Coroutine
from typing import Any, TypeVar

import pytest

Result = TypeVar("Result")


class _Clock(selectors.SelectSelector):
    def __init__(self) -> None:
        super().__init__()
        #: Whole seconds: else it depends on the machine's uptime whether a sum of floats reaches a moment or just not.
        self.now = float(int(time.monotonic()))

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None:  # it waits for a thread
            return super().select()
        ready = super().select(0)
        if not ready:
            self.now += max(0.0, timeout)
        return ready


def run(main: Coroutine[Any, Any, Result]) -> Result:
    """Like asyncio.run, in virtual time: `time.monotonic` is that of the loop."""
    clock = _Clock()
    with pytest.MonkeyPatch.context() as patch, asyncio.Runner(loop_factory=lambda: _loop(clock)) as runner:
        patch.setattr(time, "monotonic", lambda: clock.now)
        return runner.run(main)


def _loop(clock: _Clock) -> asyncio.AbstractEventLoop:
    return asyncio.SelectorEventLoop(clock)
