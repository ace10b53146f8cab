"""The running service as its users see it: the web app over HTTP, the operator through Prefect's API."""

import asyncio
import contextlib
import functools
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar
from unittest.mock import patch
from uuid import UUID, uuid4
from weakref import WeakSet

import httpx
import psutil
from prefect.blocks.notifications import CustomWebhookNotificationBlock
from prefect.context import SettingsContext, get_settings_context
from prefect.exceptions import Pause
from prefect.flow_engine import load_flow_run, run_flow
from prefect.settings import PREFECT_API_AUTH_STRING, PREFECT_API_URL, Settings

from deployments import apply, fork_server
from deployments.local.demo import BUCKET
from deployments.local.stack import Stack
from deployments.local.supabase import keys
from flows import tls
from flows.erase_user import erase_user
from flows.full_pass import full_pass
from flows.records import Step
from flows.regenerate_sections import regenerate_sections
from flows.retry_failed import retry_failed

FINAL = {"COMPLETED", "FAILED", "CRASHED", "CANCELLED"}
_WAIT_SECONDS = 300  # only what is broken takes so long, also on a busy machine
_POLL_SECONDS = 0.2
#: Stacks that make no tick by themselves any more: to ask each time is a tenth of what tests ask the server.
_QUIET = WeakSet[Stack]()

Json = dict[str, Any]
Found = TypeVar("Found")


