"""What the model calls of a run used and cost, by step and model, from the API's own usage figures."""

import threading
from dataclasses import asdict, dataclass, field
from typing import Any

from anthropic.types import Usage as ReportedUsage

from flows import models
from flows.records import Step


def dollars(cost: float | None, places: int = 4) -> str:
    return "unknown" if cost is None else f"${cost:,.{places}f}"


@dataclass
class Usage:
    """Calls and what they used."""

    calls: int = 0
    retries: int = 0
    input_tokens: int = 0  # without those of the cache
    output_tokens: int = 0
    thinking_tokens: int = 0  # of those
    cache_write_tokens: int = 0
    cache_read_tokens: int = 0
    cost_usd: float | None = 0.0

    def add(self, other: "Usage") -> None:
        self.calls += other.calls
        self.retries += other.retries
        self.input_tokens += other.input_tokens
        self.output_tokens += other.output_tokens
        self.thinking_tokens += other.thinking_tokens
        self.cache_write_tokens += other.cache_write_tokens
        self.cache_read_tokens += other.cache_read_tokens
        known = self.cost_usd is not None and other.cost_usd is not None
        self.cost_usd = (self.cost_usd or 0) + (other.cost_usd or 0) if known else None

    @property
    def prompt_tokens(self) -> int:
        """All that the models have read, from their cache or not."""
        return self.input_tokens + self.cache_write_tokens + self.cache_read_tokens

    def dollars(self) -> str:
        return dollars(self.cost_usd)

    def figures(self) -> dict[str, int | str]:
        """For the log line of a step."""
        return {
            "calls": self.calls,
            "retries": self.retries,
            "input_tokens": self.input_tokens,
            "output_tokens": self.output_tokens,
            "thinking_tokens": self.thinking_tokens,
            "cache_read_tokens": self.cache_read_tokens,
            "cost": self.dollars(),
        }


@dataclass
class RunUsage:
    """Of a whole run. Safe to write from several threads: v2_regeneration runs beside the flow's own thread."""

    entries: dict[tuple[Step, str], Usage] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def record(
        self, step: Step, model: str, usage: ReportedUsage, share_of_price: float = 1, *, calls: int = 1
    ) -> None:
        """Adds a call that was answered. `share_of_price`: of the list price, where a discount holds."""
        write, read = usage.cache_creation_input_tokens or 0, usage.cache_read_input_tokens or 0
        dollars = models.cost(
            model, input=usage.input_tokens, output=usage.output_tokens, cache_write=write, cache_read=read
        )
        self._add(
            step,
            model,
            Usage(
                calls=calls,
                thinking_tokens=usage.output_tokens_details.thinking_tokens if usage.output_tokens_details else 0,
                input_tokens=usage.input_tokens,
                output_tokens=usage.output_tokens,
                cache_write_tokens=write,
                cache_read_tokens=read,
                cost_usd=None if dollars is None else dollars * share_of_price,
            ),
        )

    def record_retry(self, step: Step, model: str) -> None:
        self._add(step, model, Usage(retries=1))

    def _add(self, step: Step, model: str, entry: Usage) -> None:
        with self._lock:
            self.entries.setdefault((step, model), Usage()).add(entry)

    def total(self, step: Step | None = None) -> Usage:
        """Of the whole run, or of one step."""
        total = Usage()
        with self._lock:
            for (name, _), entry in self.entries.items():
                if step in (None, name):
                    total.add(entry)
        return total

    def as_json(self) -> dict[str, Any]:
        """`{"total": {calls, input_tokens, …, cost_usd}, "by_step": [{step, model, calls, …}]}`; cost_usd is null
        when a model without a known price took part."""
        total = self.total()
        with self._lock:
            rows = [{"step": step, "model": model, **asdict(entry)} for (step, model), entry in self.entries.items()]
        return {"total": asdict(total), "by_step": rows}
