"""The real parts that tests share: Postgres, and the databases on it.

What they need is imported within: the process that hands out the tests makes none of them.
"""

import asyncio
import gc
import os
import secrets
import tempfile
from collections.abc import Callable, Generator, Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from xdist.remote import Producer
    from xdist.scheduler import LoadGroupScheduling

    from deployments.local.postgres import EmbeddedPostgres
    from tests.integration.store.reuse import Reused
    from tests.integration.store.sql import Database

_SETTINGS_OF_A_USER = (
    *("ANTHROPIC_", "SUPABASE_", "FACT_", "FULL_PASS_", "EXTRACTION_", "MEMORY_", "WEBHOOK_", "MODEL_"),
    *("AWS_", "CLOUD_ML_", "GOOGLE_"),
)


def pytest_configure(config: pytest.Config) -> None:
    """One authority's certificate in place of all: reading them takes 20 ms a client, and no test needs any.

    Also where the environment names a file: it is that of all authorities.
    """
    os.environ["SSL_CERT_FILE"] = _one_certificate(config)


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """What is imported stays: to look through it for garbage takes a sixth of the collection, and 5 % of the tests."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: "Producer") -> "LoadGroupScheduling | None":
    from tests.scheduling import StackScheduling

    return StackScheduling(config, log) if config.getvalue("dist") == "loadgroup" else None


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """No bytes in a test's name: a zip holds the time of its making, and all processes have to find the same names."""
    return argname if isinstance(val, bytes) else None


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    from tests import browser

    if not browser.found():
        terminalreporter.write_line(f"No page was opened in a browser: {browser.MISSING}")


def _one_certificate(config: pytest.Config) -> str:
    import certifi

    end = "-----END CERTIFICATE-----\n"
    file = tempfile.NamedTemporaryFile("w", prefix="soulprint-", suffix=".pem")  # noqa: SIM115
    config.add_cleanup(file.close)
    file.write(certifi.contents().partition(end)[0] + end)
    file.flush()
    return file.name


def clean_environment() -> dict[str, str]:
    """The environment without what would send the tests to somebody's real project."""
    return {name: value for name, value in os.environ.items() if not name.startswith(_SETTINGS_OF_A_USER)}


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> "Iterator[EmbeddedPostgres]":
    from deployments.local.postgres import EmbeddedPostgres

    with EmbeddedPostgres(tmp_path_factory.mktemp("postgres") / "data") as server:
        asyncio.run(spare_the_disk(server.url("postgres")))
        yield server


async def spare_the_disk(url: str) -> None:
    """What is written need not outlive the machine, only the server, whose end takes long for hundreds of databases."""
    import asyncpg

    connection = await asyncpg.connect(url)
    for setting in ("fsync = off", "full_page_writes = off", "max_wal_size = '8GB'"):
        await connection.execute(f"alter system set {setting}")
    await connection.execute("select pg_reload_conf()")
    await connection.close()


@pytest.fixture(scope="session")
def migrated(postgres: "EmbeddedPostgres") -> str:
    """The name of a database with the platform's roles and all migrations, to be copied."""
    from deployments.local.supabase import database

    postgres.create_database("migrated")
    asyncio.run(database.prepare(postgres.url("migrated")))
    return "migrated"


def copy_of(postgres: "EmbeddedPostgres", template: str) -> str:
    """The name of a new database like `template`."""
    import asyncpg

    name = f"test_{secrets.token_hex(6)}"

    async def copy() -> None:
        connection = await asyncpg.connect(postgres.url("postgres"))
        await connection.execute(f"create database {name} template {template} strategy file_copy")
        await connection.close()

    asyncio.run(copy())
    return name


@pytest.fixture(scope="session")
def with_users(postgres: "EmbeddedPostgres", migrated: str) -> str:
    """The name of one that has two users as well."""
    from tests.integration.store.sql import OTHER, USER, Database

    name = copy_of(postgres, migrated)
    database = Database(postgres.url(name))
    database.sign_up(USER, OTHER)
    database.run("insert into user_profiles (user_id) values ($1), ($2)", USER, OTHER)
    database.close()
    return name


@pytest.fixture(scope="session")
def reused(postgres: "EmbeddedPostgres", with_users: str) -> "Iterator[Reused]":
    from tests.integration.store.reuse import Reused
    from tests.integration.store.sql import Database

    reused = Reused(lambda: Database(postgres.url(copy_of(postgres, with_users))))
    yield reused
    reused.close()


@pytest.fixture
def db(reused: "Reused") -> "Iterator[Database]":
    """A database as new, with the platform's roles, all migrations, and two users."""
    yield reused.take()
    reused.give_back()


@pytest.fixture
def new_database(postgres: "EmbeddedPostgres") -> "Iterator[Callable[[], Database]]":
    """Makes databases in which nothing is, not even the platform's part."""
    from tests.integration.store.sql import Database

    made: list[Database] = []

    def make() -> Database:
        name = f"test_{secrets.token_hex(6)}"
        postgres.create_database(name)
        made.append(Database(postgres.url(name)))
        return made[-1]

    yield make
    for database in made:
        database.close()
