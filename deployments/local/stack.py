"""The embedded stack: everything the full pass needs, on this machine, from pip packages only.

One Postgres with two databases, the Prefect server on the first, the Supabase gateway on the second, the Messages API
stand-in, a Prefect worker, and the webhook receiver. All listen on 127.0.0.1 only. What is configured for real
(SUPABASE_URL with SUPABASE_SERVICE_KEY, ANTHROPIC_API_KEY or another MODEL_PROVIDER) is used instead of its local
stand-in.
"""

import fcntl
import json
import os
import secrets
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO, Any

import httpx

from deployments.local.ending import Order
from deployments.local.postgres import EmbeddedPostgres, run
from deployments.local.processes import Port, Service, StackError
from deployments.local.supabase import database, keys
from deployments.local.supervisor import Supervisor
from flows import tls

ROOT = Path(__file__).resolve().parents[2]

_PREFECT_DATABASE, _SUPABASE_DATABASE = "prefect", "soulprint"
_SECRETS = {"jwt_secret": 32, "webhook_key": 16, "prefect_password": 16}  # bytes
_PORTS = {"prefect": 4200, "webhook": 8787, "gateway": 54321, "messages": 8788}

#: Events that say again what Prefect has of runs, their logs and artifacts: most of what a pass writes there.
_REPEATED = (
    "prefect.flow-run.heartbeat",
    "prefect.flow-run.Scheduled",
    "prefect.flow-run.Late",
    "prefect.flow-run.Pending",
    "prefect.flow-run.Submitting",
    "prefect.flow-run.Running",
    "prefect.task-run.Pending",
    "prefect.task-run.Running",
    "prefect.task-run.Completed",
    "prefect.artifact.created",
    "prefect.artifact.updated",
    "prefect.artifact-collection.created",
    "prefect.concurrency-limit.acquired",
    "prefect.concurrency-limit.released",
    "soulprint.full-pass.step",
)


