"""The whole embedded stack, which the tests of a process share."""

import asyncio
from collections.abc import Iterator

import pytest

from deployments.local.stack import Stack
from tests.conftest import clean_environment, spare_the_disk
from tests.integration.service import FullPassService

#: Failed users come back when a test makes them due; ticks do not wait for hooks that a killed run never had.
SETTINGS = {
    "MODEL_TIMEOUT_SECONDS": "20",
    "FULL_PASS_RETRY_MINUTES": "60",
    "FULL_PASS_MAX_ATTEMPTS": "20",
    "FULL_PASS_HOOK_SECONDS": "1",
    # Each conversation of an export that asks for some calls has its own.
    "EXTRACTION_PACK_TOKENS": "2000",
}


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """The embedded stack as `make up` starts it, for all tests of the run."""
    environment = {**clean_environment(), **SETTINGS}
    with Stack(tmp_path_factory.mktemp("stack"), environment, tell=lambda what: None) as running:
        asyncio.run(spare_the_disk(running.postgres.url("postgres")))
        yield running


@pytest.fixture
def service(stack: Stack) -> Iterator[FullPassService]:
    """The stack as the web app, the operator and the on-call engineer see it."""
    with FullPassService(stack) as service:
        service.messages.put("/_control", json={}).raise_for_status()
        service.messages.delete("/_control").raise_for_status()
        yield service
        service.messages.put("/_control", json={})
