"""The status page in a browser: what people without Prefect see, and whether everybody can use it."""

import re
from uuid import UUID

import pytest

from tests import browser

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not browser.found(), reason=browser.MISSING),
    pytest.mark.timeout(1800),
]

NOBODY = UUID(int=1)
SHOWN = {
    "completed": re.compile("100 % done"),
    "failed": re.compile("What to do"),
    "without sections": re.compile("100 % done"),
    "running": re.compile("Step 4 of 9"),
}


@pytest.fixture(scope="module")
def page(stack, passes):
    with browser.window(stack.url("webhook"), stack.environment["WEBHOOK_KEY"]) as page:
        yield page


def sees(page, text):
    from playwright.sync_api import expect

    expect(page.get_by_text(text).first).to_be_in_viewport(ratio=0.99)


def picture(page, name):
    from tests.integration.ui import prefect_ui

    prefect_ui.picture(page, name)


@pytest.mark.parametrize("name", SHOWN)
def test_the_page_says_how_far_a_pass_is_and_keeps_nobody_out(page, passes, name):
    page.goto(f"/status/{passes.user(name)}")
    sees(page, SHOWN[name])
    picture(page, f"status of a {name} pass")
    assert browser.hindrances(page) == ""


@pytest.mark.parametrize("width", [320, browser.WIDTH])
def test_the_page_fits_its_window(page, passes, width):
    page.set_viewport_size({"width": width, "height": browser.HEIGHT})
    page.goto(f"/status/{passes.user('failed')}")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    picture(page, f"status at {width} px")
    page.set_viewport_size({"width": browser.WIDTH, "height": browser.HEIGHT})


def test_whoever_has_no_row_is_told_so_on_a_page_too(page):
    page.goto(f"/status/{NOBODY}")
    sees(page, str(NOBODY))
    assert browser.hindrances(page) == ""
