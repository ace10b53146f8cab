"""A browser without a window, where there is one: what a page looks like, and what it does."""

import contextlib
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playwright.sync_api import Page

_NAMES = ("chromium", "chromium-browser", "google-chrome")
_SECONDS = 120
#: What whoever is on call has: a small laptop.
WIDTH, HEIGHT = 1280, 800

MISSING = "there is no Chromium here; on Debian: apt-get install chromium"


def found() -> str | None:
    """Its command."""
    return next((path for name in _NAMES if (path := shutil.which(name))), None)


@contextlib.contextmanager
def window(address: str, password: str = "", origin: str = "") -> Iterator["Page"]:
    """A page of a browser of its own, for as long as a person has it open.

    password: what the server at `address` may ask for, or the one at `origin`.

    What is expected of it may take two minutes, as it does on a machine that is busy otherwise. Until it is closed,
    nothing in this thread can run an event loop of its own.
    """
    from playwright.sync_api import expect, sync_playwright

    expect.set_options(timeout=1_000 * _SECONDS)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found(), args=_unsafe())
        context = browser.new_context(
            base_url=address,
            viewport={"width": WIDTH, "height": HEIGHT},
            locale="en-GB",
            timezone_id="UTC",
            http_credentials={"username": "", "password": password, "origin": origin or address} if password else None,
        )
        context.set_default_timeout(1_000 * _SECONDS)
        yield context.new_page()
        browser.close()


def hindrances(page: "Page") -> str:
    """What axe finds that keeps people from using the page; "": nothing."""
    from axe_playwright_python.sync_playwright import Axe

    found = Axe().run(page)
    return found.generate_report() if found.violations_count else ""


def dom(page: Path) -> str:
    """The page's HTML after its scripts have run."""
    return _run(page, "--virtual-time-budget=10000", "--dump-dom")


def picture(page: Path, to: Path, width: int, height: int) -> None:
    """Writes what a window of this size shows of the page, as PNG."""
    _run(page, f"--window-size={width},{height}", "--hide-scrollbars", f"--screenshot={to}")


def _run(page: Path, *options: str) -> str:
    command = [found() or "", "--headless", "--disable-gpu", *_unsafe(), *options, page.as_uri()]
    return subprocess.run(command, capture_output=True, encoding="utf-8", check=True, timeout=_SECONDS).stdout


def _unsafe() -> list[str]:
    # Chromium refuses to run as root in its sandbox; nothing is loaded but the page.
    return ["--no-sandbox"] if os.geteuid() == 0 else []
