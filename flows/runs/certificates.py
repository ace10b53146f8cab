"""The authorities of TLS certificates that the clients of Prefect know: read once in a process, as ours are (`tls`)."""

import functools
import ssl
from types import SimpleNamespace

from prefect.client import orchestration

_made = functools.cache(ssl.create_default_context)


def share() -> None:
    """Makes the clients that Prefect opens from now on share what it makes for each, by PREFECT_API_SSL_CERT_FILE."""
    vars(orchestration)["ssl"] = SimpleNamespace(**{**vars(ssl), "create_default_context": _made})


def prepare() -> None:
    """Reads them before a process forks, for all that it forks."""
    share()
    orchestration.SyncPrefectClient("http://127.0.0.1/api")  # asks nothing
