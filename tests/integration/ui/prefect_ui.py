"""The Prefect UI in a browser, as whoever is on call uses it, and the pictures that are taken of it."""

import os
import re

from playwright.sync_api import Locator, Page, expect

from deployments.local.stack import ROOT
from flows.runs import run_report
from tests import browser
from tests.integration.service import Json
from tests.integration.ui.conftest import NEW, OLD

#: Of every page, for a look afterwards; with PICTURES=1 also those that the README shows.
_FOLDER = ROOT / ".soulprint" / "browser"
_SHOWN = {
    "completed run, old UI": ROOT / "deployments" / "prefect_ui.png",
    "report of a failed run": ROOT / "deployments" / "report.png",
    "status of a failed pass": ROOT / "deployments" / "status_page.png",
}
_TALL = 2_400  # px: a report is on it without scrolling

#: Cells that reach beyond the window, or that something else covers or cuts off.
_ILLEGIBLE = """cells => cells.filter(cell => {
    const box = cell.getBoundingClientRect(), middle = (box.top + box.bottom) / 2;
    const shows = x => { const at = document.elementFromPoint(x, middle); return at && cell.contains(at); };
    return box.right > innerWidth || !shows(box.left + 2) || !shows(box.right - 2);
}).map(cell => cell.innerText)"""


def picture(page: Page, name: str) -> None:
    for path in [_FOLDER / f"{name}.png", *([_SHOWN[name]] if name in _SHOWN and os.environ.get("PICTURES") else [])]:
        path.parent.mkdir(parents=True, exist_ok=True)
        page.screenshot(path=path)


class PrefectUi:
    def __init__(self, page: Page, login: str):
        self.page = page
        page.goto("/")
        page.get_by_placeholder("admin:pass").fill(login)
        page.get_by_role("button", name="Login").click()
        expect(page.get_by_text("Active Work Pools")).to_be_visible()

    def open(self, path: str, ui: str = NEW) -> None:
        self.page.goto(f"{ui}{path}")

    def run(self, run: Json, tab: str = "Logs", ui: str = NEW) -> None:
        """Opens the page of a run."""
        self.open(f"/runs/flow-run/{run['id']}?tab={tab}", ui)
        self.sees(run["name"])
        if ui == OLD:
            self.page.get_by_text(tab, exact=True).click()

    def report(self, run: Json, ui: str = NEW) -> None:
        """Opens the newest report of a run's user, by the page that lists them."""
        user = run["parameters"]["user_id"]
        self.open(f"/artifacts/key/{run_report.key(user)}", ui)
        self.page.get_by_role("link", name=re.compile("^[0-9a-f]{8}$")).first.click()
        expect(self.text("began ")).to_be_visible()

    def choose(self, action: str, confirmed_by: str) -> None:
        """Takes an action of the menu of a run."""
        self.page.get_by_role("button", name="Open menu").click()
        self.page.get_by_role("menuitem", name=action, exact=True).click()
        self.page.get_by_role("button", name=confirmed_by, exact=True).click()

    def text(self, text: str | re.Pattern[str]) -> Locator:
        return self.page.get_by_text(text).filter(visible=True).first

    def sees(self, *texts: str | re.Pattern[str]) -> None:
        """Returns when they are all in the window, nothing scrolled."""
        for text in texts:
            expect(self.text(text)).to_be_in_viewport(ratio=0.99)

    def finds(self, text: str | re.Pattern[str]) -> None:
        """Returns when it is in the window, to which it may be scrolled."""
        expect(self.text(text)).to_be_visible()
        self.text(text).scroll_into_view_if_needed()
        self.sees(text)

    def illegible(self) -> list[str]:
        """Cells of tables of which a part is cut off at the width of the window, however far one scrolls down."""
        self.page.set_viewport_size({"width": browser.WIDTH, "height": _TALL})
        cells: list[str] = self.page.locator("th, td").evaluate_all(_ILLEGIBLE)
        self.page.set_viewport_size({"width": browser.WIDTH, "height": browser.HEIGHT})
        return cells

    def picture(self, name: str, ui: str = NEW) -> None:
        picture(self.page, name if ui == NEW else f"{name}, old UI")
