"""The page: one file that loads nothing and runs nothing."""

import os
import re
from pathlib import Path

import jinja2

from deployments.local.memory_page import dates
from deployments.local.memory_page.remembered import Remembered

_INDENTATION = re.compile(r"\n\s+")
_TEMPLATES = jinja2.Environment(
    loader=jinja2.FileSystemLoader(Path(__file__).parent),
    autoescape=True,
    trim_blocks=True,
    lstrip_blocks=True,
    undefined=jinja2.StrictUndefined,
)
_TEMPLATES.filters["human"] = dates.human


def page(memory: Remembered, remark: str | None = None) -> str:
    """The page's HTML. `remark`: a sentence on where it comes from, at its top."""
    html = _TEMPLATES.get_template("memory.html.j2").render(memory=memory, remark=remark)
    return _INDENTATION.sub("\n", html)  # half of the bytes; no text of the person has a line break


def write(html: str, path: Path) -> None:
    """Puts the page there, whole or not at all, readable by its owner only."""
    unfinished = path.with_name(f".{path.name}.unfinished")
    unfinished.unlink(missing_ok=True)
    descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(html)
    unfinished.replace(path)
