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
from flows.records import LeftOut


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
        "left_out": saved.left_out.counts,
    }


async def publish_left_out(user_id: UUID, left_out: LeftOut) -> None:
    """Writes the artifact `skipped-conversations`: how much of the export was left out, and why."""
    if left_out.counts:
        rows = [f"| {reason} | {count:,} |" for reason, count in Counter(left_out.counts).most_common()]
        await acreate_markdown_artifact(
            key="skipped-conversations",
            description=f"Full pass of user {user_id}",
            markdown="\n".join(["| left out of the export because | |", "|---|---:|", *rows]),
        )


def _kept(saved: Saved) -> Iterator[str]:
    reason = (
        f"because {saved.left_out.unread} parts of it could not be read"
        if saved.left_out.unread
        else "more than a fifth of all that are stored of it"
    )
    for source, count in saved.kept.items():
        yield (
            f"Kept: {count} conversations of `{source}` that this export lacks, {reason}. If they are to go, deliver "
            'the export again with `"replace": true`.'
        )
        yield ""


def _row(step: str, model: str, usage: Usage) -> str:
    cells = [step, model, f"{usage.calls:,}", f"{usage.retries:,}", f"{usage.prompt_tokens:,}"]
    return f"| {' | '.join([*cells, f'{usage.cache_read_tokens:,}', f'{usage.output_tokens:,}', usage.dollars()])} |"
