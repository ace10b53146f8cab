"""The table of settings, from flows/settings.py: names, defaults, and the `#:` comments above them as meanings."""

import ast
import inspect
import tempfile
from pathlib import Path
from typing import Any

from pydantic import HttpUrl
from pydantic.fields import FieldInfo

from flows import settings
from flows.settings import (
    ApplySettings,
    Environment,
    ModelSettings,
    PassSettings,
    StoreSettings,
    WebhookSettings,
)

_READ_BY: dict[type[Environment], tuple[str, ...]] = {
    StoreSettings: ("worker", "receiver"),
    ModelSettings: ("worker",),
    PassSettings: ("worker",),
    WebhookSettings: ("receiver",),
    ApplySettings: ("apply",),
}
#: It is read by a function, because a value that cannot be used is no error: name → where its default and comment are.
_CONCURRENCY = ("FACT_EXTRACTION_CONCURRENCY", "DEFAULT_FACT_EXTRACTION_CONCURRENCY", ("worker", "apply"))


def table() -> str:
    """As markdown, in the order of flows/settings.py."""
    meanings = _meanings(inspect.getsource(settings))
    rows = ["| setting | default | | read by |", "|---|---|---|---|"]
    readers: dict[str, tuple[str, ...]] = {}
    for group, read_by in _READ_BY.items():
        for name in group.model_fields:
            readers[name] = (*readers.get(name, ()), *(each for each in read_by if each not in readers.get(name, ())))
    missing = {group.__name__ for group in Environment.__subclasses__()} - {group.__name__ for group in _READ_BY}
    assert not missing, f"tests/docs/settings_table.py does not say who reads {missing}"
    for name, field in {name: field for group in _READ_BY for name, field in group.model_fields.items()}.items():
        assert name in meanings, f"flows/settings.py: say in a comment above {name} what it means, after `#:`"
        rows.append(_row(name.upper(), _default(field), meanings[name], readers[name]))
    name, constant, read_by = _CONCURRENCY
    rows.append(_row(name, f"{getattr(settings, constant)}", meanings[constant], read_by))
    return "\n".join(rows)


def _row(name: str, default: str, meaning: str, read_by: tuple[str, ...]) -> str:
    return f"| `{name}` | {default} | {meaning} | {', '.join(read_by)} |"


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    value: Any = field.default
    match value:
        case None:
            return "none"
        case Path():
            return f"`{value.relative_to(tempfile.gettempdir())}` in the system's temporary folder"
        case str() | HttpUrl():
            return f"`{str(value).rstrip('/')}`"
    return f"{value}"


def _meanings(source: str) -> dict[str, str]:
    """Name → the `#:` comment above the assignment."""
    lines = source.splitlines()
    found: dict[str, str] = {}
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.AnnAssign(target=ast.Name(id=name)) | ast.Assign(targets=[ast.Name(id=name)]):
                comment: list[str] = []
                above = node.lineno - 2
                while lines[above].strip().startswith("#:"):
                    comment.insert(0, lines[above].strip().removeprefix("#:").strip())
                    above -= 1
                if comment:
                    found[name] = " ".join(comment).removesuffix(".")
    return found
