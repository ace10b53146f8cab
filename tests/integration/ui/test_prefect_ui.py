"""What is seen of a pass in the Prefect UI on a window of 1,280 x 800 px: within a minute what happened, what to do."""

import re

import pytest

from tests import browser
from tests.integration.ui.conftest import LONG, NEW, OLD

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not browser.found(), reason=browser.MISSING),
    pytest.mark.timeout(1800),
]

BOTH = pytest.mark.parametrize("ui", [NEW, OLD], ids=["new", "old"])
PROGRESS = re.compile(rf"^\d+ of {LONG} chunks, .+ left, ")


@BOTH
def test_a_running_pass_shows_how_far_it_is_and_how_long_it_takes(prefect_ui, passes, ui):
    prefect_ui.run(passes["running"], "Artifacts", ui)
    prefect_ui.sees("Running")
    prefect_ui.finds(PROGRESS)
    prefect_ui.picture("running", ui)


@BOTH
def test_a_failed_run_says_why_before_anything_is_scrolled(prefect_ui, passes, ui):
    prefect_ui.run(passes["failed"], "Details", ui)
    prefect_ui.sees("Failed", "error:SpendLimitReached", "failed:extract_facts")
    prefect_ui.picture("failed run", ui)
    prefect_ui.finds(re.compile("failed at extract_facts: SpendLimitReached: "))


@BOTH
def test_the_log_of_a_failed_run_ends_with_what_to_do(prefect_ui, passes, ui):
    prefect_ui.run(passes["failed"], "Logs", ui)
    prefect_ui.finds(
        re.compile(r"Finished in state Failed\(.failed at extract_facts: SpendLimitReached: .*; add credit")
    )
    prefect_ui.picture("log of a failed run", ui)


@BOTH
def test_a_completed_run_says_what_it_has_come_to_and_whom_it_was_for(prefect_ui, passes, ui):
    run = passes["completed"]
    prefect_ui.run(run, "Details", ui)
    prefect_ui.sees("Completed", "trigger:webhook")
    prefect_ui.picture("completed run", ui)
    prefect_ui.finds(re.compile("complete: 300 conversations, 472 chunks"))
    prefect_ui.finds(f"user:{run['parameters']['user_id']}")


def test_a_run_without_sections_is_not_like_any_other_that_is_green(prefect_ui, passes):
    prefect_ui.run(passes["without sections"], "Details")
    prefect_ui.sees("Completed without sections")
    prefect_ui.picture("without sections")
    prefect_ui.finds(re.compile("; without sections: regenerate-sections writes them at "))


@BOTH
@pytest.mark.parametrize("name", ["completed", "failed", "without sections", "running"])
def test_a_report_shows_every_column_and_begins_with_what_has_happened(prefect_ui, passes, name, ui):
    run = passes[name]
    prefect_ui.report(run, ui)
    prefect_ui.sees(run["state"]["message"] or "running", "step", "status", "in → out")
    prefect_ui.picture(f"report of a {name} run", ui)
    assert prefect_ui.illegible() == []


def test_the_report_of_a_failed_run_says_what_to_do(prefect_ui, passes):
    prefect_ui.report(passes["failed"])
    prefect_ui.sees(re.compile("What to do: "))
    prefect_ui.finds("run before this: none")


@BOTH
def test_the_page_of_artifacts_lists_users_with_what_has_become_of_them(prefect_ui, passes, ui):
    prefect_ui.open("/artifacts", ui)
    for name in ("completed", "failed", "without sections"):
        prefect_ui.finds(f"full-pass-{passes.user(name)}")
        prefect_ui.finds(passes[name]["state"]["message"])
    prefect_ui.picture("artifacts", ui)


def test_a_users_tag_finds_the_runs_of_this_user_and_no_others(prefect_ui, passes):
    run, other = passes["without sections"], passes["completed"]
    prefect_ui.open(f"/runs?tags=user%3A{passes.user('without sections')}")
    prefect_ui.finds(run["name"])
    prefect_ui.picture("runs of a user")
    assert not prefect_ui.text(other["name"]).is_visible()


def test_the_event_feed_tells_of_steps_and_ends(prefect_ui, passes):
    prefect_ui.open("/events")
    prefect_ui.finds(re.compile(r"soulprint\.full-pass\."))
    prefect_ui.picture("events")
