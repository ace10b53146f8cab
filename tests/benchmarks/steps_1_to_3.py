"""Steps 1 to 3 as the flow run does them, in a process of their own.

python -m tests.benchmarks.steps_1_to_3 USER_ID STORAGE_PATH: prints {"seconds": {step: …}, "chunks", "peak_mb"} as
JSON in the last line. The settings are those of a worker.
"""

import asyncio
import json
import sys
import time
from typing import Any
from uuid import UUID

from prefect import flow

from flows import spool, store
from flows.full_pass import chunk_conversations, download_conversations, save_chunks
from flows.steps import run_id
from flows.workspace import workspace
from tests.benchmarks.peak_memory import peak_mb


@flow
async def steps_1_to_3(user_id: UUID, storage_path: str) -> dict[str, Any]:
    """The seconds of each step and the peak of memory."""
    times = [time.perf_counter()]
    async with workspace(user_id) as folder:
        await store.current().claim(user_id, run_id(), {})
        export = await download_conversations(user_id, storage_path, folder)
        times.append(time.perf_counter())
        chunks = await chunk_conversations(user_id, export, None)
        times.append(time.perf_counter())
        await save_chunks(user_id, chunks)
        times.append(time.perf_counter())
        count = sum(1 for _ in spool.read(chunks))
        await store.current().fail(user_id, run_id(), "step=save_chunks: measured", retry_after=None, max_attempts=1)
    names = ("download_conversations", "chunk_conversations", "save_chunks")
    seconds = {name: after - before for name, before, after in zip(names, times, times[1:], strict=False)}
    return {"seconds": seconds, "chunks": count, "peak_mb": peak_mb()}


if __name__ == "__main__":
    print(json.dumps(asyncio.run(steps_1_to_3(UUID(sys.argv[1]), sys.argv[2]))))
