"""Prefect's process worker, as the full pass has it: runs begin faster, and a restart of the worker costs them nothing.

Told to go, by SIGTERM or Ctrl-C, it takes no more runs, tells those that it has, and ends when they have: each has kept
what was paid for, and waits for the next worker as the same run.
"""

import asyncio
import contextlib
import logging
import os
import signal
import time
import warnings
from collections.abc import Callable
from typing import Any
from uuid import UUID

import anyio
import anyio.abc
import httpx
from prefect import Flow, get_client
from prefect.client.schemas.objects import FlowRun
from prefect.client.schemas.responses import WorkerFlowRunResponse
from prefect.exceptions import PrefectException
from prefect.runner import _flow_run_executor
from prefect.runner._cancellation_manager import CancellationManager
from prefect.utilities.processutils import command_to_string
from prefect.workers import process
from prefect.workers.process import ProcessJobConfiguration, ProcessWorker, ProcessWorkerResult

from deployments import ROOT
from deployments.fork_server import ENGINE
from flows.runs import interruption

logger = logging.getLogger("soulprint.worker")

_FLOW = "full-pass"

#: Platforms kill what has not ended 10 s after SIGTERM, or later.
_GRACE_SECONDS = 6.0
_KILLED_SECONDS = 2.0
_POLL_SECONDS = 0.1


async def _hooks_of(flow_run: FlowRun) -> Flow[..., object]:
    """Of a run's flow what is to be done when its process has died.

    Prefect would import all of it, and Claude's SDK would stay in the worker's memory.
    """
    from flows.runs import quiet, status

    quiet.hush()
    async with get_client() as prefect:
        is_pass = (await prefect.read_flow(flow_run.flow_id)).name == _FLOW

    def only_hooks() -> object:
        return None

    return Flow(
        only_hooks,
        name=_FLOW,
        on_crashed=[status.crashed] if is_pass else [],
        on_cancellation=[status.cancelled] if is_pass else [],
    )


vars(process)["load_flow_from_flow_run"] = _hooks_of


class _Cancellation(CancellationManager):
    """The state that the hook has made, which sums the run up, stays; Prefect would put one of its own over it."""

    async def _finalize_cancelled_state(
        self, flow_run: FlowRun, state_updates: dict[str, object] | None = None
    ) -> bool:
        with contextlib.suppress(httpx.HTTPError, PrefectException):
            known = await self._client.read_flow_run(flow_run.id)
            if known.state is not None and known.state.is_cancelled():
                return True
        return await super()._finalize_cancelled_state(flow_run, state_updates)


vars(_flow_run_executor)["CancellationManager"] = _Cancellation


class PassJobConfiguration(ProcessJobConfiguration):
    def prepare_for_flow_run(self, *arguments: Any, **named: Any) -> None:
        # Without a command, Prefect starts an interpreter that looks for the code, and then another one in its place.
        self.command = self.command or command_to_string(ENGINE)
        self.working_dir = self.working_dir or ROOT
        super().prepare_for_flow_run(*arguments, **named)


# That it takes the place of Prefect's own of this type is what is wanted.
warnings.filterwarnings("ignore", "Type 'PassWorker'", UserWarning)


class PassWorker(ProcessWorker):
    type = "process"
    job_configuration = PassJobConfiguration

    def __init__(self, *arguments: Any, **named: Any):
        super().__init__(*arguments, **named)
        self._pids: dict[UUID, int | None] = {}  # None: not yet known
        self._main: asyncio.Task[Any] | None = None
        self._ending: asyncio.Task[None] | None = None

    async def setup(self) -> None:
        await super().setup()
        self._main = asyncio.current_task()
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, self._begin_to_end)

    async def run(
        self,
        flow_run: FlowRun,
        configuration: ProcessJobConfiguration,
        task_status: anyio.abc.TaskStatus[int] | None = None,
    ) -> ProcessWorkerResult:
        self._pids[flow_run.id] = None

        def begun(pid: int) -> None:
            self._pids[flow_run.id] = pid
            (task_status or anyio.TASK_STATUS_IGNORED).started(pid)

        try:
            result = await super().run(flow_run, configuration, _Begun(begun))
            if (flow_run.id in interruption.told or result.status_code == -signal.SIGTERM) and await self._put_back(
                flow_run.id
            ):
                result.status_code = 0  # or Prefect takes the run for Crashed once more
            return result
        finally:
            del self._pids[flow_run.id]

    async def _put_back(self, run_id: UUID) -> bool:
        try:
            return await interruption.put_back(self.client, run_id)
        except (httpx.HTTPError, PrefectException) as error:
            logger.error("flow run %s is not put back (%s); `retry-failed` does it", run_id, type(error).__name__)
            return False

    async def _get_scheduled_flow_runs(self) -> list[WorkerFlowRunResponse]:
        return [] if self._ending else await super()._get_scheduled_flow_runs()

    def _begin_to_end(self) -> None:
        if self._ending is None:
            self._ending = asyncio.create_task(self._end())

    async def _end(self) -> None:
        await self._tell(signal.SIGTERM, _GRACE_SECONDS)
        await self._tell(signal.SIGKILL, _KILLED_SECONDS)
        if self._main is not None:
            self._main.cancel()

    async def _tell(self, number: signal.Signals, seconds: float) -> None:
        """Sends the signal to each run, also to those that begin only now, until all have ended or time is over."""
        sent: set[UUID] = set()
        deadline = time.monotonic() + seconds
        while self._pids and time.monotonic() < deadline:
            for run_id, pid in self._pids.items():
                interruption.told.add(run_id)
                if pid is not None and run_id not in sent:
                    sent.add(run_id)
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(pid, number)
            await asyncio.sleep(_POLL_SECONDS)


class _Begun:
    """The status of a task that tells the process's number when it has begun."""

    def __init__(self, tell: Callable[[int], None]):
        self._tell = tell

    def started(self, value: Any = None) -> None:
        self._tell(value)
