"""The authorities of TLS certificates: read once in a process, not for each of its clients.

A run opens a dozen clients, and each would take 20 ms of CPU to read the list again.
"""

import functools
import os
import ssl

import httpx


def context() -> ssl.SSLContext:
    """What httpx makes for a client: the authorities of certifi, or of SSL_CERT_FILE or SSL_CERT_DIR."""
    return _context(os.environ.get("SSL_CERT_FILE"), os.environ.get("SSL_CERT_DIR"))


@functools.cache
def _context(*_: str | None) -> ssl.SSLContext:
    return httpx.create_ssl_context()
