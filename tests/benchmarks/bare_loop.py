"""Extraction as a bare asyncio loop: the same questions, a semaphore, and nothing around it.

python -m tests.benchmarks.bare_loop CHUNKS LIMIT: prints {"seconds"} as JSON in the last line.
"""

import asyncio
import json
import sys
import time
from pathlib import Path

from flows.extraction import packing, question
from flows.extraction.packing import Pack
from flows.llm.client import open_model
from flows.settings import ModelSettings, PassSettings


async def main(chunks: Path, limit: int) -> float:
    slots = asyncio.Semaphore(limit)
    model = ModelSettings().extraction_model

    async def ask(pack: Pack) -> None:
        async with slots:
            await question.ask(pack, model)

    started = time.perf_counter()
    async with open_model():
        await asyncio.gather(*(ask(pack) for pack in packing.packs(chunks, (), PassSettings().extraction_pack_tokens)))
    return time.perf_counter() - started


if __name__ == "__main__":
    print(json.dumps({"seconds": asyncio.run(main(Path(sys.argv[1]), int(sys.argv[2])))}))
