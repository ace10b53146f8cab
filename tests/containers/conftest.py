"""The images, and what is started from them."""

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import pytest

from tests.containers import images

if TYPE_CHECKING:
    from tests.containers.compose import Topology
    from tests.containers.surroundings import Surroundings
    from tests.integration.service import FullPassService


@pytest.fixture(scope="session")
def built() -> None:
    """The images are there."""
    if why := images.missing():
        pytest.skip(why)
    images.build()


@pytest.fixture(scope="session")
def surroundings(built: None, tmp_path_factory: pytest.TempPathFactory) -> "Iterator[Surroundings]":
    from tests.containers.surroundings import Surroundings, own_network

    own_network()
    with Surroundings(tmp_path_factory.mktemp("surroundings")) as running:
        yield running


@pytest.fixture(scope="session")
def topology(surroundings: "Surroundings") -> "Iterator[Topology]":
    """deployments/compose.yaml, started."""
    from deployments.local.stack import ROOT
    from tests.containers.compose import Topology

    stood_in = {"SOULPRINT_IMAGE": images.IMAGE, "POSTGRES_IMAGE": images.POSTGRES, "REDIS_IMAGE": images.REDIS}
    model = {"ANTHROPIC_BASE_URL": surroundings.environment["ANTHROPIC_BASE_URL"]}
    topology = Topology(
        ROOT / "deployments" / "compose.yaml",
        {**surroundings.variables, **stood_in},
        {"worker": model},
        "soulprint-tested",
    )
    topology.down()
    try:
        topology.up()
        yield topology
    finally:
        topology.down()


@pytest.fixture
def service(topology: "Topology", surroundings: "Surroundings") -> "Iterator[FullPassService]":
    """It as the web app, the operator and the on-call engineer see it."""
    from tests.integration.service import FullPassService

    with FullPassService(surroundings) as service:
        yield service


@pytest.fixture
def show(capsys: pytest.CaptureFixture[str]) -> Callable[[str], None]:
    """Prints a figure where whoever runs the tests sees it."""

    def print_it(text: str) -> None:
        with capsys.disabled():
            print(f"\n{text}", flush=True)

    return print_it
