"""What the Prefect server has otherwise than it should: one line for each thing, empty when all is as it should be.

What is to be there, `wanted` says. What an operator has paused is no difference.
"""

from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from typing import Any

from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.responses import DeploymentResponse
from prefect.events.schemas.automations import Automation, AutomationCore
from prefect.exceptions import ObjectNotFound
from prefect.flows import Flow, load_flow_from_entrypoint
from prefect.utilities.callables import parameter_schema

from deployments import WORK_POOL, wanted
from flows.runs import applied
from flows.runs.tag_slots import SLOT_TAG
from flows.settings import ApplySettings, fact_extraction_concurrency

_SHOWN = 60  # characters of a value

#: A key of a deployment in prefect.yaml → what the server has of it.
_FOUND: dict[str, Callable[[DeploymentResponse], Any]] = {
    "name": lambda found: found.name,
    "description": lambda found: found.description,
    "entrypoint": lambda found: found.entrypoint,
    "version": lambda found: found.version,
    "tags": lambda found: found.tags,
    "pull": lambda found: found.pull_steps or [],
    "work_pool": lambda found: {
        "name": found.work_pool_name,
        "work_queue_name": found.work_queue_name,
        "job_variables": found.job_variables,
    },
    "concurrency_limit": lambda found: _limit_of(found),
    "schedules": lambda found: {each.slug: _cron(each.schedule) for each in found.schedules},
    "parameters": lambda found: found.parameter_openapi_schema,
}


async def differences(prefect: PrefectClient) -> list[str]:
    """Raises SettingsError, and what Prefect's client raises when the server does not answer."""
    return [line for part in (_limits, _deployments, _automations) async for line in part(prefect)]


async def automations(prefect: PrefectClient) -> AsyncIterator[tuple[Sequence[Automation], AutomationCore]]:
    """Each as the server has it and as it should be. The server may have none, or one that two have applied at once
    several times: the first is the one to keep."""
    try:
        ticks = (await prefect.read_deployment_by_name(wanted.TICKS)).id
    except ObjectNotFound:
        ticks = None
    all_wanted = list(wanted.automations(ApplySettings(), ticks))
    known = await applied.automations(prefect, (should.name for should in all_wanted))
    known.sort(key=lambda each: (each.enabled, each.id))
    for should in all_wanted:
        yield [found for found in known if found.name == should.name], should


def of_automation(found: AutomationCore, should: AutomationCore) -> list[str]:
    """Whether it is paused is the operator's to say."""
    told = [
        _plain(each.model_dump(mode="json", include={"description", "trigger", "actions"})) for each in (found, should)
    ]
    return list(_differ(f"automation {should.name}", *told))


async def _limits(prefect: PrefectClient) -> AsyncIterator[str]:
    try:
        await prefect.read_work_pool(WORK_POOL)
    except ObjectNotFound:
        yield f"work pool {WORK_POOL}: none → {wanted.POOL_TYPE}"
    found: dict[str, int | None] = {f"queue {name}": await queue_limit(prefect, name) for name in wanted.QUEUES}
    try:
        found[f"tag {SLOT_TAG}"] = (await prefect.read_concurrency_limit_by_tag(SLOT_TAG)).concurrency_limit
    except ObjectNotFound:
        found[f"tag {SLOT_TAG}"] = None
    should = {
        f"queue {wanted.UPKEEP_QUEUE}": wanted.TICKS_AT_ONCE,
        f"queue {wanted.PASSES_QUEUE}": await passes_at_once(prefect),
        f"tag {SLOT_TAG}": fact_extraction_concurrency(),
    }
    for what in should:
        for line in _differ(f"limit of the {what}", found[what], should[what]):
            yield line


async def queue_limit(prefect: PrefectClient, name: str) -> int | None:
    """None also when there is no such queue."""
    try:
        return (await prefect.read_work_queue_by_name(name, work_pool_name=WORK_POOL)).concurrency_limit
    except ObjectNotFound:
        return None


async def passes_at_once(prefect: PrefectClient) -> int:
    """What an operator has set with Prefect's own command stays, also 0, unless the setting says something else."""
    if (said := ApplySettings().full_pass_concurrency) is not None:
        return said
    found = await queue_limit(prefect, wanted.PASSES_QUEUE)
    return wanted.PASSES_AT_ONCE if found is None else found


async def _deployments(prefect: PrefectClient) -> AsyncIterator[str]:
    file = wanted.prefect_file(await passes_at_once(prefect))
    for entry in file["deployments"]:
        flow: Flow[..., Any] = load_flow_from_entrypoint(entry["entrypoint"])
        what = f"deployment {flow.name}/{entry['name']}"
        try:
            found = await prefect.read_deployment_by_name(f"{flow.name}/{entry['name']}")
        except ObjectNotFound:
            yield f"{what}: none → version {entry['version']}"
            continue
        should = {**entry, "pull": file["pull"], "parameters": parameter_schema(flow).model_dump(exclude_unset=True)}
        if "schedules" in should:
            should["schedules"] = {each["slug"]: _cron(each) for each in should["schedules"]}
        for key, value in should.items():
            for line in _differ(f"{what}: {key}", _FOUND[key](found), value):
                yield line


async def _automations(prefect: PrefectClient) -> AsyncIterator[str]:
    async for found, should in automations(prefect):
        for line in of_automation(found[0], should) if found else [f"automation {should.name}: none → made"]:
            yield line
        if len(found) > 1:
            yield f"automation {should.name}: there are {len(found)} → 1"


def _limit_of(found: DeploymentResponse) -> Mapping[str, Any] | None:
    if found.global_concurrency_limit is None:
        return None
    options = found.concurrency_options
    return {
        "limit": found.global_concurrency_limit.limit,
        **(options.model_dump(mode="json", exclude_none=True) if options else {}),
    }


def _cron(schedule: Any) -> dict[str, Any]:
    known = schedule if isinstance(schedule, dict) else schedule.model_dump()
    return {key: known.get(key) for key in ("cron", "timezone")}


def _plain(value: Any) -> Any:
    """Lists whose order means nothing, in one order."""
    if isinstance(value, dict):
        return {key: _plain(each) for key, each in value.items()}
    if isinstance(value, list) and all(isinstance(each, str) for each in value):
        return sorted(value)
    if isinstance(value, list):
        return {str(number): _plain(each) for number, each in enumerate(value)}
    return value


def _differ(what: str, found: Any, should: Any) -> Iterator[str]:
    if isinstance(found, dict) and isinstance(should, dict):
        for key, value in should.items():
            yield from _differ(f"{what}.{key}", found.get(key), value)
        # Without its value, which may be a key.
        yield from (f"{what}.{key}: is not to be there" for key in found if key not in should)
    elif found != should:
        yield f"{what}: {_short(found)} → {_short(should)}"


def _short(value: Any) -> str:
    text = "none" if value is None else str(value)
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 1]}…"
