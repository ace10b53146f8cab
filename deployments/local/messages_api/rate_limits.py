"""The rate limits of the Messages API: for each model three token buckets, of requests, input and output tokens.

Source: Anthropic's documentation, "Rate limits" (platform.claude.com/docs/en/api/rate-limits), 2026-11: buckets are
refilled continuously up to the limit of a minute; input is counted at the beginning of a request, without what is
read from the cache; output is counted as it is produced, and max_tokens does not count; whoever exceeds one of the
limits gets 429 with retry-after; headers give limit, remaining and the time when it is full again, tokens rounded to
the nearest thousand, and `tokens` the sum of input and output. 60 requests per minute "may be enforced as 1 request per
second": `burst_seconds`. Batches and count_tokens have limits of their own, which are not here.

Not documented, and taken as is worse for a caller: what has begun is answered to its end, and the output that it
was not to produce is owed; the headers say what was left when the request came in, not when it is answered.
"""

import math
import re
import time
from datetime import UTC, datetime, timedelta

from pydantic import BaseModel, ConfigDict, Field

from deployments.local.messages_api.wire import ApiError

_SNAPSHOT = re.compile(r"-\d{8}$")  # of a model's name: both names share its limits
_ROUNDING = 1e-6  # by which what refills may miss a whole number


class Limits(BaseModel):
    """What an account may use of each model in a minute. The default is the tier "Scale"."""

    model_config = ConfigDict(extra="forbid")

    requests: int = Field(default=10_000, ge=1)
    input_tokens: int = Field(default=10_000_000, ge=1)
    output_tokens: int = Field(default=2_000_000, ge=1)
    #: The requests of so many seconds may come at once, whatever the headers show.
    burst_seconds: float = Field(default=60, gt=0, le=60)


class Bucket:
    """Refilled continuously, up to `capacity`."""

    def __init__(self, limit: int, unit: str, capacity: float | None = None):
        self.limit, self.unit = limit, unit
        self._capacity = limit if capacity is None else capacity
        self._level, self._at = float(self._capacity), time.monotonic()

    def level(self) -> float:
        now = time.monotonic()
        self._level = min(self._capacity, self._level + (now - self._at) * self.limit / 60)
        self._at = now
        return self._level

    def take(self, amount: float) -> None:
        self._level = self.level() - amount

    def seconds_until(self, level: float) -> float:
        return max(0.0, min(level, self._capacity) - self.level()) * 60 / self.limit

    def seconds_until_full(self) -> float:
        return self.seconds_until(self._capacity)


class ModelLimits:
    """Of one model."""

    def __init__(self, limits: Limits):
        burst = max(1.0, limits.requests * limits.burst_seconds / 60)
        self._requests = Bucket(limits.requests, "requests")
        self._burst = Bucket(limits.requests, "requests", burst)
        self._input = Bucket(limits.input_tokens, "input tokens")
        self._output = Bucket(limits.output_tokens, "output tokens")

    def begin(self, input_tokens: int) -> None:
        """Counts a request. Raises ApiError (429) when it would exceed a limit, and counts nothing then."""
        needs = ((self._requests, 1), (self._burst, 1), (self._input, input_tokens), (self._output, 1))
        if short := [(bucket, need) for bucket, need in needs if bucket.level() < need - _ROUNDING]:
            seconds = math.ceil(max(bucket.seconds_until(need) for bucket, need in short))
            raise ApiError(
                429,
                f"This request would exceed the rate limit for your organization of {short[0][0].limit:,} "
                f"{short[0][0].unit} per minute. You can see the response headers for current usage.",
                retry_after=max(1, seconds),
            )
        self._requests.take(1)
        self._burst.take(1)
        self._input.take(input_tokens)

    def produced(self, output_tokens: int) -> None:
        self._output.take(output_tokens)

    def headers(self) -> dict[str, str]:
        """What is left, as the API tells it."""
        requests, input, output = self._requests, self._input, self._output
        return {
            **_headers("requests", requests.limit, math.floor(requests.level()), requests.seconds_until_full()),
            **_headers("input-tokens", input.limit, _rounded(input.level()), input.seconds_until_full()),
            **_headers("output-tokens", output.limit, _rounded(output.level()), output.seconds_until_full()),
            **_headers(
                "tokens",
                input.limit + output.limit,
                _rounded(max(0, input.level()) + max(0, output.level())),
                max(input.seconds_until_full(), output.seconds_until_full()),
            ),
        }


class RateLimits:
    """Of all models."""

    def __init__(self) -> None:
        self._limits = Limits()
        self._models: dict[str, ModelLimits] = {}

    def set(self, limits: Limits) -> None:
        """Other limits begin with full buckets."""
        if limits != self._limits:
            self._limits = limits
            self._models.clear()

    def of(self, model: str) -> ModelLimits:
        return self._models.setdefault(_SNAPSHOT.sub("", model), ModelLimits(self._limits))


def _headers(name: str, limit: int, remaining: int, seconds: float) -> dict[str, str]:
    full = datetime.now(UTC) + timedelta(seconds=seconds)
    return {
        f"anthropic-ratelimit-{name}-limit": str(limit),
        f"anthropic-ratelimit-{name}-remaining": str(max(0, remaining)),
        f"anthropic-ratelimit-{name}-reset": full.strftime("%Y-%m-%dT%H:%M:%SZ"),
    }


def _rounded(tokens: float) -> int:
    return round(tokens / 1_000) * 1_000
