"""The folder on local disk in which a run keeps its data between steps.

Tasks hand each other paths and counts; the data itself stays in this folder, so that memory does not grow with the
export and nothing of the user's text goes to the Prefect server.
"""

import shutil
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec

_ABANDONED_SECONDS = 2 * 24 * 3600


@contextmanager
def folder(parent: Path, run_id: str) -> Iterator[Path]:
    """An empty folder for the run, readable by its owner only and removed at the end.

    A run that is killed leaves its folder behind; those of two days ago and older are removed here.
    """
    parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    for old in parent.iterdir():
        if old.is_dir() and old.stat().st_mtime < time.time() - _ABANDONED_SECONDS:
            shutil.rmtree(old, ignore_errors=True)
    path = parent / run_id
    shutil.rmtree(path, ignore_errors=True)
    path.mkdir(mode=0o700)
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


def write(path: Path, records: Iterable[dict[str, Any]]) -> int:
    """Writes one JSON object a line and returns how many; the file appears under its name only when it is whole."""
    unfinished = path.with_suffix(".unfinished")
    count = 0
    with unfinished.open("wb") as file:
        for record in records:
            file.write(msgspec.json.encode(record))
            file.write(b"\n")
            count += 1
    unfinished.replace(path)
    return count


def read(path: Path, offset: int = 0) -> Iterator[dict[str, Any]]:
    """The records of a file, from the line that starts at byte `offset`."""
    with path.open("rb") as file:
        file.seek(offset)
        for line in file:
            yield msgspec.json.decode(line)


def line_offsets(path: Path, every: int) -> list[int]:
    """The byte offsets of line 0, `every`, 2 * `every`, …: where batches of lines start."""
    offsets, position = [], 0
    with path.open("rb") as file:
        for number, line in enumerate(file):
            if number % every == 0:
                offsets.append(position)
            position += len(line)
    return offsets
