"""Applying the deployment, as an operator does after changing a setting."""

import re
from importlib.metadata import version

import pytest
from packaging.requirements import Requirement

from deployments.local.stack import ROOT


@pytest.mark.parametrize(("given", "limit"), [("7", 7), ("50", 50), ("51", 3), ("many", 3)])
def test_the_tags_limit_follows_the_setting_when_the_deployment_is_applied_again(service, stack, given, limit):
    stack.apply(FACT_EXTRACTION_CONCURRENCY=given)
    found = service.prefect.get("/concurrency_limits/tag/extraction").raise_for_status().json()
    assert found["concurrency_limit"] == limit


def test_the_deployments_and_the_schedule_are_on_the_server(service):
    for name in ("full-pass/full-pass", "retry-failed/retry-failed"):
        deployment = service.prefect.get(f"/deployments/name/{name}").raise_for_status().json()
        assert deployment["work_pool_name"] == "full-pass"
        schedules = [schedule["schedule"]["cron"] for schedule in deployment["schedules"]]
        assert schedules == ([] if name.startswith("full-pass") else ["*/10 * * * *"])


def test_what_is_installed_is_what_the_requirements_pin():
    lines = re.sub(r"\s+#.*|^#.*", "", (ROOT / "requirements.txt").read_text(), flags=re.MULTILINE).split("\n")
    pinned = [Requirement(line) for line in lines if line]
    wanted = {r.name: str(r.specifier) for r in pinned if r.marker is None or r.marker.evaluate()}
    assert wanted == {name: f"=={version(name)}" for name in wanted}
    assert "prefect" in wanted
