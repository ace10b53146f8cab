"""Passes in every state that whoever is on call may meet, and a browser that looks at them."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest

from deployments.local.stack import ROOT, Stack
from tests import browser
from tests.integration.service import FullPassService, Json, simple_export

if TYPE_CHECKING:
    from tests.integration.ui.prefect_ui import PrefectUi

_SAMPLE = ROOT / "tests" / "data" / "sample_export.zip"
#: In the texts of the user whose calls have this fault.
_FAULTS: dict[str, Json] = {
    "failed": {"kind": "low_credit", "schema": "ChunkFacts", "contains": "qx0001"},
    "without sections": {"kind": "status", "status": 400, "schema": "ProfileSections", "contains": "qx0002"},
}
#: The UI that the server's address opens, and the one that links to runs open, of reports and of `make run`.
NEW, OLD = "/v2", ""
#: Long enough to be looked at in the middle.
LONG = 120
_SLOW = 12  # seconds of a call: they stay in the middle for as long as a busy machine takes for all tests


class Passes:
    """The runs by what becomes of them."""

    def __init__(self, service: FullPassService):
        self.service = service
        self._ids: dict[str, str] = {}

    def __getitem__(self, name: str) -> Json:
        """The run as it is now."""
        return self.service.run(self._ids[name])

    def user(self, name: str) -> str:
        return str(self[name]["parameters"]["user_id"])

    def deliver(self, name: str, export: bytes | list[Json]) -> None:
        user_id = self.service.new_user()
        self._ids[name] = self.service.trigger(user_id, self.service.upload(user_id, export))

    def answered(self, name: str, calls: int) -> None:
        """Returns when so many of the user's chunks have an answer."""
        self.service.wait(lambda: self.service.answers(UUID(self.user(name))), lambda answers: len(answers) >= calls)

    def behave(self, **behaviour: Any) -> None:
        """What the Messages API does from now on."""
        self.service.messages.put("/_control", json=behaviour).raise_for_status()


@pytest.fixture(scope="session")
def passes(stack: Stack) -> Iterator[Passes]:
    """Those that have ended, and three that are in the middle of extraction."""
    with FullPassService(stack) as service:
        passes = Passes(service)
        passes.behave(faults=[*_FAULTS.values()])
        passes.deliver("completed", _SAMPLE.read_bytes())
        for name, fault in _FAULTS.items():
            passes.deliver(name, _export(3, fault["contains"]))
        for name in ("completed", *_FAULTS):
            service.ended(passes[name]["id"])
        passes.behave(latency_seconds=2)
        for name in ("running", "cancelled", "suspended"):
            passes.deliver(name, _export(LONG, ""))
        for name in ("running", "cancelled", "suspended"):
            passes.answered(name, 2)
        passes.behave(latency_seconds=_SLOW)
        yield passes


def _export(calls: int, mark: str) -> list[Json]:
    """About which so many questions are asked: each conversation is too large to share its call."""
    return simple_export(*(f"I like tea number {n}. My word is {mark}. {'and so on ' * 800}" for n in range(calls)))


@pytest.fixture(scope="module")
def prefect_ui(stack: Stack, passes: Passes) -> "Iterator[PrefectUi]":
    from tests.integration.ui.prefect_ui import PrefectUi

    with browser.window(stack.url("prefect")) as page:
        yield PrefectUi(page, stack.prefect_login)
