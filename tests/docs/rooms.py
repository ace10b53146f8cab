"""The map of flows/: the layers of the contract in pyproject.toml, with what each module says of itself."""

import ast
import tomllib
from pathlib import Path

from deployments.local.stack import ROOT


def table() -> str:
    """As markdown, from what is above to what is below: each imports only what stands further down."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    contracts = project["tool"]["importlinter"]["contracts"]
    (layers,) = (contract["layers"] for contract in contracts if contract["type"] == "layers")
    rows = ["| | |", "|---|---|"]
    for layer in layers:
        for module in layer.split(" | "):
            path = _path(module)
            shown = f"{path.parent.relative_to(ROOT)}/" if path.name == "__init__.py" else f"{path.relative_to(ROOT)}"
            rows.append(f"| [`{shown}`]({shown}) | {_first_sentence(path)} |")
    return "\n".join(rows)


def _path(module: str) -> Path:
    path = ROOT.joinpath(*module.split("."))
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")


def _first_sentence(path: Path) -> str:
    text = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))
    assert text, f"{path} has no docstring"
    return " ".join(text.split("\n\n")[0].split()).split(". ")[0].rstrip(":.")
