"""One Supabase project for the tests of a process, the gateway on a copy of the migrated database; and a model."""

import socket
import sys
import threading
from collections.abc import Iterator

import pytest
import uvicorn
from starlette.routing import Route

from deployments.local.messages_api.__main__ import application
from deployments.local.postgres import EmbeddedPostgres
from deployments.local.processes import Port, Service
from deployments.local.stack import ROOT
from deployments.local.supervisor import Supervisor
from tests.conformance.supabase import SECRET, Project
from tests.conftest import clean_environment, copy_of
from tests.integration.store.sql import Database
from tests.unit.conftest import events, model, supabase
from tests.unit.fake_model import KEY

__all__ = ["events", "model", "routes", "stand_in", "supabase"]


@pytest.fixture
def taken_back(db: Database) -> Iterator[Database]:
    """A database whose schema a test may change, too: what is done in it is taken back at the end."""
    with db.taking_back():
        yield db


@pytest.fixture(scope="session")
def running_project(
    postgres: EmbeddedPostgres, migrated: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Project]:
    database = postgres.url(copy_of(postgres, migrated))
    port, folder = Port(0), tmp_path_factory.mktemp("project")
    arguments = ["--port", str(port.number), "--database-url", database, "--storage-dir", f"{folder}/storage"]
    with Supervisor(folder) as supervisor:
        service = Service(
            "gateway",
            [sys.executable, "-m", "deployments.local.supabase", *arguments],
            supervisor=supervisor,
            log=folder / "log",
            environment={**clean_environment(), "SUPABASE_JWT_SECRET": SECRET},
            cwd=ROOT,
        )
        service.start()
        service.wait_until_listening("127.0.0.1", port.number)
        yield Project(f"http://127.0.0.1:{port.number}", Database(database))
    port.release()


@pytest.fixture
def project(running_project: Project) -> Iterator[Project]:
    """As on the first day: default settings, nothing wrong, nothing counted."""
    running_project.behaves()
    running_project.asked()
    yield running_project
    running_project.behaves()


@pytest.fixture
def routes() -> list[Route]:
    """What is served beside the Messages API stand-in's own."""
    return []


@pytest.fixture
def stand_in(routes: list[Route]) -> Iterator[str]:
    """The address of a Messages API stand-in of its own, over HTTP."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        served = application(KEY)
        served.router.routes[:0] = routes
        config = uvicorn.Config(served, log_level="critical", timeout_graceful_shutdown=1)
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        server.should_exit = True
        thread.join()
