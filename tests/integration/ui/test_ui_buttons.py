"""What is seen when buttons of the Prefect UI are pressed. Last of all: the pass that runs goes on to its end here."""

import re

import pytest

from tests import browser
from tests.integration.ui.conftest import LONG

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not browser.found(), reason=browser.MISSING),
    pytest.mark.timeout(1800),
]


def test_cancel_ends_a_run_and_its_page_says_where(prefect_ui, passes):
    prefect_ui.run(passes["cancelled"], "Details")
    prefect_ui.choose("Cancel", "Cancel Flow Run")
    prefect_ui.sees("Cancelled")
    prefect_ui.finds(re.compile("cancelled at extract_facts by an operator"))
    prefect_ui.picture("cancelled run")
    prefect_ui.report(passes["cancelled"])
    prefect_ui.sees(re.compile("cancelled at extract_facts by an operator"))


def test_a_suspended_run_says_so_and_resume_goes_on_with_it(prefect_ui, passes):
    prefect_ui.run(passes["suspended"])
    prefect_ui.choose("Pause", "Pause Flow Run")
    prefect_ui.sees("Suspended")
    passes.service.gone(passes["suspended"]["id"])
    prefect_ui.report(passes["suspended"])
    prefect_ui.sees("Suspended", re.compile("What to do: Resume"))
    prefect_ui.picture("report of a suspended run")
    passes.behave(latency_seconds=0)
    prefect_ui.run(passes["suspended"])
    prefect_ui.picture("suspended run")
    prefect_ui.choose("Resume", "Resume")
    prefect_ui.sees("Completed", "full-pass · ")
    prefect_ui.picture("resumed run")
    passes.answered("suspended", LONG)
