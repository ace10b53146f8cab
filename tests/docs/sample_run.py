"""What a run of the shipped sample prints: recorded in a file, shown in the README, compared with a real run by a test.

python -m tests.docs.sample_run        runs the sample on an embedded stack of its own and records it anew
"""

import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterable

from deployments.local.stack import ROOT
from flows.records import Step
from tests.conftest import clean_environment

RECORDED = ROOT / "tests" / "data" / "sample_run.txt"

Figures = dict[str, dict[str, str]]

_PRINTED = re.compile(r"✓ \d+ (?P<step>\w+) +[\d.]+ s(?P<figures>.*)")
_LOGGED = re.compile(r"\[FullPass\] user_id=\S+ step=(?P<step>\w+) status=completed seconds=\S+(?P<figures>.*)")
#: Beside the seconds: each prompt bears random digits, which are more or fewer tokens, and how many of the first calls
#: begin before one is answered, and so write to the prompt cache instead of reading, is by chance.
_UNSTEADY = {"input_tokens", "cache_read_tokens", "cost"}
_WIDTH, _INDENT = 105, " " * 39


def shown() -> str:
    """The recorded lines, folded between two figures where they are wider than a page."""
    return "\n".join(map(_folded, RECORDED.read_text(encoding="utf-8").splitlines()))


def _folded(line: str) -> str:
    first, *figures = re.split(r" {2,}(?=[a-z])", line)
    lines = [first]
    for figure in figures:
        if len(lines[-1]) + len(figure) > _WIDTH:
            lines.append(_INDENT + figure)
        else:
            lines[-1] += f"  {figure}"
    return "\n".join(lines)


def recorded() -> Figures:
    """Step → its figures as `make run` printed them, without what differs from run to run."""
    matches = map(_PRINTED.match, RECORDED.read_text(encoding="utf-8").splitlines())
    return {
        match["step"]: _steady(pair.split(" ", 1) for pair in re.split(" {2,}", match["figures"].strip()) if pair)
        for match in matches
        if match
    }


def logged(log: Iterable[str]) -> Figures:
    """Step → its figures as they are in the log of a run, without what differs from run to run."""
    matches = map(_LOGGED.match, log)
    return {
        match["step"]: _steady(pair.split("=", 1) for pair in match["figures"].split()) for match in matches if match
    }


def _steady(pairs: Iterable[list[str]]) -> dict[str, str]:
    return {name: value for name, value in pairs if name not in _UNSTEADY}


def run(state: str, *export: str) -> subprocess.CompletedProcess[str]:
    """`make run` on a stack of its own in this folder, wide enough for every line."""
    environment = {**clean_environment(), "SOULPRINT_STATE": state, "COLUMNS": "300", "PYTHONUTF8": "1"}
    command = [sys.executable, "-m", "deployments.local", "run", *export]
    return subprocess.run(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, encoding="utf-8", check=False)


def main() -> int:
    with tempfile.TemporaryDirectory(prefix="soulprint-docs-") as state:
        finished = run(state)
    lines = [line.rstrip() for line in finished.stdout.splitlines()]
    kept = [line for line in lines if _PRINTED.match(line) or re.match(r"[\d,]+ calls, ", line)]
    if finished.returncode or len(kept) != len(Step) + 1:
        print(finished.stdout, file=sys.stderr)
        return 1
    RECORDED.write_text("\n".join(kept) + "\n", encoding="utf-8")
    print(f"recorded in {os.path.relpath(RECORDED)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
