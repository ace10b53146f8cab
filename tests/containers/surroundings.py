"""What is outside of the containers: Supabase and the model, as the embedded stack has them."""

import asyncio
import ctypes
import secrets
import subprocess
from pathlib import Path

from deployments.local.stack import Stack
from deployments.local.supabase import database
from tests.conftest import clean_environment

_CLONE_NEWNET = 0x40000000  # sched.h
_PORTS = {"prefect": 4200, "webhook": 8000, "gateway": 54321, "messages": 8788}


def own_network() -> None:
    """From here on, this process and those that it starts have a loopback of their own, with all ports free."""
    if ctypes.CDLL(None, use_errno=True).unshare(_CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), "unshare")
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)


class Surroundings(Stack):
    """The part of the stack that no container of ours is; Prefect and the receiver are where compose.yaml has them."""

    def __init__(self, state: Path):
        super().__init__(state, clean_environment(), tell=lambda what: None)

    def __enter__(self) -> "Surroundings":
        super().__enter__()
        return self

    def port(self, service: str) -> int:
        return _PORTS[service]

    def start(self) -> None:
        for folder in (self.state, *(self.state / name for name in ("logs", "prefect", "spool", "storage"))):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._supervisor.start()
        self.environment = {**self._environment(), "WEBHOOK_KEY": secrets.token_hex(32)}
        self.postgres.start()
        self.postgres.create_database(self.database_name)
        asyncio.run(database.prepare(self.database_url))
        self.start_gateway()
        self.start_messages()

    @property
    def variables(self) -> dict[str, str]:
        """What an operator writes into deployments/.env."""
        return {
            "SUPABASE_URL": self.environment["SUPABASE_URL"],
            "SUPABASE_SERVICE_KEY": self.environment["SUPABASE_SERVICE_KEY"],
            "ANTHROPIC_API_KEY": self.environment["ANTHROPIC_API_KEY"],
            "WEBHOOK_KEY": self.environment["WEBHOOK_KEY"],
            "PREFECT_PASSWORD": self.prefect_login.partition(":")[2],
            "POSTGRES_PASSWORD": secrets.token_hex(16),
            "REDIS_PASSWORD": secrets.token_hex(16),
        }
