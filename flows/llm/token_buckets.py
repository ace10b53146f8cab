"""How much of a model's rate limits is left for a run, by the headers of the answers that it gets.

The API keeps a token bucket for each limit: full, it holds what a minute allows, and it is refilled continuously. All
users of the key draw on it. An answer says what was left when its call came in; from that a run takes its share, less
what it has used since, and its share of what flows back. So runs whose shares are a whole together use the whole, and
what one of them leaves, or another user takes, the next headers tell all of them.

Only amounts are believed, not the time when a bucket is full again: the clock there may be another.

Source: Anthropic's documentation, "Rate limits" (platform.claude.com/docs/en/api/rate-limits), 2026-11.
"""

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

#: As headers name them; `tokens` is the sum of both, or a limit of the workspace.
KINDS = ("requests", "input-tokens", "output-tokens", "tokens")

_RESERVE = 0.05  # of a limit, for what others begin at the same moment
_ROUNDING = 500  # token figures come in thousands
_SPREAD_SECONDS = 10.0  # over which a run uses what it finds, unless it is alone
_STALE_SECONDS = 15.0
_BLIND_SECONDS = 3.0  # between calls while no answer has told the limits
_EVENLY = 1.05  # times the time that is between calls at the limit


@dataclass(frozen=True)
class Needs:
    """Tokens that a call is expected to use, by the model's count."""

    input: float
    output: float

    @property
    def at_once(self) -> dict[str, float]:
        """What counts when the call comes in."""
        return {"requests": 1, "input-tokens": self.input, "tokens": self.input}

    @property
    def later(self) -> dict[str, float]:
        """What counts while it is answered."""
        return {"output-tokens": self.output, "tokens": self.output}


@dataclass(frozen=True)
class Begun:
    """A call under way."""

    needs: Needs
    at: float
    used: dict[str, float]  # by the run until then, with what the call used at once


@dataclass
class _Bucket:
    limit: float
    left: float  # by the headers of the call that came in
    at: float  # then,
    used: float  # when the run had used so much

    @property
    def refill(self) -> float:
        return self.limit / 60


class TokenBuckets:
    """Of one model, as one run knows them. Times are seconds of one clock, whichever."""

    def __init__(self) -> None:
        self._buckets: dict[str, _Bucket] = {}
        self._used = Counter[str]()
        self._under_way = Counter[str]()  # what is used by and by, of calls that are not answered yet
        self._answered = False
        self._evenly = False
        self._last = float("-inf")

    def wait(self, needs: Needs, share: float, now: float) -> tuple[float, str]:
        """Seconds until there is room for a call, and the limit that it waits for."""
        if not self._buckets:
            return (0.0 if self._answered else self._last + _BLIND_SECONDS - now), "unknown"
        longest = max((self._seconds(kind, needs, share, now), kind) for kind in self._buckets)
        if self._evenly and (requests := self._buckets.get("requests")):
            return max(longest, (self._last + _EVENLY / (requests.refill * share) - now, "requests"))
        return longest

    def limit(self, kind: str) -> float | None:
        return self._buckets[kind].limit if kind in self._buckets else None

    def begin(self, needs: Needs, now: float) -> Begun:
        self._last = now
        self._used.update(needs.at_once)
        self._under_way.update(needs.later)
        return Begun(needs, now, dict(self._used))

    def seen(self, begun: Begun, headers: Mapping[str, str]) -> None:
        """Takes note of the headers of an answer; there may be none of ours among them."""
        self._answered = True
        for kind in KINDS:
            limit, left = (
                _number(headers.get(f"anthropic-ratelimit-{kind}-{what}")) for what in ("limit", "remaining")
            )
            known = self._buckets.get(kind)
            # What a later call has been told is newer, whichever is answered first.
            if limit and left is not None and (known is None or begun.at >= known.at):
                self._buckets[kind] = _Bucket(limit, left, begun.at, begun.used.get(kind, 0.0))

    def turned_away(self, begun: Begun) -> None:
        """Takes note of a 429, after `seen`: one that comes although there was room is about too many at once."""
        needs = begun.needs.at_once
        if all(bucket.left - _rounding(kind) >= needs.get(kind, 1) for kind, bucket in self._buckets.items()):
            self._evenly = True
            self._last = float("-inf")

    def end(self, begun: Begun, output: float) -> None:
        """The call is over, and has used so many output tokens."""
        self._under_way.subtract(begun.needs.later)
        self._used.update({"output-tokens": output, "tokens": output})

    def _seconds(self, kind: str, needs: Needs, share: float, now: float) -> float:
        bucket = self._buckets[kind]
        at_once, later = min(needs.at_once.get(kind, 0), bucket.limit), needs.later.get(kind, 0)
        # Runs that know nothing of each other begin calls at the same moment now and then.
        reserve = bucket.limit * _RESERVE + _rounding(kind) + at_once * math.sqrt(1 / share - 1)
        left, passed = bucket.left - min(reserve, bucket.limit / 2), now - bucket.at
        if share < 1:  # The others take theirs of the same, and neither has seen the other's yet.
            left = min(left, left * min(1, passed / _SPREAD_SECONDS))
        room = (
            (left + passed * bucket.refill) * share
            - (self._used[kind] - bucket.used)
            - self._under_way[kind]
            - at_once
            - later
        )
        if room > 0 and now - bucket.at > _STALE_SECONDS:
            # Others have seen it, too, and may have used it; what one call needs is risked, to see.
            bucket.left -= room / share
            return 0.0
        return max(0.0, -room / (bucket.refill * share))


def _rounding(kind: str) -> float:
    return 0 if kind == "requests" else _ROUNDING


def _number(text: str | None) -> float | None:
    return float(text) if text and text.isascii() and text.isdecimal() else None
