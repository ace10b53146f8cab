"""The folder on local disk in which a run keeps its data between steps.

Tasks hand each other paths and counts; the data itself stays in this folder, so that memory does not grow with the
export and nothing of the user's text goes to the Prefect server.
"""

import fcntl
import shutil
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO, TypeVar

import msgspec

from flows.errors import SpoolError

Record = TypeVar("Record", bound=msgspec.Struct)


@contextmanager
def folder(parent: Path, run_id: str) -> Iterator[Path]:
    """An empty folder for the run, readable by its owner only and removed at the end.

    A run that is killed leaves its folder behind; those whose run is no longer alive are removed here. Alive is who
    holds the folder's lock, which ends with the process: no clock says so. Raises SpoolError.
    """
    path = parent / run_id
    with ExitStack() as stack:
        try:
            stack.enter_context(_made(parent, path))
        except OSError as error:
            raise SpoolError(
                f"the run's folder cannot be made ({error.strerror}); make room below SPOOL_DIR or set another"
            ) from None
        try:
            yield path
        finally:
            shutil.rmtree(path, ignore_errors=True)


def _made(parent: Path, path: Path) -> IO[str]:
    """Makes the folder; returns the file that holds its lock."""
    parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with (parent / ".lock").open("w") as all_folders:
        fcntl.flock(all_folders, fcntl.LOCK_EX)
        for other in parent.iterdir():
            if other.is_dir() and _is_abandoned(other):
                shutil.rmtree(other, ignore_errors=True)
        shutil.rmtree(path, ignore_errors=True)
        path.mkdir(mode=0o700)
        lock = (path / ".lock").open("w")
        fcntl.flock(lock, fcntl.LOCK_EX)
        return lock


def _is_abandoned(folder: Path) -> bool:
    with (folder / ".lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
    return True


@contextmanager
def writing(path: Path) -> Iterator[Callable[[msgspec.Struct], None]]:
    """Gives a function that writes a record as a line of JSON; the file has its name only when it is whole."""
    unfinished = path.with_suffix(".unfinished")
    with unfinished.open("wb") as file:

        def write(record: msgspec.Struct) -> None:
            file.write(msgspec.json.encode(record))
            file.write(b"\n")

        yield write
    unfinished.replace(path)


def write(path: Path, records: Iterable[msgspec.Struct]) -> int:
    """Writes all records with `writing` and returns how many."""
    count = 0
    with writing(path) as write_one:
        for record in records:
            write_one(record)
            count += 1
    return count


def append(path: Path, records: Iterable[msgspec.Struct]) -> None:
    """Adds records to a file that is whole."""
    with path.open("ab") as file:
        file.writelines(msgspec.json.encode(record) + b"\n" for record in records)


def read(path: Path, record_type: type[Record]) -> Iterator[Record]:
    """The records of a file."""
    decoder = msgspec.json.Decoder(record_type)
    with path.open("rb") as file:
        for line in file:
            yield decoder.decode(line)
