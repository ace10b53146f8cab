"""The folder on local disk in which a run keeps its data between steps.

Tasks hand each other paths and counts; the data itself stays in this folder, so that memory does not grow with the
export and nothing of the user's text goes to the Prefect server.
"""

import shutil
import time
from collections.abc import Callable, Iterable, Iterator
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


@contextmanager
def writing(path: Path) -> Iterator[Callable[[dict[str, Any]], None]]:
    """Gives a function that writes one JSON object a line; the file appears under its name only when it is whole."""
    unfinished = path.with_suffix(".unfinished")
    with unfinished.open("wb") as file:

        def write(record: dict[str, Any]) -> None:
            file.write(msgspec.json.encode(record))
            file.write(b"\n")

        yield write
    unfinished.replace(path)


def write(path: Path, records: Iterable[dict[str, Any]]) -> int:
    """Writes all records with `writing` and returns how many."""
    count = 0
    with writing(path) as write_one:
        for record in records:
            write_one(record)
            count += 1
    return count


def read(path: Path) -> Iterator[dict[str, Any]]:
    """The records of a file."""
    with path.open("rb") as file:
        for line in file:
            yield msgspec.json.decode(line)
