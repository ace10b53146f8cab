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

    Those that killed runs have left behind go here, too. Raises SpoolError.
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


def remove_abandoned(parent: Path) -> int:
    """Removes the folders that killed runs have left on this machine; returns how many.

    Alive is who holds the folder's lock, which ends with the process: no clock says so. Raises SpoolError when one
    cannot be removed, after all others.
    """
    if not parent.is_dir():
        return 0
    with _alone(parent):
        removed, kept = _sweep(parent)
    if kept:
        raise SpoolError(
            f"{len(kept)} folders of killed runs in SPOOL_DIR cannot be removed; remove them as their owner"
        )
    return removed


def _made(parent: Path, path: Path) -> IO[str]:
    """Makes the folder; returns the file that holds its lock."""
    parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with _alone(parent):
        _sweep(parent)
        shutil.rmtree(path, ignore_errors=True)
        path.mkdir(mode=0o700)
        lock = (path / ".lock").open("w")
        fcntl.flock(lock, fcntl.LOCK_EX)
        return lock


@contextmanager
def _alone(parent: Path) -> Iterator[None]:
    """Nobody else makes or removes folders meanwhile: one that was made just now has no lock yet."""
    with (parent / ".lock").open("w") as all_folders:
        fcntl.flock(all_folders, fcntl.LOCK_EX)
        yield


def _sweep(parent: Path) -> tuple[int, list[Path]]:
    """How many abandoned folders have gone, and those that would not."""
    abandoned = [path for path in parent.iterdir() if path.is_dir() and not path.is_symlink() and _is_abandoned(path)]
    for path in abandoned:
        shutil.rmtree(path, ignore_errors=True)
    kept = [path for path in abandoned if path.exists()]
    return len(abandoned) - len(kept), kept


def _is_abandoned(folder: Path) -> bool:
    try:
        with (folder / ".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:  # it cannot be opened, as one of another account's
        return True
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
