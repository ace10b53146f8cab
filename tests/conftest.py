"""The real parts that tests share: Postgres, the databases on it, and the whole embedded stack."""

import asyncio
import os
import secrets
from collections.abc import Callable, Iterator

import asyncpg
import pytest

from deployments.local.postgres import EmbeddedPostgres
from deployments.local.stack import Stack
from deployments.local.supabase import database
from tests.integration.service import FullPassService
from tests.integration.store.sql import OTHER, USER, Database

_SETTINGS_OF_A_USER = (
    *("ANTHROPIC_", "SUPABASE_", "FACT_", "FULL_PASS_", "EXTRACTION_", "MEMORY_", "WEBHOOK_", "MODEL_"),
    *("AWS_", "CLOUD_ML_", "GOOGLE_"),
)


#: Failed users come back when a test makes them due; ticks do not wait for hooks that a killed run never had.
SETTINGS = {
    "MODEL_TIMEOUT_SECONDS": "20",
    "FULL_PASS_RETRY_MINUTES": "60",
    "FULL_PASS_MAX_ATTEMPTS": "20",
    "FULL_PASS_HOOK_SECONDS": "1",
    # Each conversation of an export that asks for some calls has its own.
    "EXTRACTION_PACK_TOKENS": "2000",
}


def clean_environment() -> dict[str, str]:
    """The environment without what would send the tests to somebody's real project."""
    return {name: value for name, value in os.environ.items() if not name.startswith(_SETTINGS_OF_A_USER)}


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedPostgres]:
    with EmbeddedPostgres(tmp_path_factory.mktemp("postgres") / "data") as server:
        asyncio.run(_spare_the_disk(server.url("postgres")))
        yield server


async def _spare_the_disk(url: str) -> None:
    """What is written need not outlive the machine, only the server, whose end takes long for hundreds of databases."""
    connection = await asyncpg.connect(url)
    await connection.execute("alter system set fsync = off")
    await connection.execute("select pg_reload_conf()")
    await connection.close()


@pytest.fixture(scope="session")
def migrated(postgres: EmbeddedPostgres) -> str:
    """The name of a database with the platform's roles and all migrations, to be copied."""
    postgres.create_database("migrated")
    asyncio.run(database.prepare(postgres.url("migrated")))
    return "migrated"


@pytest.fixture
def database_url(postgres: EmbeddedPostgres, migrated: str) -> str:
    """A new database with the platform's roles and all migrations."""
    return copy_of(postgres, migrated)


def copy_of(postgres: EmbeddedPostgres, template: str) -> str:
    """The address of a new database like `template`."""
    name = f"test_{secrets.token_hex(6)}"

    async def copy() -> None:
        connection = await asyncpg.connect(postgres.url("postgres"))
        await connection.execute(f"create database {name} template {template}")
        await connection.close()

    asyncio.run(copy())
    return postgres.url(name)


@pytest.fixture
def db(database_url: str) -> Database:
    """The same, with two users."""
    found = Database(database_url)
    found.sign_up(USER, OTHER)
    found.run("insert into user_profiles (user_id) values ($1), ($2)", USER, OTHER)
    return found


@pytest.fixture
def new_database(postgres: EmbeddedPostgres) -> Callable[[], Database]:
    """Makes databases in which nothing is, not even the platform's part."""

    def make() -> Database:
        name = f"test_{secrets.token_hex(6)}"
        postgres.create_database(name)
        return Database(postgres.url(name))

    return make


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """The embedded stack as `make up` starts it, for all tests of the run."""
    environment = {**clean_environment(), **SETTINGS}
    with Stack(tmp_path_factory.mktemp("stack"), environment, tell=lambda what: None) as running:
        yield running


@pytest.fixture
def service(stack: Stack) -> Iterator[FullPassService]:
    """The stack as the web app, the operator and the on-call engineer see it."""
    with FullPassService(stack) as service:
        service.messages.put("/_control", json={}).raise_for_status()
        service.messages.delete("/_control").raise_for_status()
        yield service
        service.messages.put("/_control", json={})
