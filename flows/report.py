"""What a run reports of itself in the Prefect UI: artifacts with figures, never with text of the user."""

from collections import Counter
from collections.abc import Iterator
from typing import Any
from uuid import UUID

from prefect import task
from prefect.artifacts import acreate_markdown_artifact
from prefect.cache_policies import NO_CACHE

from flows.chunks.saving import Saved
from flows.extraction.extract import Extracted
from flows.llm.client import current_model
from flows.llm.usage import Usage


@task(cache_policy=NO_CACHE)
async def publish(user_id: UUID, saved: Saved, extracted: Extracted, v2: Any) -> dict[str, Any]:
    """Writes the artifact `full-pass-report` and returns its figures. `v2`: v2_regeneration's exception, if any."""
    usage = current_model().usage
    total = usage.total()
    sections = f"left as they were: {v2}" if isinstance(v2, Exception) else "regenerated"
    rows = [_row(step, model, entry) for (step, model), entry in usage.entries.items()]
    await acreate_markdown_artifact(
        key="full-pass-report",
        description=f"Full pass of user {user_id}",
        markdown="\n".join(
            [
                f"Profile sections: {sections}",
                "",
                "Chunks: " + ", ".join(f"{value} {name}" for name, value in extracted.figures().items()),
                "",
                *_kept(saved),
                "| step | model | calls | retries | input tokens | of them from the cache | output tokens | cost |",
                "|---|---|---:|---:|---:|---:|---:|---:|",
                *rows,
                _row("total", "", total),
            ]
        ),
    )
    return {
        "coverage": extracted.figures(),
        "calls": total.calls,
        "input_tokens": total.input_tokens,
        "output_tokens": total.output_tokens,
        "cost_usd": total.cost_usd,
        "sections": sections,
        "kept": saved.kept,
    }


async def publish_skipped(user_id: UUID, skipped: Counter[str]) -> None:
    """Writes the artifact `skipped-conversations`: how many entries of the export were left out, and why."""
    if skipped:
        rows = [f"| {reason} | {count:,} |" for reason, count in skipped.most_common()]
        await acreate_markdown_artifact(
            key="skipped-conversations",
            description=f"Full pass of user {user_id}",
            markdown="\n".join(["| entries of the export left out because | |", "|---|---:|", *rows]),
        )


def _kept(saved: Saved) -> Iterator[str]:
    for source, count in saved.kept.items():
        yield (
            f"Kept: {count} conversations of `{source}` that this export lacks, more than a fifth of all that are "
            'stored of it. If they are to go, deliver the export again with `"replace": true`.'
        )
        yield ""


def _row(step: str, model: str, usage: Usage) -> str:
    cells = [step, model, f"{usage.calls:,}", f"{usage.retries:,}", f"{usage.prompt_tokens:,}"]
    return f"| {' | '.join([*cells, f'{usage.cache_read_tokens:,}', f'{usage.output_tokens:,}', usage.dollars()])} |"
