"""Whether the Prefect server has what `python -m deployments.apply` sets there and `prefect deploy` does not."""

from collections.abc import Iterable

from prefect.client.orchestration import PrefectClient
from prefect.events.filters import AutomationFilter, AutomationFilterName
from prefect.events.schemas.automations import Automation
from prefect.exceptions import ObjectNotFound

from flows.runs.tag_slots import SLOT_TAG

_AUTOMATIONS = ("full-pass-crash-silent-runs", "full-pass-crash-lost-runs", "full-pass-reconcile-bad-ends")


async def missing(prefect: PrefectClient) -> list[str]:
    """What the server lacks, and what is not as it should be for it; empty when all is there."""
    lacks = []
    try:
        await prefect.read_concurrency_limit_by_tag(SLOT_TAG)
    except ObjectNotFound:
        lacks.append(f"the limit of the tag {SLOT_TAG}: each run makes as many calls at a time as all should together")
    known = {automation.name for automation in await automations(prefect, _AUTOMATIONS)}
    return lacks + [
        f"the automation {name}: a run that is lost may be processing for ever"
        for name in _AUTOMATIONS
        if name not in known
    ]


async def automations(prefect: PrefectClient, names: Iterable[str]) -> list[Automation]:
    """Those of these names, in one request; the server may have none of a name, or several."""
    named = AutomationFilter(name=AutomationFilterName(any_=list(names)))
    return await prefect.read_automations(automations=named)
