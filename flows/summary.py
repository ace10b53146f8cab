"""What a run has come to, in figures: the flow's result, which Prefect does not keep."""

from typing import Any

from prefect import task
from prefect.cache_policies import NO_CACHE

from flows.chunks.saving import Saved
from flows.extraction.extract import Extracted
from flows.llm.client import current_model


@task(task_run_name="summarise", cache_policy=NO_CACHE)
async def summarise(saved: Saved, extracted: Extracted, v2: Any) -> dict[str, Any]:
    """Returns `{coverage, calls, input_tokens, output_tokens, cost_usd, sections, kept, left_out}`.

    `v2`: v2_regeneration's exception, if any; then `sections` says why they are left as they were.
    """
    total = current_model().usage.total()
    return {
        "coverage": extracted.figures(),
        "calls": total.calls,
        "input_tokens": total.input_tokens,
        "output_tokens": total.output_tokens,
        "cost_usd": total.cost_usd,
        "sections": f"left as they were: {v2}" if isinstance(v2, Exception) else "regenerated",
        "kept": saved.kept,
        "left_out": saved.left_out.counts,
    }
