"""The folder on local disk in which a run keeps its data between steps.

Tasks hand each other paths and counts; the data itself stays in this folder, so that memory does not grow with the
export and nothing of the user's text goes to the Prefect server.
"""

import fcntl
import shutil
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import msgspec


@contextmanager
def folder(parent: Path, run_id: str) -> Iterator[Path]:
    """An empty folder for the run, readable by its owner only and removed at the end.

    A run that is killed leaves its folder behind; those whose run is no longer alive are removed here. Alive is who
    holds the folder's lock, which ends with the process: no clock says so.
    """
    parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = parent / run_id
    with ExitStack() as stack:
        with (parent / ".lock").open("w") as all_folders:
            fcntl.flock(all_folders, fcntl.LOCK_EX)
            for other in parent.iterdir():
                if other.is_dir() and _is_abandoned(other):
                    shutil.rmtree(other, ignore_errors=True)
            shutil.rmtree(path, ignore_errors=True)
            path.mkdir(mode=0o700)
            fcntl.flock(stack.enter_context((path / ".lock").open("w")), fcntl.LOCK_EX)
        try:
            yield path
        finally:
            shutil.rmtree(path, ignore_errors=True)


def _is_abandoned(folder: Path) -> bool:
    with (folder / ".lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
    return True


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
