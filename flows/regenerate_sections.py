"""The flow that writes a user's profile sections anew, from the MEMORY and the chunks that are there.

For whoever has changed the model of step 9, and for a user whose pass completed without its sections. It is no pass
and claims nobody, so `full_pass_status` and all else of a pass stay as they are. It does nothing for a user whom a pass
has, since its own step 9 comes anyway, and writes nothing when one has begun meanwhile.
"""

import time
from typing import Any
from uuid import UUID

from prefect import State, flow, task
from prefect.cache_policies import NO_CACHE
from prefect.runtime import flow_run
from prefect.states import Completed

from flows.errors import MemoryChanged, NoMemory, NotOwner
from flows.llm.client import current_model
from flows.llm.usage import dollars
from flows.memory import sections
from flows.records import Step
from flows.runs import flow_runs, outcome, quiet
from flows.runs.flow_runs import duration
from flows.runs.run_context import regeneration_context
from flows.steps import logged, run_id
from flows.store.client import current_store
from flows.store.requests import owned_by


@task(task_run_name=Step.V2_REGENERATION.value, cache_policy=NO_CACHE)
async def regenerate(user_id: UUID) -> dict[str, int]:
    """Step 9 alone. Returns how many sections stay as they were, and how many faults the reply still had.

    Raises StepFailed: of NotOwner, NoMemory, MemoryChanged, UserNotFound, and of what step 9 raises.
    """
    async with logged(Step.V2_REGENERATION, user_id) as figures:
        profiles = current_store().profiles
        found = await profiles.memory(user_id)
        if found.full_pass_status == "processing":
            raise NotOwner(owned_by(found.full_pass_run_id, found.full_pass_status))
        if not (found.memory_md or "").strip():
            raise NoMemory("the user has no MEMORY to write sections from; let a full pass end first")
        profile = await sections.regenerate(user_id, found.memory_md or "", anew=True)
        figures.add(profile.figures())
        if not await profiles.save_regenerated(
            user_id, run_id(), found, profile.columns(), profile.text(), profile.question
        ):
            raise MemoryChanged("MEMORY was changed meanwhile, so the sections are not of it; run this once more")
        return profile.figures()


def _name() -> str:
    return flow_runs.run_name("regenerate-sections", flow_run.parameters["user_id"])


@flow(name="regenerate-sections", flow_run_name=_name)
async def regenerate_sections(user_id: UUID) -> State[Any]:
    """Writes soul, identity, user, agents and tools of one user, and `soulprint_text`.

    Returns `{sections, calls, input_tokens, output_tokens, cost_usd}`; the cost is also added to
    `import_cost_json.regenerations`. Where a pass has the user, it ends Cancelled.
    """
    quiet.hush()
    began = time.monotonic()
    try:
        async with regeneration_context(user_id):
            figures = await regenerate(user_id)
            total = current_model().usage.total()
    except Exception as error:
        return await outcome.failed_regeneration(error)
    spent = {
        "calls": total.calls,
        "input_tokens": total.input_tokens,
        "output_tokens": total.output_tokens,
        "cost_usd": total.cost_usd,
    }
    kept = f", {figures['kept']} of them kept as they were" if figures.get("kept") else ""
    told = f"{dollars(total.cost_usd, 2)}, {duration(time.monotonic() - began)}"
    return Completed(message=f"complete: sections{kept}, {told}", data={"sections": figures, **spent})