class Stack:
    """`start()` to `stop()`; `environment` is what the worker and the receiver run with."""

    def __init__(self, state: Path, environ: Mapping[str, str] = os.environ, *, tell: Callable[[str], None] = print):
        self.state = state.resolve()
        self._environ = environ
        self._tell = tell
        self._lock: IO[str] | None = None
        self._supervisor = Supervisor(self.state)
        self._ports: dict[str, Port] = {}
        self.environment: dict[str, str] = {}
        self.services: dict[str, Service] = {}
        self.postgres = EmbeddedPostgres(self.state / "postgres", self._supervisor)

        real = [name for name in ("SUPABASE_URL", "SUPABASE_SERVICE_KEY") if environ.get(name)]
        if len(real) == 1:
            raise StackError(f"{real[0]} is set alone; set SUPABASE_URL and SUPABASE_SERVICE_KEY, or neither")
        self.uses_local_supabase = not real
        anthropic = environ.get("MODEL_PROVIDER", "anthropic") == "anthropic"
        self.uses_stand_in = anthropic and not environ.get("ANTHROPIC_API_KEY")

    def __enter__(self) -> "Stack":
        try:
            self.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    # Addresses

    def port(self, service: str) -> int:
        return self._ports[service].number

    def url(self, service: str) -> str:
        return f"http://127.0.0.1:{self.port(service)}"

    @property
    def prefect_api(self) -> str:
        return self.url("prefect") + "/api"

    @property
    def prefect_login(self) -> str:
        """What the Prefect UI asks for, and every request to its API bears: user and password."""
        return self.environment["PREFECT_API_AUTH_STRING"]

    def prefect_client(self, seconds: float = 30) -> httpx.Client:
        user, _, password = self.prefect_login.partition(":")
        return httpx.Client(base_url=self.prefect_api, auth=(user, password), timeout=seconds, verify=tls.context())

    @property
    def database_name(self) -> str:
        return _SUPABASE_DATABASE

    @property
    def database_url(self) -> str:
        return self.postgres.url(_SUPABASE_DATABASE)

    # Life

    def start(self) -> None:
        self.state.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._take_lock()
        for name in ("logs", "prefect", "spool", "storage"):
            (self.state / name).mkdir(mode=0o700, exist_ok=True)
        self._supervisor.start()
        for name, preferred in _PORTS.items():
            self._ports[name] = Port(preferred)
        self.environment = self._environment()

        self._tell("starting Postgres")
        self.postgres.start()
        self.postgres.create_database(_PREFECT_DATABASE)

        self._tell("starting the Prefect server")
        server = self.start_prefect()
        # The server takes the longest, so the rest starts meanwhile.
        if self.uses_local_supabase:
            self._tell("starting the local Supabase gateway")
            self.postgres.create_database(_SUPABASE_DATABASE)
            run(database.prepare(self.database_url))
            self.start_gateway()
        if self.uses_stand_in:
            self._tell("starting the Messages API stand-in")
            self.start_messages()
        receiver = self._start_receiver()
        server.wait_until_answering(self.prefect_api + "/health")
        self._bury_lost_runs()

        self._tell("applying the deployment")
        self.apply()
        self._tell("starting the worker and the webhook receiver")
        self.start_worker()
        receiver.wait_until_answering(self.url("webhook") + "/health")

    def stop(self) -> None:
        """Ends every process; safe to call in any state, also twice."""
        self._supervisor.stop()
        self.postgres.stop()
        while self._ports:
            self._ports.popitem()[1].release()
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def apply(self, **environment: str) -> None:
        """What an operator does after changing a setting: `python -m deployments.apply`."""
        given = {**self.environment, **environment}
        service = self._service("apply", "-m", "deployments.apply", environment=given, order=Order.WORK)
        service.start()
        service.finish()

    def start_prefect(self) -> Service:
        """Starts the Prefect server, without waiting until it answers."""
        return self._start_service(
            "prefect",
            "-m",
            "prefect",
            "server",
            "start",
            "--host",
            "127.0.0.1",
            "--port",
            str(self.port("prefect")),
            environment=self._server_environment(),
        )

    def start_gateway(self) -> None:
        self._start_service(
            "gateway",
            "-m",
            "deployments.local.supabase",
            "--port",
            str(self.port("gateway")),
            "--database-url",
            self.database_url,
            "--storage-dir",
            str(self.state / "storage"),
            environment={**self.environment, "SUPABASE_JWT_SECRET": self._secrets()["jwt_secret"]},
        ).wait_until_listening("127.0.0.1", self.port("gateway"))

    def start_messages(self) -> None:
        self._start_service(
            "messages",
            "-m",
            "deployments.local.messages_api",
            "--port",
            str(self.port("messages")),
            environment={**self.environment, "MESSAGES_API_KEY": self.environment["ANTHROPIC_API_KEY"]},
        ).wait_until_listening("127.0.0.1", self.port("messages"))

    def start_worker(self, name: str = "worker", **environment: str) -> None:
        arguments = ("-m", "deployments.worker", "--name", name)
        self._start_service(name, *arguments, environment={**self.environment, **environment}, order=Order.WORK)

    # Parts

    def _start_receiver(self) -> Service:
        arguments = ("-m", "deployments.webhook", "--port", str(self.port("webhook")))
        return self._start_service("webhook", *arguments, order=Order.WORK)

    def _start_service(
        self, name: str, *arguments: str, environment: Mapping[str, str] | None = None, order: Order = Order.SERVE
    ) -> Service:
        service = self._service(name, *arguments, environment=environment or self.environment, order=order)
        service.start()
        self.services[name] = service
        return service

    def _service(self, name: str, *arguments: str, environment: Mapping[str, str], order: Order) -> Service:
        return Service(
            name,
            [sys.executable, *arguments],
            supervisor=self._supervisor,
            log=self.state / "logs" / f"{name}.log",
            environment=environment,
            cwd=ROOT,
            order=order,
        )

    def _environment(self) -> dict[str, str]:
        # Prefect's settings of the user's own shell belong to another server.
        inherited = {name: value for name, value in self._environ.items() if not name.startswith("PREFECT_")}
        own = self._secrets()
        environment = {
            **inherited,
            "PYTHONUNBUFFERED": "1",
            "PREFECT_HOME": str(self.state / "prefect"),
            "PREFECT_API_URL": self.prefect_api,
            # An open API runs what anybody asks: the command of a flow run is among the job variables.
            "PREFECT_API_AUTH_STRING": f"admin:{own['prefect_password']}",
            # How long a run waits until a worker takes it, at most. Asking twice a second takes a fifth of a core.
            "PREFECT_WORKER_QUERY_SECONDS": "2",
            "PREFECT_LOGGING_HANDLERS_CONSOLE_STREAM": "ext://sys.stdout",
            # Each client asks for a token first, which this server, as is the default, has not.
            "PREFECT_CLIENT_CSRF_SUPPORT_ENABLED": "false",
            "PREFECT_LOGGING_TO_API_BATCH_INTERVAL": "0.5",
            "SPOOL_DIR": str(self.state / "spool"),
            "WEBHOOK_KEY": inherited.get("WEBHOOK_KEY") or own["webhook_key"],
        }
        if self.uses_local_supabase:
            environment["SUPABASE_URL"] = self.url("gateway")
            environment["SUPABASE_SERVICE_KEY"] = keys.secret_key(own["jwt_secret"])
        if self.uses_stand_in:
            environment["ANTHROPIC_API_KEY"] = "stand-in"
            environment["ANTHROPIC_BASE_URL"] = self.url("messages")
        return environment

    def _server_environment(self) -> dict[str, str]:
        return {
            **self.environment,
            "PREFECT_API_DATABASE_CONNECTION_URL": self.postgres.sqlalchemy_url(_PREFECT_DATABASE),
            "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
            "PREFECT_SERVER_API_AUTH_STRING": self.environment["PREFECT_API_AUTH_STRING"],
            "PREFECT_SERVER_CORS_ALLOWED_ORIGINS": self.url("prefect"),
            # How often the server looks whether a run has been silent for too long; the default is 5 s.
            "PREFECT_SERVER_EVENTS_PROACTIVE_GRANULARITY": "00:00:01",
            # With the default of 5, most requests of a run open a connection of their own, which costs more than they.
            "PREFECT_SERVER_DATABASE_SQLALCHEMY_POOL_SIZE": "20",
            # Without a word about runs, only events go (after 7 days); runs go with their logs and artifacts.
            "PREFECT_SERVER_SERVICES_DB_VACUUM_ENABLED": "events,flow_runs",
            "PREFECT_SERVER_SERVICES_DB_VACUUM_RETENTION_PERIOD": str(30 * 86_400),
            "PREFECT_SERVER_EVENTS_RETENTION_PERIOD": "P3D",
            "PREFECT_SERVER_SERVICES_DB_VACUUM_EVENT_RETENTION_OVERRIDES": json.dumps(dict.fromkeys(_REPEATED, 3_600)),
            # By default each event of a task run is a transaction of its own, a quarter of the server's work.
            "PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_BATCH_SIZE": "50",
            "PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_FLUSH_INTERVAL": "1",
            # Leases in memory, the default, are lost with the server, and their slots with them.
            "PREFECT_SERVER_CONCURRENCY_LEASE_STORAGE": "prefect.server.concurrency.lease_storage.filesystem",
            # A task run that waits for a slot of the tag asks again this often; the default of 30 s leaves slots idle.
            "PREFECT_SERVER_TASKS_TAG_CONCURRENCY_SLOT_WAIT_SECONDS": "1",
        }

    def _secrets(self) -> dict[str, str]:
        """Keys of this stack, made once and kept in the state folder, readable by its owner only."""
        path = self.state / "secrets.json"
        known: dict[str, str] = json.loads(path.read_text()) if path.exists() else {}
        made = {name: secrets.token_hex(size) for name, size in _SECRETS.items()} | known
        if made != known:  # also of a folder that an earlier version has made
            unfinished = path.with_suffix(".unfinished")
            descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with os.fdopen(descriptor, "w") as file:
                json.dump(made, file)
            unfinished.replace(path)
        return made

    def _take_lock(self) -> None:
        self._lock = (self.state / "lock").open("w")
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self._lock.close()
            self._lock = None
            raise StackError(
                f"a stack is already running on {os.path.relpath(self.state)}; stop it, or name another folder in "
                "SOULPRINT_STATE"
            ) from None

    def _bury_lost_runs(self) -> None:
        """Runs that an earlier stack left behind when it was killed: no worker of it lives, so they do not either."""
        alive = {"flow_runs": {"state": {"type": {"any_": ["RUNNING", "PENDING", "CANCELLING"]}}}}
        with self.prefect_client() as prefect:
            runs: list[dict[str, Any]] = prefect.post("/flow_runs/filter", json=alive).raise_for_status().json()
            for run in runs:
                crashed = {"type": "CRASHED", "message": "the stack that ran it was killed"}
                prefect.post(f"/flow_runs/{run['id']}/set_state", json={"state": crashed, "force": True})
