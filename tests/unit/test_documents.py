"""The documents: what they link to is there, and what they list is what the code has."""

import re
import subprocess
from pathlib import Path

import pytest

from deployments.local.stack import ROOT
from flows.records import Step
from tests.docs import sample_run

DOCUMENTS = [path for path in ROOT.rglob("*.md") if not {".venv", ".soulprint"} & set(path.relative_to(ROOT).parts)]

_FENCED = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^#+ (.*)$", re.MULTILINE)


def prose(document: Path) -> str:
    return _FENCED.sub("", document.read_text(encoding="utf-8"))


def anchors(document: Path) -> set[str]:
    """The headings as GitHub names them."""
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in _HEADING.findall(prose(document))}


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_link_within_the_repository_leads_somewhere(document):
    broken = []
    for link in _LINK.findall(prose(document)):
        path, _, anchor = link.partition("#")
        target = document.parent / path if path else document
        if re.match(r"[a-z]+:", link) is None and not (
            target.exists() and (not anchor or (target.suffix == ".md" and anchor in anchors(target)))
        ):
            broken.append(link)
    assert broken == []


def test_the_readme_is_short():
    assert len((ROOT / "README.md").read_text(encoding="utf-8").splitlines()) < 150


def test_the_readme_has_each_step_in_its_place():
    rows = re.findall(r"^\| (\d+) \| `(\w+)` \|", prose(ROOT / "README.md"), re.MULTILINE)
    assert rows == [(str(number), step) for number, step in enumerate(Step, start=1)], "README.md, The nine steps"


def test_the_recorded_run_of_the_sample_has_every_step():
    assert list(sample_run.recorded()) == list(Step), "make docs RUN=1"


def test_a_command_that_a_document_names_is_there():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z-]+):", makefile, re.MULTILINE))
    named = {name for path in DOCUMENTS for name in re.findall(r"`make ([a-z-]+)", path.read_text(encoding="utf-8"))}
    assert named - targets == set()


def test_make_help_lists_every_target():
    listed = subprocess.run(["make", "help"], cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True).stdout
    phony = re.search(r"^\.PHONY: (.*)$", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    assert phony is not None
    assert re.findall(r"^make ([a-z-]+)", listed, re.MULTILINE) == phony[1].split()
