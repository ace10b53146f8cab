"""What of a stored row is believed when a pass is to be run again, and what a run is called."""

import asyncio
from typing import Any
from uuid import UUID

import pytest
from prefect.client.schemas.objects import StateType
from prefect.settings import PREFECT_API_URL, temporary_settings

from flows.errors import reported
from flows.runs.flow_runs import introduce, link, stored_request, tag_failure
from tests.unit.fake_prefect import FakePrefect

USER, OTHER = UUID("00000000-0000-4000-8000-0000000000ab"), UUID("00000000-0000-4000-8000-000000000002")
OWN = {"user_id": str(USER), "storage_path": f"imports/{USER}/export.zip"}


@pytest.mark.parametrize(
    ("api", "page"),
    [
        ("http://server:4200/api", f"/runs/flow-run/{OTHER}"),
        (
            "https://api.prefect.cloud/api/accounts/a1/workspaces/w1",
            f"https://app.prefect.cloud/account/a1/workspace/w1/runs/flow-run/{OTHER}",
        ),
    ],
)
def test_a_link_leads_to_the_page_of_a_run_wherever_the_ui_is(api, page):
    with temporary_settings({PREFECT_API_URL: api}):
        assert link(OTHER, "the run") == f"[the run]({page})"


@pytest.mark.parametrize("path", [f"imports/{USER}/export.zip", f"{USER}/export.zip", f"{USER}/2026/export.zip"])
def test_a_pass_over_an_own_export_is_run_again(path):
    request = stored_request({**OWN, "storage_path": path, "of an older version": 1}, USER, "imports")
    assert request is not None
    assert (request.user_id, request.storage_path) == (USER, path)
    assert stored_request({**OWN, "user_id": str(USER).upper()}, USER, "imports") is not None


@pytest.mark.parametrize(
    "parameters",
    [
        None,
        {},
        {"user_id": str(USER)},
        {**OWN, "user_id": str(OTHER)},
        {**OWN, "storage_path": f"imports/{OTHER}/export.zip"},
        {**OWN, "storage_path": f"imports/{USER}/../{OTHER}/export.zip"},
        {"user_id": str(OTHER), "storage_path": f"imports/{OTHER}/export.zip"},
        {**OWN, "storage_path": ""},
    ],
)
def test_what_is_no_pass_of_this_user_over_an_own_export_is_not_run(parameters):
    assert stored_request(parameters, USER, "imports") is None


def test_tags_say_why_a_run_has_failed_until_it_is_retried():
    prefect: Any = FakePrefect()
    run = prefect.run(StateType.RUNNING)
    error = reported("failed at extract_facts: SpendLimitReached: the credit is used up; next attempt 14:20 UTC")
    asyncio.run(tag_failure(prefect, run, error))
    assert {"failed:extract_facts", "error:SpendLimitReached"} <= set(run.tags)
    asyncio.run(introduce(prefect, run, USER, "full-pass · 00000000 · attempt 2", "claude"))
    assert set(run.tags) >= {f"user:{USER}", "trigger:manual", "model:claude"}
    assert [tag for tag in run.tags if tag.startswith(("failed:", "error:"))] == []


def test_a_run_that_failed_before_its_first_step_names_none():
    prefect: Any = FakePrefect()
    run = prefect.run(StateType.RUNNING)
    asyncio.run(tag_failure(prefect, run, reported("failed: SettingsError: SUPABASE_URL: is missing (set it)")))
    assert run.tags == ["error:SettingsError"]
