"""pyproject.toml, what was compiled from it, and what is installed say the same."""

import re
import tomllib
from importlib.metadata import version
from itertools import chain

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from deployments.local.stack import ROOT
from flows.providers import REQUIREMENTS

_DECLARED = tomllib.loads((ROOT / "pyproject.toml").read_text())
PROJECT, GROUPS = _DECLARED["project"], _DECLARED["dependency-groups"]
RUNTIME, DEVELOPMENT = "requirements.txt", "tests/requirements.txt"
IMAGE = "deployments/requirements-image.txt"
DIRECT = {
    RUNTIME: PROJECT["dependencies"],
    DEVELOPMENT: PROJECT["dependencies"] + GROUPS["dev"],
    IMAGE: PROJECT["dependencies"] + PROJECT["optional-dependencies"]["server"],
    REQUIREMENTS: PROJECT["dependencies"] + [*chain(*PROJECT["optional-dependencies"].values())],
}


def compiled(file: str) -> list[tuple[Requirement, str]]:
    """Each pin and for whom it is there."""
    entries = re.findall(r"^([a-z].*?) \\\n.*?# via (.*?)$", (ROOT / file).read_text(), flags=re.MULTILINE | re.DOTALL)
    return [(Requirement(pin), why) for pin, why in entries]


def pins(requirements: list[Requirement]) -> dict[str, str]:
    return {canonicalize_name(each.name): str(each.specifier) for each in requirements}


@pytest.mark.parametrize("file", DIRECT)
def test_what_is_direct_was_compiled_since_it_changed(file):
    assert pins([Requirement(each) for each in DIRECT[file]]) == pins(
        [pin for pin, why in compiled(file) if "pyproject.toml" in why]
    ), "make lock"


@pytest.mark.parametrize("file", [DEVELOPMENT, IMAGE, REQUIREMENTS])
def test_what_is_installed_elsewhere_is_what_a_worker_installs(file):
    worker, there = (pins([pin for pin, _ in compiled(file)]) for file in (RUNTIME, file))
    assert worker.items() <= there.items()


@pytest.mark.parametrize("file", [RUNTIME, DEVELOPMENT])
def test_what_is_installed_is_what_is_pinned(file):
    wanted = pins([pin for pin, _ in compiled(file) if pin.marker is None or pin.marker.evaluate()])
    assert wanted == {name: f"=={version(name)}" for name in wanted}
