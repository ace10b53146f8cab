"""How near runs come to the rate limits of a small tier, and how often they are turned away: `make bench-limits`.

Runs are processes of their own that ask the questions of step 4, or with thinking those of step 7, of the Messages API
stand-in over HTTP: 50 calls at a time together, each with its share, in no other contact. Beside them the same without
pacing, where calls are held back by the pauses after a 429 only, at the same time on a stand-in of its own.

The throughput is what is used of the limit that is reached first, by the minute, as a share of that limit: counted by
the stand-in, from the second minute on, because the first uses what is in a full bucket. 429s are those of all calls
from the start.
"""

import argparse
import asyncio
import os
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from typing import Any

import httpx

from deployments.local.processes import Port
from deployments.local.stack import ROOT
from flows.errors import ModelError
from flows.extraction.question import SYSTEM, ChunkFacts
from flows.llm.client import Claude
from flows.llm.messages import blocks
from flows.llm.rate_limits import Call, RateLimiter
from flows.llm.retry import RetryPolicy
from flows.llm.usage import RunUsage
from flows.records import Step
from flows.settings import ModelSettings

_MODEL = "claude-haiku-5-5"
_SLOTS = 50
_FIRST_SECONDS = 60.0
_LATENCY = 2.0


@dataclass(frozen=True)
class Tier:
    """Limits of a minute; `words` in each question, and whether the model thinks."""

    name: str
    requests: int
    input_tokens: int
    output_tokens: int
    words: int = 300
    step: Step = Step.EXTRACT_FACTS


#: The former tier 1 in three ways, each with another limit that is reached first, and the tier "Start" of today.
_TIERS = (
    Tier("50 requests", 50, 50_000, 10_000),
    Tier("30,000 input tokens", 50, 30_000, 10_000, words=1_300),
    Tier("8,000 output tokens", 50, 50_000, 8_000, step=Step.GENERATE_MEMORY),
    Tier("1,000 requests", 1_000, 2_000_000, 400_000),
)


class Unpaced(RateLimiter):
    """Holds a call back only while there is a pause."""

    @asynccontextmanager
    async def turn(self, name: str, call: Call | None) -> AsyncIterator[None]:
        await self._retry.wait(name)
        yield


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.rate_limits", description=__doc__)
    parser.add_argument("--minutes", type=float, default=5, help="of each case")
    parser.add_argument("--tiers", type=int, nargs="*", default=range(len(_TIERS)), help="which of the four: 0 1 2 3")
    parser.add_argument("--run", nargs=3, metavar=("TIER", "RUNS", "PACED"), help="be one of the runs")
    arguments = parser.parse_args()
    if arguments.run:
        tier, runs, paced = arguments.run
        asyncio.run(_run(_TIERS[int(tier)], int(runs), paced == "paced"))
        return
    print(f"{'':28}|{'paced':^36} |{'without pacing':^36}")
    print(f"{'tier':22}{'runs':>6}|" + f"{'calls':>8}{'seconds':>9}{'of the tier':>12}{'429s':>7} |" * 2, flush=True)
    for index in arguments.tiers:
        with ThreadPoolExecutor() as pool:
            rows = [(runs, pool.submit(_measured, index, runs, 60 * arguments.minutes)) for runs in (1, 3)]
        for runs, row in rows:
            print(f"{_TIERS[index].name:22}{runs:6}|{row.result()}", flush=True)


def _measured(index: int, runs: int, seconds: float) -> str:
    """One row: the same runs with pacing and without, at the same time."""
    with ExitStack() as stack:
        stand_ins = [stack.enter_context(_stand_in(_TIERS[index])) for _ in range(2)]
        processes = []
        for url, paced in zip(stand_ins, ("paced", "unpaced"), strict=True):
            command = [sys.executable, "-m", "tests.benchmarks.rate_limits", "--run", str(index), str(runs), paced]
            environment = {"ANTHROPIC_API_KEY": "k", "ANTHROPIC_BASE_URL": url}
            processes += [stack.enter_context(_process(command, **environment)) for _ in range(runs)]
        for process in processes:
            assert process.stdout is not None
            process.stdout.readline()  # it begins
        time.sleep(_FIRST_SECONDS)
        earlier, began = [_counted(url) for url in stand_ins], time.monotonic()
        time.sleep(seconds - _FIRST_SECONDS)
        later, lasted = [_counted(url) for url in stand_ins], time.monotonic() - began
    return " |".join(_figures(_TIERS[index], *counted, lasted) for counted in zip(earlier, later, strict=True))


def _figures(tier: Tier, earlier: Any, later: Any, seconds: float) -> str:
    answered, before = (counted["calls"]["by_status"].get("200", 0) for counted in (later, earlier))
    shares = [
        (answered - before) / tier.requests,
        (later["tokens"]["input"] - earlier["tokens"]["input"]) / tier.input_tokens,
        (later["tokens"]["output"] - earlier["tokens"]["output"]) / tier.output_tokens,
    ]
    statuses = later["calls"]["by_status"]
    turned_away = statuses.get("429", 0) / sum(statuses.values())
    return f"{answered:8,}{_FIRST_SECONDS + seconds:7.0f} s{max(shares) * 60 / seconds:12.1%}{turned_away:7.1%}"


async def _run(tier: Tier, runs: int, paced: bool) -> None:
    settings = ModelSettings()
    retry = RetryPolicy(settings)
    limiter = (RateLimiter if paced else Unpaced)(retry)
    limiter.share = 1 / runs
    model = Claude(settings, RunUsage(), retry, rate_limiter=limiter)

    async def slot() -> None:
        while True:
            text = f"# T\n\nUser: I like tea {os.urandom(8).hex()}. {'word ' * tier.words}"
            with suppress(ModelError):
                await model.ask(
                    step=tier.step,
                    model=_MODEL,
                    system=SYSTEM,
                    content=blocks({"excerpt-1": [("user", text)]}),
                    reply_type=ChunkFacts,
                    reply_tokens=1_000,
                )

    print("begins", flush=True)
    await asyncio.gather(*(slot() for _ in range(_SLOTS // runs)))


@contextmanager
def _stand_in(tier: Tier) -> Iterator[str]:
    port = Port(0).number
    url = f"http://127.0.0.1:{port}"
    with _process([sys.executable, "-m", "deployments.local.messages_api", "--port", str(port)]):
        while True:
            with suppress(httpx.TransportError):
                limits = {name: getattr(tier, name) for name in ("requests", "input_tokens", "output_tokens")}
                httpx.put(f"{url}/_control", json={"latency_seconds": _LATENCY, "limits": limits}).raise_for_status()
                break
            time.sleep(0.1)
        yield url


@contextmanager
def _process(command: list[str], **environment: str) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(command, cwd=ROOT, env=os.environ | environment, stdout=subprocess.PIPE, text=True)
    try:
        yield process
    finally:
        process.terminate()
        process.wait()


def _counted(url: str) -> Any:
    return httpx.get(f"{url}/_control").json()


if __name__ == "__main__":
    main()
