"""What stands in for the services where a test is about the middle: no server, no process, no waiting.

Imports of the services' clients are within the fixtures: the process that hands out the tests needs none of them, and
they take seconds.
"""

import logging
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.unit.fake_model import InProcessModel
    from tests.unit.fake_prefect import FakePrefect
    from tests.unit.fake_supabase import FakeSupabase


@pytest.fixture
def events(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """What automations would see; there is no Prefect server, and Prefect would start one."""
    emitted: list[dict[str, Any]] = []
    monkeypatch.setattr("flows.events.emit_event", lambda **event: emitted.append(event))
    return emitted


@pytest.fixture
def supabase(events: list[dict[str, Any]]) -> "Iterator[FakeSupabase]":
    """The current store, in memory."""
    from flows.store.client import use_store
    from tests.unit.fake_supabase import FakeSupabase

    fake = FakeSupabase()
    with use_store(fake.store()):
        yield fake


@pytest.fixture
def prefect(monkeypatch: pytest.MonkeyPatch) -> "FakePrefect":
    """What is said in the logs of its runs goes to the logger `run`."""
    from tests.unit.fake_prefect import FakePrefect

    monkeypatch.setattr("flows.runs.status.flow_run_logger", lambda run: logging.getLogger("run"))
    return FakePrefect()


@pytest.fixture
def run_log(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> pytest.LogCaptureFixture:
    """What the run logger is told, though no flow run is being executed."""
    logger = logging.getLogger("run")
    monkeypatch.setattr("flows.steps.get_run_logger", lambda: logger)
    caplog.set_level(logging.INFO, "run")
    return caplog


@pytest.fixture
def model(monkeypatch: pytest.MonkeyPatch) -> "InProcessModel":
    from tests.unit.fake_model import KEY, InProcessModel

    for name in ("EXTRACTION_MODEL", "MEMORY_MODEL", "MODEL_MAX_RETRIES", "FULL_PASS_BUDGET_USD"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("ANTHROPIC_API_KEY", KEY)
    monkeypatch.setenv("ANTHROPIC_BASE_URL", "http://stand-in")
    return InProcessModel()
