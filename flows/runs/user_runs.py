"""All flow runs of one user: stopped, and forgotten by Prefect with their logs and artifacts."""

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.filters import (
    ArtifactFilter,
    ArtifactFilterKey,
    FlowRunFilter,
    FlowRunFilterDeploymentId,
    FlowRunFilterId,
    FlowRunFilterName,
    FlowRunFilterStartTime,
    FlowRunFilterTags,
)
from prefect.client.schemas.objects import FlowRun
from prefect.client.schemas.sorting import FlowRunSort
from prefect.exceptions import ObjectNotFound
from prefect.states import Cancelled, Cancelling

from flows.runs import flow_runs, run_report

_POLL_SECONDS = 1.0


async def stop(prefect: PrefectClient, deployment_id: UUID, user_id: UUID, patience: float) -> int:
    """Cancels the user's runs that have not ended; returns how many, when none of them is at work.

    A running one is told to go, as the button in the UI does. One that has not gone after `patience` seconds has no
    worker that tells it, and its state is set.
    """
    active = [run async for run in flow_runs.active(prefect, deployment_id) if flow_runs.user_of(run) == user_id]
    for run in active:
        at_work = run.state is not None and (run.state.is_running() or run.state.is_cancelling())
        await _set(prefect, run.id, Cancelling() if at_work else Cancelled(), force=not at_work)
    deadline = time.monotonic() + patience
    left = {str(run.id) for run in active}
    while left := {run_id for run_id in left if not await _has_ended(prefect, run_id)}:
        if time.monotonic() > deadline:
            for run_id in left:
                await _set(prefect, UUID(run_id), Cancelled(), force=True)
            break
        await asyncio.sleep(_POLL_SECONDS)
    return len(active)


async def forget(prefect: PrefectClient, deployment_id: UUID, user_id: UUID) -> int:
    """Deletes the user's runs, with their task runs, logs and artifacts; returns how many."""
    found = {run.id async for run in _of_user(prefect, deployment_id, user_id)}
    # Reports of runs that somebody has deleted are left of them.
    reports = ArtifactFilter(key=ArtifactFilterKey(any_=[run_report.key(user_id)]))
    await _forget_artifacts(prefect, artifact_filter=reports)
    for run_id in found:
        this_run = FlowRunFilter(id=FlowRunFilterId(any_=[run_id]))
        await _forget_artifacts(prefect, artifact_filter=ArtifactFilter(), flow_run_filter=this_run)
        try:
            await prefect.delete_flow_run(run_id)
        except ObjectNotFound:  # it went meanwhile
            continue
    return len(found)


async def _forget_artifacts(prefect: PrefectClient, **asked: Any) -> None:
    while artifacts := await prefect.read_artifacts(limit=200, **asked):
        for artifact in artifacts:
            await prefect.delete_artifact(artifact.id)


async def _of_user(prefect: PrefectClient, deployment_id: UUID, user_id: UUID) -> AsyncIterator[FlowRun]:
    """By tag; by name, as runs by hand and before the tag have it; and those that never began, before the tag."""
    tagged = FlowRunFilter(tags=FlowRunFilterTags(all_=[flow_runs.tag_of(user_id)]))
    named = FlowRunFilter(name=FlowRunFilterName(any_=[f"full-pass-{user_id}"]))
    never_began = FlowRunFilter(
        deployment_id=FlowRunFilterDeploymentId(any_=[deployment_id]),
        start_time=FlowRunFilterStartTime(is_null_=True),
    )
    for asked in (tagged, named, never_began):
        async for run in flow_runs.pages(prefect, asked, FlowRunSort.ID_DESC):
            if flow_runs.user_of(run) == user_id:
                yield run


async def _set(prefect: PrefectClient, run_id: UUID, state: object, *, force: bool) -> None:
    try:
        await prefect.set_flow_run_state(run_id, state, force=force)  # type: ignore[arg-type]
    except ObjectNotFound:
        return


async def _has_ended(prefect: PrefectClient, run_id: str) -> bool:
    run = (await flow_runs.by_id(prefect, [run_id])).get(run_id)
    return run is None or (run.state is not None and run.state.is_final())
