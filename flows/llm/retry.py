"""How a run bears with a Messages API that fails: pauses that everybody keeps, and retries until a budget is used up.

429 and 529 mean that the deployment asks too much: no run calls the model until the pause is over, and no retry is
spent. Any other passing failure is repeated after a growing wait, which costs the run a retry; each answered call
earns a tenth of one back.
"""

import asyncio
import random
import threading
import time
from collections.abc import Awaitable, Callable

from flows.errors import OutOfRetries
from flows.settings import ModelSettings

#: Tells the other runs of a pause: (model, seconds) → for how many seconds nobody may call.
SharePause = Callable[[str, float], Awaitable[float]]

_EARNED_PER_ANSWER = 0.1
_LONGEST_WAIT = 60.0  # seconds, unless the API asks for more
_LONGEST_PAUSE = 900.0  # whatever retry-after says


class RetryPolicy:
    """Shared by all calls of a run, also from several threads. `sleep`: takes seconds, as asyncio.sleep does."""

    def __init__(self, settings: ModelSettings, sleep: Callable[[float], Awaitable[object]] = asyncio.sleep):
        self._sleep = sleep
        self._retries = float(settings.model_retry_budget)
        self._until: dict[str, float] = {}  # model → time.monotonic() at the end of its pause
        self._pauses: dict[str, int] = {}  # model → since its last answer
        self._lock = threading.Lock()

    async def wait(self, model: str) -> None:
        """Returns when the model may be called."""
        while (left := self._until.get(model, 0) - time.monotonic()) > 0:
            # Not everybody at the same moment: what was too much would be too much again.
            await self._sleep(left + random.uniform(0, _growing(self._pauses.get(model, 0))))

    def is_paused(self, model: str) -> bool:
        return self._until.get(model, 0) > time.monotonic()

    def pause(self, model: str, seconds: float) -> None:
        """No call to the model for `seconds` from now; a longer pause stays."""
        with self._lock:
            self._until[model] = max(self._until.get(model, 0), time.monotonic() + seconds)

    def answered(self, model: str) -> None:
        with self._lock:
            self._retries += _EARNED_PER_ANSWER
            self._pauses.pop(model, None)

    async def throttled(self, model: str, retry_after: float, share: SharePause | None) -> None:
        """Begins a pause after the API has turned a call away; `retry_after` in seconds, 0 when it did not say."""
        with self._lock:
            pausing = self._until.get(model, 0) - time.monotonic()
            count = self._pauses[model] = self._pauses.get(model, 0) + (pausing <= 0)
        seconds = min(retry_after, _LONGEST_PAUSE) or _growing(count - 1) * random.uniform(0.5, 1)
        # Calls that were under way together are turned away together, and that is one pause.
        if seconds > pausing + 1:
            self.pause(model, seconds)
            if share is not None:
                self.pause(model, await share(model, seconds))

    def spend(self) -> None:
        """Counts a failure against the run. Raises OutOfRetries when it has borne with as many as it may."""
        with self._lock:
            if self._retries < 1:
                raise OutOfRetries(
                    "the Messages API fails too often; the next run goes on where this one has stopped "
                    "(MODEL_RETRY_BUDGET says how many failures a run bears)"
                )
            self._retries -= 1

    async def failed(self, failures: int, retry_after: float) -> float:
        """Waits before a call that has failed so often is repeated; returns the seconds.

        Raises OutOfRetries when the run has none left.
        """
        self.spend()
        seconds = max(min(retry_after, _LONGEST_PAUSE), _growing(failures - 1) * random.uniform(0.5, 1))
        await self._sleep(seconds)
        return seconds


def _growing(times: int) -> float:
    return min(2.0 ** min(times, 10), _LONGEST_WAIT)
