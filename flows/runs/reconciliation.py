"""What no hook has written: rows that do not say what Prefect knows of their runs are set right.

A hook fails when the database is away, and does not run at all when the machine of the run is lost. So the scheduled
flow compares: a row says processing and its run has ended; a run has ended before it could claim its user. A run that
is silent, or that a worker took and never began, is ended by automations (deployments/automations) and then found here.
"""

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

from prefect import State
from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.objects import FlowRun, StateType
from prefect.states import Cancelled

from flows.errors import NotOwner, UserNotFound, reported
from flows.portions import by_count
from flows.records import ProfileRow
from flows.runs import deliveries, flow_runs, status, tag_slots
from flows.settings import PassSettings
from flows.store.client import Store

_LOOK_BACK = timedelta(days=1)  # for runs that have ended without ever having had their user
_AT_ONCE = 100  # ids in one request


@dataclass(frozen=True)
class StaleRow:
    """A row that does not say how its run has ended."""

    user_id: UUID
    run_id: str
    run: FlowRun | None  # None: Prefect does not know it
    claimed: bool = True

    @property
    def why(self) -> str:
        """What its run has come to, which it did not say."""
        if self.run is None or self.run.state is None:
            return "its run is not known any more"
        return self.run.state.message or f"its run is {self.run.state.name}"


async def reconcile(store: Store, prefect: PrefectClient, deployment_id: UUID) -> list[StaleRow]:
    """Sets every stale row right, and slots of the extraction that nobody has any more; returns those rows."""
    stale, lost = await _stale_rows(store, prefect, deployment_id), await tag_slots.lost_slots(prefect)
    if not stale and not lost:
        await _end_deliveries(store, prefect)
        return []
    # The run's own hooks may be about to write, and know more.
    await asyncio.sleep(PassSettings().full_pass_hook_seconds)
    if still_lost := min(lost, await tag_slots.lost_slots(prefect)):
        await tag_slots.give_back(prefect, still_lost)
    still = {row.run_id for row in await _stale_rows(store, prefect, deployment_id)}
    stale = [row for row in stale if row.run_id in still]
    for row in stale:
        await _set_right(store, prefect, deployment_id, row)
    await _end_deliveries(store, prefect)
    return stale


async def _end_deliveries(store: Store, prefect: PrefectClient) -> None:
    for deleted in await deliveries.end_lost(store, prefect):
        await status.write_deleted(store, deleted.user_id, deleted.flow_run_id or "", deleted.id)


async def _stale_rows(store: Store, prefect: PrefectClient, deployment_id: UUID) -> list[StaleRow]:
    return [
        *await _of_ended_owners(store, prefect),
        *await _of_runs_that_never_claimed(store, prefect, deployment_id),
    ]


async def _of_ended_owners(store: Store, prefect: PrefectClient) -> list[StaleRow]:
    """Rows that say processing while their run has ended."""
    owners = [owner async for owner in store.passes.processing()]
    known = await flow_runs.by_id(prefect, (run_id for _, run_id in owners))
    # A run of another user says nothing of this one, whatever the row says.
    runs = ((user_id, run_id, _of_user(known.get(run_id), user_id)) for user_id, run_id in owners)
    return [StaleRow(user_id, run_id, run) for user_id, run_id, run in runs if run is None or _has_ended(run)]


async def _of_runs_that_never_claimed(store: Store, prefect: PrefectClient, deployment_id: UUID) -> list[StaleRow]:
    """Rows of runs that have ended badly and never were the owner, for want of a database or by dying too early."""
    latest = await _latest_bad_ends(prefect, deployment_id)
    rows: dict[UUID, ProfileRow] = {}
    for some in by_count(latest, _AT_ONCE):
        rows |= await store.passes.rows(some, "user_id,full_pass_status,full_pass_run_id")
    owners = await flow_runs.by_id(prefect, (row.full_pass_run_id or "" for row in rows.values()))
    missed = []
    for user_id, row in rows.items():
        run, owner = latest[user_id], owners.get(row.full_pass_run_id or "")
        # An older run has the row, or none.
        if row.full_pass_status != "processing" and (owner is None or _made(owner) < _made(run)):
            missed.append(StaleRow(user_id, str(run.id), run, claimed=False))
    return missed


async def _latest_bad_ends(prefect: PrefectClient, deployment_id: UUID) -> dict[UUID, FlowRun]:
    """User → the newest run that has ended badly, of users for whom no other run is active."""
    since = datetime.now(UTC) - _LOOK_BACK
    busy = {flow_runs.user_of(run) async for run in flow_runs.active(prefect, deployment_id)}
    latest: dict[UUID, FlowRun] = {}
    async for run in flow_runs.ended_badly(prefect, deployment_id, since):
        # These have nothing to write: another run has the user, or there is no such row.
        if run.state and run.state.name == flow_runs.NOT_RUN:
            continue
        if run.state and reported(run.state.message).type in (NotOwner.__name__, UserNotFound.__name__):
            continue
        user_id = flow_runs.user_of(run)
        if user_id is not None and user_id not in busy and _made(latest.setdefault(user_id, run)) < _made(run):
            latest[user_id] = run
    return latest


async def _set_right(store: Store, prefect: PrefectClient, deployment_id: UUID, row: StaleRow) -> None:
    if row.run is None and await _was_deleted(store, prefect, deployment_id, row):
        await status.write_deleted_owner(store, prefect, row.user_id, row.run_id)
        return
    if row.run is None or row.run.state is None:
        await status.write_crash(store, row.user_id, row.run_id)
        return
    if row.claimed or (await status.claim(store, prefect, row.run)).owner == row.run_id:
        await status.write_end(store, prefect, row.run, await _end(prefect, row.run, row.run.state))


async def _was_deleted(store: Store, prefect: PrefectClient, deployment_id: UUID, row: StaleRow) -> bool:
    """Whether somebody has deleted the run. A server that has lost its data has a deployment that is younger."""
    made = (await prefect.read_deployment(deployment_id)).created
    rows = await store.passes.rows([row.user_id], "user_id,full_pass_started_at")
    began = rows[row.user_id].full_pass_started_at if row.user_id in rows else None
    is_known = bool(await flow_runs.by_id(prefect, [row.run_id])) or not flow_runs.is_uuid(row.run_id)
    return not is_known and made is not None and began is not None and made < datetime.fromisoformat(began)


async def _end(prefect: PrefectClient, run: FlowRun, state: State) -> State:
    """How the run has ended. One that fell silent after it was told to stop was cancelled, and did not crash."""
    if state.type == StateType.CRASHED:
        states = await prefect.read_flow_run_states(run.id)
        if any(earlier.type == StateType.CANCELLING for earlier in states):
            return Cancelled()
    return state


def _of_user(run: FlowRun | None, user_id: UUID) -> FlowRun | None:
    return run if run is not None and flow_runs.user_of(run) == user_id else None


def _has_ended(run: FlowRun) -> bool:
    return run.state is not None and run.state.is_final()


def _made(run: FlowRun) -> datetime:
    """When the run was made, by the server's clock, which is the same for all runs."""
    return run.created or datetime.min.replace(tzinfo=UTC)
