"""What the size of a pack of chunks costs, and finds: `python -m tests.benchmarks.packing`, two minutes.

The sample export's chunks, asked about by the real question through the real client, answered by the Messages API
stand-in within this process. It thinks and counts as the API does; the facts that it finds are those that its rules
know, so `facts` says whether a fact is lost on the way, and not how well a model reads what is long.
"""

import asyncio
import os
import tempfile
from pathlib import Path
from typing import NamedTuple

from deployments.local.stack import ROOT
from flows.chunks import writing
from flows.extraction import packing, question
from flows.settings import ModelSettings
from tests.unit.fake_model import KEY, InProcessModel

_SIZES = (1, 2_000, 4_000, 8_000, 16_000)
_AT_ONCE = 20
_MODEL = ModelSettings.model_fields["extraction_model"].default
#: Of each fifty replies one cannot be used: it is paid for, and asked for again.
_UNUSABLE = {"kind": "malformed", "every": 50}


class Asked(NamedTuple):
    calls: int
    input_tokens: int
    output_tokens: int
    dollars: float
    facts: int


async def asked(chunks_file: Path, size: int, *faults: dict[str, object]) -> Asked:
    """All chunks, in packs of so many tokens."""
    slots, facts, api = asyncio.Semaphore(_AT_ONCE), 0, InProcessModel()

    async def ask(pack: packing.Pack) -> int:
        async with slots:
            return sum(len(outcome.facts) for outcome in await question.ask(pack, _MODEL))

    async with api.connected() as model:
        await api.behave(*faults)
        facts = sum(await asyncio.gather(*(ask(pack) for pack in packing.packs(chunks_file, (), size))))
        used = model.usage.total()
    return Asked(used.calls, used.input_tokens, used.output_tokens, used.cost_usd or 0.0, facts)


def main() -> None:
    os.environ |= {"ANTHROPIC_API_KEY": KEY, "ANTHROPIC_BASE_URL": "http://stand-in"}
    with tempfile.TemporaryDirectory() as folder:
        chunks_file = Path(folder) / "chunks.jsonl"
        writing.chunk_export(ROOT / "tests" / "data" / "sample_export.zip", chunks_file, writing.limits())
        print("| thinking | pack tokens | calls | input | output | cost | facts | 2 % unusable | one call |")
        print("|---|---:|---:|---:|---:|---:|---:|---:|---:|")
        for thinking in ("off", "low", "medium"):
            os.environ["EXTRACTION_THINKING"] = thinking
            for size in _SIZES:
                plain = asyncio.run(asked(chunks_file, size))
                harmed = asyncio.run(asked(chunks_file, size, _UNUSABLE))
                print(
                    f"| {thinking} | {size:,} | {plain.calls:,} | {plain.input_tokens:,} | {plain.output_tokens:,} "
                    f"| ${plain.dollars:.4f} | {plain.facts} | {harmed.dollars / plain.dollars - 1:+.1%} "
                    f"| ${plain.dollars / plain.calls:.5f} |",
                    flush=True,
                )


if __name__ == "__main__":
    main()
