"""The whole embedded stack, which the tests of a process share."""

import asyncio
import contextlib
import os
import sys
from collections.abc import Iterator
from unittest.mock import patch

import pytest

from deployments import apply
from deployments.local.stack import Stack
from tests.conftest import clean_environment, spare_the_disk
from tests.integration.service import FullPassService
from tests.scheduling import OF_STACK

#: Failed users come back when a test makes them due; ticks do not wait for hooks that a killed run never had.
SETTINGS = {
    "MODEL_TIMEOUT_SECONDS": "20",
    "FULL_PASS_RETRY_MINUTES": "60",
    "FULL_PASS_MAX_ATTEMPTS": "20",
    "FULL_PASS_HOOK_SECONDS": "1",
    # Each conversation of an export that asks for some calls has its own.
    "EXTRACTION_PACK_TOKENS": "2000",
}


class TestedStack(Stack):
    """The embedded stack as `make up` starts it, but for where the deployment is applied."""

    def apply(self, **environment: str) -> None:
        """In this process, which has imported Prefect. As a command, `make run` and `make up` do it in their tests."""
        environ = FullPassService(self)._environment(environment)
        with environ, contextlib.chdir(os.getcwd()), patch.object(sys, "argv", sys.argv):
            assert apply.main([]) == 0


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Before xdist reads the groups."""
    for item in items:
        if "stack" in getattr(item, "fixturenames", ()) and item.get_closest_marker("xdist_group") is None:
            item.add_marker(pytest.mark.xdist_group(OF_STACK))


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """One for all tests of the process."""
    environment = {**clean_environment(), **SETTINGS}
    with TestedStack(tmp_path_factory.mktemp("stack"), environment, tell=lambda what: None) as running:
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
