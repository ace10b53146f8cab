"""What the model that the settings name finds in the labelled excerpts: `python -m tests.eval --help`.

Costs what it prints; without ANTHROPIC_API_KEY the Messages API stand-in answers, within this process.
"""

import argparse
import asyncio
import json
import os
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from flows import spool
from flows.chunks import cutting, writing
from flows.extraction import packing, question
from flows.llm.client import Claude, open_model
from flows.memory import decisions
from flows.records import ChunkOutcome
from flows.settings import ModelSettings, PassSettings
from tests.eval import labels, matching, pairs, relations, remembering, table
from tests.eval.labels import Excerpt
from tests.eval.matching import Judged
from tests.unit.fake_model import KEY, InProcessModel

_AT_ONCE = 4
_STAND_IN = "NO KEY: answered by the stand-in's rules. These figures are the stand-in's and say nothing about a model."


async def asked(excerpts: Sequence[Excerpt], model: str, up_to: int) -> tuple[list[Judged], int]:
    """What became of each excerpt, and how many facts were dropped because no words of the person's say them."""
    slots = asyncio.Semaphore(_AT_ONCE)

    async def ask(pack: packing.Pack) -> list[ChunkOutcome]:
        async with slots:
            return await question.ask(pack, model)

    with tempfile.TemporaryDirectory() as folder:
        chunks_file = Path(folder) / "chunks.jsonl"
        chunks = [
            writing.record(chunk, "eval") for excerpt in excerpts for chunk in cutting.cut(excerpt.conversation())
        ]
        spool.write(chunks_file, chunks)
        packs = await asyncio.gather(*(ask(pack) for pack in packing.packs(chunks_file, (), up_to)))
    outcomes = [outcome for pack in packs for outcome in pack]
    of_chunk = {chunk.chunk_key: chunk.conversation_id for chunk in chunks}
    judged = [
        _judged(excerpt, [each for each in outcomes if of_chunk[each.chunk_key] == excerpt.id]) for excerpt in excerpts
    ]
    return judged, sum(outcome.unsupported for outcome in outcomes)


def _judged(excerpt: Excerpt, outcomes: Sequence[ChunkOutcome]) -> Judged:
    judged = matching.judge(excerpt, [fact for each in outcomes for fact in each.facts])
    judged.failed = any(each.outcome != "facts" for each in outcomes)
    return judged


async def evaluated(excerpts: Sequence[Excerpt], stand_in: bool) -> tuple[table.Figures, list[Judged]]:
    settings, begun = ModelSettings(), time.monotonic()
    async with _connected(stand_in) as model:
        judged, unsupported = await asked(excerpts, settings.extraction_model, PassSettings().extraction_pack_tokens)
        related, undecided = await relations.decided(pairs.read(), settings.extraction_model)
        memory = await remembering.remembered()
        used = model.usage.total()
    run: table.Figures = {
        "prompt_version": question.PROMPT_VERSION,
        "model": "stand-in" if stand_in else settings.extraction_model,
        "excerpts": len(excerpts),
        "unsupported": unsupported,
        "pairs_prompt_version": decisions.PROMPT_VERSION,
        "undecided_pairs": undecided,
        "pairs": relations.figures(related),
        "memory_model": "stand-in" if stand_in else settings.memory_model,
        "memory": memory,
        "seconds": round(time.monotonic() - begun, 1),
        "usage": asdict(used),
    }
    return run | table.figures(judged), judged


@asynccontextmanager
async def _connected(stand_in: bool) -> AsyncIterator[Claude]:
    async with InProcessModel().connected() if stand_in else open_model() as model:
        yield model


def main() -> None:
    arguments = _arguments()
    before: dict[str, Any] | None = json.loads(arguments.compare.read_text()) if arguments.compare else None
    stand_in = ModelSettings.model_fields["model_provider"].default == os.environ.get(
        "MODEL_PROVIDER", "anthropic"
    ) and not os.environ.get("ANTHROPIC_API_KEY")
    if stand_in:
        os.environ |= {"ANTHROPIC_API_KEY": KEY, "ANTHROPIC_BASE_URL": "http://stand-in"}
        print(_STAND_IN)
    run, judged = asyncio.run(evaluated(labels.excerpts(), stand_in))
    print(f"model {run['model']}, prompt {run['prompt_version']}, {run['excerpts']} excerpts")
    if before:
        print(f"compared with model {before['model']}, prompt {before['prompt_version']}")
    print("\n".join(table.printed(run, before)))
    usage = run["usage"]
    cost = "unknown" if usage["cost_usd"] is None else f"${usage['cost_usd']:.4f}"
    print("\n".join(relations.printed(run, before)))
    print("\n".join(remembering.printed(run)))
    print(f"dropped, without words that say them: {run['unsupported']}")
    print(
        f"{usage['calls']} calls, {usage['input_tokens']:,} tokens in, {usage['output_tokens']:,} out "
        f"({usage['thinking_tokens']:,} thinking), cost {cost}, {run['seconds']} s"
    )
    print("the worst")
    print("\n".join(table.worst(judged)))
    if arguments.out:
        arguments.out.write_text(table.as_json(run), encoding="utf-8")
    if stand_in:
        print(_STAND_IN)
    sys.exit(bool(run["without_answer"]))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.eval", description="How well a model reads.")
    parser.add_argument("--out", type=Path, metavar="FILE", help="write the figures there, as JSON")
    parser.add_argument("--compare", type=Path, metavar="FILE", help="JSON of an earlier run: show what has changed")
    return parser.parse_args()


if __name__ == "__main__":
    main()
