"""What a run reports of itself in the Prefect UI: an artifact with figures, never with text of the user."""

from typing import Any
from uuid import UUID

from prefect import task
from prefect.artifacts import acreate_markdown_artifact
from prefect.cache_policies import NO_CACHE

from flows import claude
from flows.ledger import Entry


@task(cache_policy=NO_CACHE)
async def publish(user_id: UUID, v2: Any) -> dict[str, Any]:
    """Writes the artifact `full-pass-report` and returns its figures. `v2`: v2_regeneration's exception, if any."""
    ledger = claude.current().ledger
    total = ledger.total()
    sections = f"left as they were: {v2}" if isinstance(v2, Exception) else "regenerated"
    rows = [_row(step, model, entry) for (step, model), entry in ledger.entries.items()]
    await acreate_markdown_artifact(
        key="full-pass-report",
        description=f"Full pass of user {user_id}",
        markdown="\n".join(
            [
                f"Profile sections: {sections}",
                "",
                "| step | model | calls | input tokens | output tokens | cost |",
                "|---|---|---:|---:|---:|---:|",
                *rows,
                _row("total", "", total),
            ]
        ),
    )
    return {
        "calls": total.calls,
        "input_tokens": total.input_tokens,
        "output_tokens": total.output_tokens,
        "cost_usd": total.cost_usd,
        "sections": sections,
    }


def _row(step: str, model: str, entry: Entry) -> str:
    return (
        f"| {step} | {model} | {entry.calls:,} | {entry.input_tokens:,} | {entry.output_tokens:,} | {entry.dollars()} |"
    )
