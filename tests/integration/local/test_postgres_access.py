"""Whose the embedded Postgres is: nobody else gets in, and no folder above it is opened for that."""

import asyncio
import os
import shutil
import stat
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import asyncpg
import pytest

from deployments.local import postgres
from deployments.local.postgres import EmbeddedPostgres

STRANGER = 12_345

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can act as another account")


@pytest.fixture
def everybodys() -> Iterator[Path]:
    """A folder that every account can enter."""
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def closed(everybodys: Path) -> Path:
    """A folder that only root can enter, as a home folder is."""
    folder = everybodys / "closed"
    folder.mkdir(mode=0o700)
    return folder


def in_the_name_of(account: int, attempt: Callable[[], object]) -> str:
    """What comes of the attempt: "done", or the name of its error."""
    read, write = os.pipe()
    if (child := os.fork()) == 0:
        try:
            os.setgroups([])
            os.setresgid(account, account, account)
            os.setresuid(account, account, account)
            attempt()
            os.write(write, b"done")
        except BaseException as error:
            os.write(write, type(error).__name__.encode())
        finally:
            os._exit(0)
    os.close(write)
    os.waitpid(child, 0)
    with os.fdopen(read) as said:
        return said.read()


def connect(url: str) -> None:
    asyncio.run(asyncpg.connect(url, timeout=60))


def works(server: EmbeddedPostgres) -> bool:
    connect(server.url("postgres"))
    return True


def modes(folder: Path) -> dict[Path, int]:
    return {each: stat.S_IMODE(each.stat().st_mode) for each in (folder, *folder.parents)}


def test_nobody_else_can_connect_or_look_nor_can_the_account_that_it_runs_as_for_others_may_have_it(everybodys):
    with EmbeddedPostgres(everybodys / "data") as server:
        assert works(server)
        assert in_the_name_of(STRANGER, lambda: os.listdir(everybodys)) == "done"
        assert in_the_name_of(STRANGER, lambda: os.listdir(server.data)) == "PermissionError"
        assert in_the_name_of(STRANGER, lambda: connect(server.url("postgres"))) == "PermissionError"
        account = server.data.stat().st_uid
        refused = in_the_name_of(account, lambda: connect(server.url("postgres")))
        assert refused == "InvalidAuthorizationSpecificationError"


def test_a_socket_that_is_elsewhere_because_of_a_long_name_is_as_private(everybodys):
    with EmbeddedPostgres(everybodys / ("long-" * 20) / "data") as server:
        assert works(server)
        assert in_the_name_of(STRANGER, lambda: connect(server.url("postgres"))) == "PermissionError"


def test_folders_above_that_are_closed_stay_closed(closed):
    before = modes(closed)
    with EmbeddedPostgres(closed / "state" / "data") as server:
        assert works(server)
        assert modes(closed) == before
    assert modes(closed) == before


def test_a_folder_above_may_be_closed_while_it_runs(everybodys):
    above = everybodys / "above"
    with EmbeddedPostgres(above / "data") as server:
        assert works(server)
        above.chmod(0o700)
        assert works(server)
        server.create_database("made_behind_a_closed_door")


def test_an_installation_in_a_closed_folder_is_used_as_a_copy_that_goes_away(closed, monkeypatch):
    package = postgres.INSTALLATION.parent
    for part in (package, package.with_name(f"{package.name}.libs")):
        (closed / part.name).symlink_to(part)
    monkeypatch.setattr(postgres, "INSTALLATION", closed / package.name / postgres.INSTALLATION.name)
    before = modes(closed)
    temporary = closed.parent / "temporary"
    temporary.mkdir(mode=0o755)
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    with EmbeddedPostgres(closed / "data") as server:
        assert works(server)
        assert os.listdir(temporary)
        assert modes(closed) == before
    assert os.listdir(temporary) == []
