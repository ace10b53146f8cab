"""What an integration test has pytest run in a process of its own, with Schemathesis: a test for each operation."""

from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from starlette.types import Receive, Scope, Send

from deployments.receiver.app import app
from tests.unit.receiver.conftest import KEY, Receiver


class OfTheTest:
    """The application that a test puts in here."""

    inner: Any = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.inner(scope, receive, send)


application = OfTheTest()
document = schemathesis.openapi.from_dict(app.openapi())
document.app = application


@pytest.fixture(autouse=True)
def in_memory(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(application, "inner", receiver.application)


@document.parametrize()
@settings(max_examples=25, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
def test_every_request_is_answered_as_the_document_says(case):
    case.call_and_validate(headers={"Authorization": f"Bearer {KEY}"})
