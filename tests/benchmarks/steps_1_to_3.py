"""Steps 1 to 3 as the flow run does them, in a process of their own.

python -m tests.benchmarks.steps_1_to_3 USER_ID STORAGE_PATH: prints {"seconds": {step: …}, "peaks_mb": {step: …},
"chunks"} as JSON in the last line. The settings are those of a worker.
"""

import asyncio
import json
import sys
import time
from collections.abc import Awaitable
from typing import Any, TypeVar
from uuid import UUID

from prefect import flow

from flows import spool
from flows.full_pass import chunk_conversations, download_conversations, save_chunks
from flows.records import ChunkRecord
from flows.runs.flow_runs import PassRequest
from flows.runs.run_context import run_context
from flows.steps import run_id
from flows.store.client import current_store
from tests.benchmarks.peak_memory import peak_mb

Result = TypeVar("Result")


@flow
async def steps_1_to_3(user_id: UUID, storage_path: str) -> dict[str, Any]:
    """The seconds of each step, and the peak of memory up to its end."""
    seconds: dict[str, float] = {}
    peaks: dict[str, float] = {}

    async def measured(name: str, work: Awaitable[Result]) -> Result:
        started = time.perf_counter()
        result = await work
        seconds[name], peaks[name] = time.perf_counter() - started, peak_mb()
        return result

    async with run_context(user_id) as folder:
        await current_store().passes.claim(user_id, run_id(), {})
        request = PassRequest(user_id=user_id, storage_path=storage_path)
        export, _ = await measured("download", download_conversations(request, folder))
        chunks_file = await measured("chunk", chunk_conversations(user_id, export, None))
        await measured("save", save_chunks(user_id, chunks_file))
        count = sum(1 for _ in spool.read(chunks_file, ChunkRecord))
        await current_store().passes.fail(
            user_id, run_id(), "step=save_chunks: measured", retry_after=None, max_attempts=1
        )
    return {"seconds": seconds, "peaks_mb": peaks, "chunks": count}


if __name__ == "__main__":
    print(json.dumps(asyncio.run(steps_1_to_3(UUID(sys.argv[1]), sys.argv[2]))))
