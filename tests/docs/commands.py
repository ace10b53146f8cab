"""The table of make's targets, from the comments above them."""

import re

from deployments.local.stack import ROOT


def table() -> str:
    """As markdown, in the order of the Makefile."""
    targets = re.findall(r"^## ([a-z-]+): (.*)$", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    return "\n".join(["| command | |", "|---|---|", *(f"| `make {name}` | {text} |" for name, text in targets)])
