"""Runs that were told to go, as a restart of their worker tells them: the next worker goes on with the same run.

So nothing has failed, and no attempt is counted. A run whose process died without having been told is not put back: it
may itself be why.
"""

from uuid import UUID

from prefect import State
from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.objects import StateType
from prefect.states import AwaitingRetry

from flows.runs import flow_runs, tag_slots

#: Runs that the worker in this process has told to go.
told: set[UUID] = set()

#: What Prefect says of a run whose process has had SIGTERM or Ctrl-C; the last: before it could say so itself.
_TOLD = (
    "Execution was aborted by a termination signal.",
    "Execution was aborted by an interrupt signal.",
    "Execution was cancelled by the runtime environment.",
    "Process exited with status code: -15.",
)
#: A run that has been begun so often is not only restarted.
_MOST_STARTS = 20
_CUT_OFF = {StateType.PENDING, StateType.RUNNING, StateType.CRASHED}


def was_told_to_go(run_id: UUID, state: State) -> bool:
    """Whether a run is Crashed because somebody wanted its process or its worker to end."""
    return run_id in told or (state.message or "").startswith(_TOLD)


async def put_back(prefect: PrefectClient, run_id: UUID) -> bool:
    """Makes the run wait for a worker again; returns whether it does.

    It does not when it has ended otherwise, when nobody would take it because it is of no deployment, and when it has
    been begun too often.
    """
    run = await prefect.read_flow_run(run_id)
    if run.deployment_id is None or run.run_count >= _MOST_STARTS or run.state is None:
        return False
    if run.state.type in _CUT_OFF:
        now = await flow_runs.server_time(prefect)
        again: State = AwaitingRetry(scheduled_time=now, message="its worker was told to go; the next one goes on")
        await prefect.set_flow_run_state(run_id, again, force=True)
        await tag_slots.release(prefect, run_id)
        return True
    return run.state.is_scheduled()
