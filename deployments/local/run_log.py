"""What a flow run says of its steps, as the Prefect server has it."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

import httpx

_LINE = re.compile(r"\[FullPass\] user_id=\S+ step=(?P<step>\S+) status=(?P<status>\S+)(?P<metrics>.*)")
_PAGE = 200  # what the Prefect server returns at most in one answer


@dataclass(frozen=True)
class Event:
    """One `[FullPass]` line of the run's log."""

    step: str
    status: str
    metrics: dict[str, str]


class RunLog:
    """The `[FullPass]` lines of a flow run, each once, as the Prefect server gets them."""

    def __init__(self, prefect: httpx.Client, flow_run_id: str):
        self._prefect = prefect
        self._filter = {"logs": {"flow_run_id": {"any_": [flow_run_id]}}, "sort": "TIMESTAMP_ASC", "limit": _PAGE}
        self._seen: set[str] = set()

    def new(self) -> Iterator[Event]:
        # Lines of several tasks arrive in batches, so a late one may stand before those already seen.
        offset = max(0, len(self._seen) - 100)
        while True:
            answer = self._prefect.post("/logs/filter", json={**self._filter, "offset": offset})
            entries = answer.raise_for_status().json()
            for entry in entries:
                if entry["id"] not in self._seen:
                    self._seen.add(entry["id"])
                    if match := _LINE.search(entry["message"]):
                        pairs = dict(pair.split("=", 1) for pair in match["metrics"].split())
                        yield Event(match["step"], match["status"], pairs)
            if len(entries) < _PAGE:
                return
            offset += len(entries)