class FullPassService:
    def __init__(self, stack: Stack):
        self.stack = stack
        self._began = datetime.now(UTC)
        key = stack.environment["SUPABASE_SERVICE_KEY"]
        headers = {"apikey": key, "Authorization": f"Bearer {key}"}
        self.supabase = httpx.Client(
            base_url=stack.url("gateway"), headers=headers, timeout=_WAIT_SECONDS, verify=tls.context()
        )
        self.prefect = stack.prefect_client(_WAIT_SECONDS)
        self.webhook = httpx.Client(
            base_url=stack.url("webhook"),
            headers={"Authorization": f"Bearer {stack.environment['WEBHOOK_KEY']}"},
            timeout=_WAIT_SECONDS,
            verify=tls.context(),
        )
        self.messages = httpx.Client(base_url=stack.url("messages"), timeout=_WAIT_SECONDS, verify=tls.context())

    def __enter__(self) -> "FullPassService":
        if self.stack not in _QUIET:
            self._be_quiet()
            _QUIET.add(self.stack)
        return self

    def _be_quiet(self) -> None:
        """Ticks come when a test makes them."""
        ticks = self.prefect.get("/deployments/name/retry-failed/retry-failed").raise_for_status().json()
        if not ticks["paused"]:
            self.prefect.post(f"/deployments/{ticks['id']}/pause_deployment").raise_for_status()
        if self.automation("full-pass-reconcile-bad-ends")["enabled"]:
            self.automate("full-pass-reconcile-bad-ends", False)

    def __exit__(self, *_: object) -> None:
        self.end_runs()
        for client in (self.supabase, self.prefect, self.webhook, self.messages):
            client.close()

    def end_runs(self) -> None:
        """Ends the runs that have been made since the beginning: none of them calls a model in somebody else's test."""
        living = {"type": {"any_": ["SCHEDULED", "PENDING", "RUNNING", "CANCELLING", "PAUSED"]}}
        body = {"flow_runs": {"state": living}, "sort": "ID_DESC", "limit": 200}
        for run in self.prefect.post("/flow_runs/filter", json=body).raise_for_status().json():
            if datetime.fromisoformat(run["created"]) >= self._began:
                self.becomes(run["id"], "CRASHED", "left behind by a test")
                self.kill_run(run["id"])
                self.gone(run["id"])

    # The web app

    def new_user(self, **columns: Any) -> UUID:
        user_id = uuid4()
        account = {"id": str(user_id), "email": f"{user_id}@example.com"}
        self.supabase.post("/auth/v1/admin/users", json=account).raise_for_status()
        row = {"user_id": str(user_id), **columns}
        self.supabase.post("/rest/v1/user_profiles", json=row).raise_for_status()
        return user_id

    def patch(self, user_id: UUID, **columns: Any) -> None:
        """Writes columns of the user's row."""
        where = {"user_id": f"eq.{user_id}"}
        self.supabase.patch("/rest/v1/user_profiles", params=where, json=columns).raise_for_status()

    def due(self, user_id: UUID) -> None:
        """Makes the next attempt of a failed user due."""
        assert self.row(user_id)["full_pass_status"] == "failed"
        self.patch(user_id, full_pass_next_retry_at="2026-01-01T00:00:00Z")

    def upload(self, user_id: UUID, content: bytes | list[Json], name: str = "export.json") -> str:
        """Puts an export into Storage; returns its storage path."""
        path = f"{user_id}/{name}"
        body = content if isinstance(content, bytes) else json.dumps(content).encode()
        headers = {"x-upsert": "true", "content-type": "application/octet-stream"}
        self.supabase.post(f"/storage/v1/object/{BUCKET}/{path}", content=body, headers=headers).raise_for_status()
        return f"{BUCKET}/{path}"

    def trigger(self, user_id: UUID, storage_path: str | list[str], **headers: str) -> str:
        """Delivers the webhook; returns the flow run's id, "" when the delivery is queued."""
        body = {"user_id": str(user_id), "storage_path": storage_path}
        answer = self.webhook.post("/process-full-v2", json=body, headers=headers)
        assert answer.status_code == 202, answer.text
        return str(answer.json()["flow_run_id"] or "")

    def deliver(self, user_id: UUID, storage_path: str) -> str:
        """As a sender does it: what is answered 503, on a busy machine, is delivered again."""
        body = {"user_id": str(user_id), "storage_path": storage_path}
        while (answer := self.webhook.post("/process-full-v2", json=body)).status_code == 503:
            time.sleep(float(answer.headers["retry-after"]))
        assert answer.status_code == 202, answer.text
        return str(answer.json()["flow_run_id"] or "")

    def row(self, user_id: UUID) -> Json:
        rows = self.supabase.get("/rest/v1/user_profiles", params={"user_id": f"eq.{user_id}"}).raise_for_status()
        return dict(rows.json()[0])

    def chunks(self, user_id: UUID) -> list[Json]:
        parameters = {"user_id": f"eq.{user_id}", "order": "chunk_key"}
        found: list[Json] = self.supabase.get("/rest/v1/conversation_chunks", params=parameters).json()
        return found

    def token_of(self, user_id: UUID) -> str:
        return keys.user_token(self.jwt_secret, user_id)

    @property
    def jwt_secret(self) -> str:
        return str(json.loads((self.stack.state / "secrets.json").read_text())["jwt_secret"])

    def full_pass(self, user_id: UUID, content: bytes | list[Json], **settings: str) -> Json:
        """Uploads and runs the flow, on the stack's server but in this process: that spares the start of another one.

        Returns the user's row. `settings`: of this run only.
        """
        self.run_here(user_id, self.upload(user_id, content), **settings)
        return self.row(user_id)

    def run_here(self, user_id: UUID, storage_path: str | list[str], **settings: str) -> str:
        """The flow in this process, from start to end; returns the flow run's id."""
        with self._environment(settings):
            run: Any = full_pass(user_id, storage_path, return_state=True)
            state = asyncio.run(run)
        return str(state.state_details.flow_run_id)

    @contextlib.contextmanager
    def running_here(self, user_id: UUID, storage_path: str, **settings: str) -> Iterator[Future[str]]:
        """The same beside the test; at the end it has ended, and its flow run's id is the result."""
        with _beside(lambda: self.run_here(user_id, storage_path, **settings)) as run:
            yield run

    @contextlib.contextmanager
    def without_worker(self) -> Iterator[None]:
        """Runs that are made in here wait, for `execute` or until the end of the test."""
        with self.pool_paused():
            yield
            self.end_runs()

    @contextlib.contextmanager
    def pool_paused(self) -> Iterator[None]:
        """Runs that are made in here begin afterwards."""
        pool = "/work_pools/full-pass"
        self.prefect.patch(pool, json={"is_paused": True}).raise_for_status()
        try:
            yield
        finally:
            self.prefect.patch(pool, json={"is_paused": False}).raise_for_status()

    def execute(self, run_id: str, flow: Any = None, **settings: str) -> None:
        """What a worker's process does with a run, in this one."""
        self.prefect.post(f"/flow_runs/{run_id}/set_state", json={"state": {"type": "PENDING"}}).raise_for_status()
        with self._environment(settings):
            run = load_flow_run(UUID(run_id))
            running: Any = run_flow(flow or full_pass, run, parameters=run.parameters, return_type="state")
            with contextlib.suppress(Pause):  # of a suspended run, whose process ends
                asyncio.run(running)

    @contextlib.contextmanager
    def executing(self, run_id: str, **settings: str) -> Iterator[Future[None]]:
        """The same beside the test; at the end it has ended."""
        with _beside(lambda: self.execute(run_id, **settings)) as run:
            yield run

    def made_run(self, user_id: UUID) -> str:
        """The run of the user's that waits for a worker."""
        (run_id,) = self.made_runs(user_id)
        return run_id

    def made_runs(self, user_id: UUID) -> list[str]:
        body = {"flow_runs": {"state": {"type": {"any_": ["SCHEDULED"]}}}, "sort": "ID_DESC", "limit": 200}
        runs = self.prefect.post("/flow_runs/filter", json=body).raise_for_status().json()
        return [str(run["id"]) for run in runs if run["parameters"].get("user_id") == str(user_id)]

    def tick(self, most_starts: int = 20, **settings: str) -> dict[str, int]:
        """The scheduled flow in this process, from start to end; returns what it returns."""
        with self._environment(settings):
            run: Any = retry_failed(most_starts=most_starts)
            return dict(asyncio.run(run))

    def regenerate_sections(self, user_id: UUID) -> Json:
        """The flow in this process, from start to end; returns the flow run."""
        with self._environment({}):
            run: Any = regenerate_sections(user_id, return_state=True)
            state = asyncio.run(run)
        return self.run(str(state.state_details.flow_run_id))

    def erase(self, user_id: UUID, **settings: str) -> Json:
        """The flow that erases a person in this process, from start to end; returns what it returns."""
        with self._environment(settings):
            run: Any = erase_user(user_id)
            return dict(asyncio.run(run))

    def prepare_server(self, **settings: str) -> None:
        """What `python -m deployments.apply` does first, in this process: limits and automations, not deployments."""
        with self._environment(settings):
            asyncio.run(apply.prepare_server())

    @contextlib.contextmanager
    def _environment(self, settings: dict[str, str]) -> Iterator[None]:
        """That of the stack's worker, with `settings` beside it."""
        environment = {**self.stack.environment, **settings}
        with patch.dict(os.environ, environment), self._of_the_server():
            yield

    def _of_the_server(self) -> SettingsContext:
        known = _prefect_settings(self.stack.prefect_api, self.stack.prefect_login)
        return SettingsContext(profile=get_settings_context().profile, settings=known)

    def calls(self, schema: str = "ChunkFacts") -> int:
        """How many calls of a kind the Messages API has answered since the counters were zeroed."""
        return int(self.messages.get("/_control").json()["calls"]["by_schema"].get(schema, 0))

    def asked(self, schema: str | None = "ChunkFacts", **numbers: int) -> None:
        """Returns when so many calls of a kind are being answered (`in_flight`) or have been (`calls`)."""
        asked = {"timeout": str(_WAIT_SECONDS), **{name: str(number) for name, number in numbers.items()}}
        if schema:
            asked["schema"] = schema
        self.messages.get("/_control/wait", params=asked, timeout=_WAIT_SECONDS + 10).raise_for_status()

    def answers(self, user_id: UUID) -> list[Json]:
        """The stored answers about the user's chunks."""
        rows: list[Json] = self.supabase.get(
            "/rest/v1/chunk_facts", params={"user_id": f"eq.{user_id}", "order": "chunk_key"}
        ).json()
        return rows

    # The operator

    def automation(self, name: str) -> Json:
        named = {"automations": {"name": {"any_": [name]}}}
        (found,) = self.prefect.post("/automations/filter", json=named).raise_for_status().json()
        return dict(found)

    def automate(self, name: str, enabled: bool) -> None:
        """Pauses an automation, or lets it go on."""
        changed = {"enabled": enabled}
        self.prefect.patch(f"/automations/{self.automation(name)['id']}", json=changed).raise_for_status()

    def start(
        self,
        deployment: str = "full-pass/full-pass",
        settings: dict[str, str] | None = None,
        **parameters: Any,
    ) -> str:
        """What `prefect deployment run` does, with `settings` in the run's environment; returns the flow run's id."""
        found = self.prefect.get(f"/deployments/name/{deployment}").raise_for_status().json()
        body: Json = {"parameters": parameters}
        if settings:
            # Replaces the deployment's own.
            body["job_variables"] = {"env": {**found["job_variables"]["env"], **settings}}
        made = self.prefect.post(f"/deployments/{found['id']}/create_flow_run", json=body)
        return str(made.raise_for_status().json()["id"])

    def retry_failed(self) -> None:
        """A tick as the schedule makes it: one that finds another at work is cancelled, and made again."""
        while (state := self.ended(self.start("retry-failed/retry-failed"))["state_type"]) == "CANCELLED":
            pass
        assert state == "COMPLETED"

    def kill_run(self, run_id: str, by: signal.Signals = signal.SIGKILL) -> None:
        """Sends a signal to the process of a flow run."""
        for process in self.processes(run_id):
            with contextlib.suppress(psutil.NoSuchProcess):
                process.send_signal(by)

    def processes(self, run_id: str) -> list[psutil.Process]:
        """Those that execute a flow run, also when its worker has gone; hooks of a dead run have others."""
        return [process for process in psutil.process_iter() if executes(process, run_id)]

    def gone(self, run_id: str) -> None:
        """Returns when no process of the run is left."""
        self.wait(lambda: self.processes(run_id), lambda processes: not processes)

    def becomes(self, run_id: str, state: str, message: str = "") -> None:
        """Sets the run's state, whatever the rules say."""
        body = {"state": {"type": state, "message": message}, "force": True}
        self.prefect.post(f"/flow_runs/{run_id}/set_state", json=body).raise_for_status()

    def cancel(self, run_id: str) -> None:
        """What the button in the UI does."""
        body = {"state": {"type": "CANCELLING"}}
        self.prefect.post(f"/flow_runs/{run_id}/set_state", json=body).raise_for_status()

    def suspend(self, run_id: str) -> None:
        """As the UI asks for it (prefect/server/ui/assets: FlowRunSuspend)."""
        until = (datetime.now(UTC) + timedelta(minutes=5)).isoformat()
        details = {"pause_timeout": until, "pause_reschedule": True}
        body = {"state": {"type": "PAUSED", "name": "Suspended", "state_details": details}}
        answer = self.prefect.post(f"/flow_runs/{run_id}/set_state", json=body).raise_for_status()
        assert answer.json()["status"] == "ACCEPT"

    def resume(self, run_id: str) -> None:
        self.prefect.post(f"/flow_runs/{run_id}/resume").raise_for_status()

    def retry(self, user_id: UUID) -> httpx.Response:
        """What an operator asks of the receiver."""
        return self.webhook.post("/retry-full-pass", json={"user_id": str(user_id)})

    def run(self, run_id: str) -> Json:
        return dict(self.prefect.get(f"/flow_runs/{run_id}").raise_for_status().json())

    def ended(self, run_id: str, seconds: float = _WAIT_SECONDS) -> Json:
        """The flow run once it is in a final state."""
        return self.wait(lambda: self.run(run_id), lambda run: run["state_type"] in FINAL, seconds)

    def settled(self, user_id: UUID, run_id: str) -> Json:
        """The user's row once it no longer says that this run is processing."""
        return self.wait(
            lambda: self.row(user_id),
            lambda row: row["full_pass_status"] != "processing" and row["full_pass_run_id"] == run_id,
        )

    def succeeded(self, user_id: UUID) -> Json:
        """The user's row once it says complete."""
        return self.wait(lambda: self.row(user_id), lambda row: row["full_pass_status"] == "complete")

    def prefect_cli(self, *arguments: str) -> str:
        """What the `prefect` command prints."""
        command = [sys.executable, "-m", "prefect", *arguments]
        done = subprocess.run(command, env=self.stack.environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def notification_block(self, name: str, url: str) -> str:
        """Makes a block that posts notifications to `url`; returns its id."""
        with self._of_the_server():
            block = CustomWebhookNotificationBlock(
                name=name, url=url, json_data={"subject": "{{subject}}", "body": "{{body}}"}
            )
            return str(block.save(name, overwrite=True))

    def artifacts(self, run_id: str, kind: str) -> list[Json]:
        """Those of a run: `markdown`, `progress`."""
        body = {"artifacts": {"flow_run_id": {"any_": [run_id]}, "type": {"any_": [kind]}}}
        found: list[Json] = self.prefect.post("/artifacts/filter", json=body).raise_for_status().json()
        return found

    def task_runs(self, run_id: str) -> list[Json]:
        """As far as the server has recorded them, which takes a second."""
        body = {"flow_runs": {"id": {"any_": [run_id]}}, "limit": 200}
        found: list[Json] = self.prefect.post("/task_runs/filter", json=body).raise_for_status().json()
        return found

    def all_task_runs(self, run_id: str) -> list[Json]:
        """Those of a run that has ended, once those of all steps are recorded."""
        return self.wait(
            lambda: self.task_runs(run_id),
            lambda runs: set(Step) <= {run["name"] for run in runs if run["state_type"] in FINAL},
        )

    def log(self, run_id: str) -> list[str]:
        """All messages of the run's log, once the flow's own last one has arrived."""
        body = {"logs": {"flow_run_id": {"any_": [run_id]}}, "sort": "TIMESTAMP_ASC", "limit": 200}

        def read() -> list[Json]:
            entries: list[Json] = []
            while page := self.prefect.post("/logs/filter", json={**body, "offset": len(entries)}).json():
                entries += page
            return entries

        def is_last(entry: Json) -> bool:
            return entry["task_run_id"] is None and entry["message"].startswith("Finished in state")

        return [entry["message"] for entry in self.wait(read, lambda log: any(map(is_last, log)))]

    def boundaries(self, run_id: str) -> list[tuple[str, str]]:
        """(step, status) of each `[FullPass]` line, in order."""
        pattern = re.compile(r"\[FullPass\] user_id=\S+ step=(\S+) status=(\S+)")
        return [match.groups() for line in self.log(run_id) if (match := pattern.match(line))]  # type: ignore[misc]

    def batches(self, user_id: UUID) -> list[Json]:
        """The user's message batches that are remembered."""
        found: list[Json] = self.supabase.get("/rest/v1/extraction_batches", params={"user_id": f"eq.{user_id}"}).json()
        return found

    def batch_remembered(self, user_id: UUID) -> None:
        """Returns when the user has a message batch that is remembered."""
        self.wait(lambda: self.batches(user_id), bool)

    def wait(
        self, read: Callable[[], Found], reached: Callable[[Found], bool], seconds: float = _WAIT_SECONDS
    ) -> Found:
        deadline = time.monotonic() + seconds
        while True:
            found = read()
            if reached(found):
                return found
            assert time.monotonic() < deadline, f"not reached in {seconds:.0f} s: {str(found)[:2_000]}"
            time.sleep(_POLL_SECONDS)


@functools.cache
def _prefect_settings(api: str, login: str) -> Settings:
    """Those for a server, kept: to read them takes a tenth of a run's time."""
    updates: dict[Any, Any] = {PREFECT_API_URL: api, PREFECT_API_AUTH_STRING: login}
    return get_settings_context().settings.copy_with_update(updates=updates)


def executes(process: psutil.Process, run_id: str) -> bool:
    """Whether it is the process of this flow run: a fork, or an interpreter of its own."""
    try:
        if process.name() == fork_server.name_of(run_id):
            return bool(process.status() != psutil.STATUS_ZOMBIE)
        return "prefect.engine" in process.cmdline() and bool(process.environ().get("PREFECT__FLOW_RUN_ID") == run_id)
    except psutil.Error:  # it has ended just now, or is another account's
        return False


@contextlib.contextmanager
def _beside(work: Callable[[], Found]) -> Iterator[Future[Found]]:
    with ThreadPoolExecutor(1) as thread:
        future = thread.submit(work)
        yield future
        future.result()


def export_of(calls: int, name: str = "") -> list[Json]:
    """An export about which so many questions are asked: each conversation is too large to share its call."""
    return simple_export(*(f"I like tea number {name}{number}. {'and so on ' * 800}" for number in range(calls)))


def simple_export(*texts: str, date: str = "2026-09-01T10:00:00Z") -> list[Json]:
    """An export in the app's own format: one conversation for each text, said by the person."""
    return [
        {
            "id": f"c{number}",
            "title": f"Talk {number}",
            "createdAt": date,
            "messages": [{"role": "user", "content": text}, {"role": "assistant", "content": "I see."}],
        }
        for number, text in enumerate(texts)
    ]
