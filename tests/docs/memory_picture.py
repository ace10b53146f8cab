"""The picture of MEMORY in the README: the page of the sample, as a browser shows it, with an entry open.

python -m tests.docs.memory_picture        runs the sample on an embedded stack of its own, and takes the picture anew
"""

import json
import os
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from deployments.local.stack import ROOT
from tests import browser
from tests.docs import sample_run
from tests.sample import chatgpt_export

PICTURE = ROOT / "deployments" / "local" / "memory.png"

_WIDTH, _HEIGHT = 1100, 1130
#: Nothing that the sample says has been replaced, so this is said before it.
_BEFORE = "I work as a mechanic at the depot of the buses."
_SAID_AT = datetime(2022, 12, 5, 18, tzinfo=UTC).timestamp()
_OPENED = "I work as a restoration engineer"


def main() -> int:
    if not browser.found():
        print(browser.MISSING, file=sys.stderr)
        return 1
    with tempfile.TemporaryDirectory(prefix="soulprint-docs-") as folder:
        export, page = Path(folder) / "export.json", Path(folder) / "memory.html"
        export.write_text(json.dumps([*chatgpt_export.generate(), _earlier()]), encoding="utf-8")
        finished = sample_run.run(folder, str(export))
        if finished.returncode:
            print(finished.stdout, file=sys.stderr)
            return 1
        page.write_text(_opened(page.read_text(encoding="utf-8")), encoding="utf-8")
        browser.picture(page, PICTURE, _WIDTH, _HEIGHT)
    print(f"taken: {os.path.relpath(PICTURE)}")
    return 0


def _earlier() -> dict[str, Any]:
    """A conversation as it stands in a ChatGPT export."""
    content = {"content_type": "text", "parts": [f"{_BEFORE} Which questions may I expect in an interview?"]}
    message = {"id": "m", "author": {"role": "user"}, "create_time": _SAID_AT, "content": content}
    return {
        "id": "earlier",
        "title": "Questions in an interview",
        "create_time": _SAID_AT,
        "update_time": _SAID_AT,
        "current_node": "m",
        "mapping": {"m": {"id": "m", "message": message, "parent": None, "children": []}},
    }


def _opened(html: str) -> str:
    """The page with this one entry open, as a click on it would leave it."""
    before, after = html.split(_OPENED, 1)
    return "<details open>".join(before.rsplit("<details>", 1)) + _OPENED + after


if __name__ == "__main__":
    sys.exit(main())
