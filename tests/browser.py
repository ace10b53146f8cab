"""A browser without a window, where there is one: what a page looks like, and what it does."""

import os
import shutil
import subprocess
from pathlib import Path

_NAMES = ("chromium", "chromium-browser", "google-chrome")
_SECONDS = 120

MISSING = "there is no Chromium here; on Debian: apt-get install chromium"


def found() -> str | None:
    """Its command."""
    return next((path for name in _NAMES if (path := shutil.which(name))), None)


def dom(page: Path) -> str:
    """The page's HTML after its scripts have run."""
    return _run(page, "--virtual-time-budget=10000", "--dump-dom")


def picture(page: Path, to: Path, width: int, height: int) -> None:
    """Writes what a window of this size shows of the page, as PNG."""
    _run(page, f"--window-size={width},{height}", "--hide-scrollbars", f"--screenshot={to}")


def _run(page: Path, *options: str) -> str:
    # Chromium refuses to run as root in its sandbox; nothing is loaded but the page.
    unsafe = ["--no-sandbox"] if os.geteuid() == 0 else []
    command = [found() or "", "--headless", "--disable-gpu", *unsafe, *options, page.as_uri()]
    return subprocess.run(command, capture_output=True, encoding="utf-8", check=True, timeout=_SECONDS).stdout
