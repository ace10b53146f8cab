"""A server that `prefect deploy` alone has made ready lacks what holds a pass to its promises, and that is said."""

import asyncio

import yaml

from deployments import ROOT
from flows.runs import applied

EXAMPLES = "notify_"  # which an operator makes by hand


def names() -> set[str]:
    files = (file for file in (ROOT / "deployments" / "automations").iterdir() if not file.name.startswith(EXAMPLES))
    return {yaml.safe_load(file.read_text())["name"] for file in files}


def test_nothing_is_missing_of_a_server_to_which_all_was_applied(prefect):
    prefect.automations = names()
    assert asyncio.run(applied.missing(prefect)) == []


def test_the_limit_and_each_automation_are_missed(prefect):
    prefect.limit = None
    said = asyncio.run(applied.missing(prefect))
    assert "tag extraction" in said[0]
    assert {name for name in names() if any(name in line for line in said)} == names()
