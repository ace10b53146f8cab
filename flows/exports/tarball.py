"""The JSON of an export that was packed by gzip or tar: Takeout's .tgz, a log that somebody compressed.

A gzip holds one file, which is read as it is, or a tar. A tar has no list of its members, so it is gone through
twice: for the names, which decide as those in a zip do (`members`), and for what is read. Nothing is extracted by its
name, and links, devices and archives in it are not followed. Bytes are counted as they are decompressed, also those
that are passed over. Source of the format: POSIX.1-2008, pax; the docstrings of tarfile.
"""

import gzip
import io
import tarfile
import zipfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from flows.exports import members
from flows.exports.archive import Budget, Counted, Limits, Unreadable, damage_told

_GZIP = b"\x1f\x8b"
_TAR, _TAR_AT = b"ustar", 257
_BLOCK_BYTES = 1 << 20
_MAX_MEMBERS, _MAX_NAME = 100_000, 1_000
_MAX_READ_BYTES = 4 << 20  # at once: what tarfile reads whole are headers, whose size the file says


def is_packed(path: Path) -> bool:
    """Whether it is a gzip or a tar, by its first bytes."""
    with path.open("rb") as file:
        head = file.read(512)
    return head.startswith(_GZIP) or head[_TAR_AT:].startswith(_TAR)


def json_files(path: Path, budget: Budget, unopened: Counter[str]) -> Iterator[Counted | Unreadable]:
    """Streams of the JSON files that hold conversations; each must be read before the next is asked for.

    Between them comes what cannot be read. `unopened` gets how many files of each kind were left alone.
    """
    limits = budget.limits
    try:
        if not _is_tar(path):
            with _stream(path) as stream:
                yield Counted(stream, path.stat().st_size, budget)
            return
        names, failure = _names(path, limits)
        found = members.named([zipfile.ZipInfo(name) for name in names])
        wanted = [*found.conversations, *found.notes] or found.json
        left = [*found.unopened, *found.zips, *(found.json if wanted is not found.json else ())]
        unopened.update(members.kind(member) for member in left)
        if not wanted:
            raise failure or Unreadable(
                "unknown", "the archive has no conversations.json; upload the export as it was downloaded"
            )
        read = {member.filename for member in wanted}
        for name, file in _files(path, Budget(limits)):
            if name in read:
                yield Counted(file, path.stat().st_size, budget)
    except Unreadable as error:
        yield error


def _names(path: Path, limits: Limits) -> tuple[list[str], Unreadable | None]:
    """The names of the files, and what ends them early."""
    names: list[str] = []
    try:
        for name, _ in _files(path, Budget(limits)):
            names.append(name)
    except Unreadable as error:
        return names, error
    return names, None


def _is_tar(path: Path) -> bool:
    with _stream(path) as stream, damage_told():
        return stream.read(512)[_TAR_AT:].startswith(_TAR)


@contextmanager
def _stream(path: Path) -> Iterator[IO[bytes]]:
    with path.open("rb") as file:
        packed = file.read(2) == _GZIP
        file.seek(0)
        yield gzip.GzipFile(fileobj=file) if packed else file  # type: ignore[misc]


def _files(path: Path, budget: Budget) -> Iterator[tuple[str, IO[bytes]]]:
    """The name of each file of the tar, and the file, which can be read until the next is asked for."""
    count = 0
    with _stream(path) as stream, damage_told():
        tar = tarfile.open(fileobj=_Forward(stream, path.stat().st_size, budget), mode="r:")  # noqa: SIM115
        while (member := tar.next()) is not None:
            tar.members = []  # type: ignore[attr-defined]  # it would remember them all
            count += 1
            if count > _MAX_MEMBERS or len(member.name) > _MAX_NAME:
                raise ValueError
            if member.isreg() and (file := tar.extractfile(member)) is not None:
                yield member.name, file


class _Forward(io.RawIOBase):
    """A stream that is gone through once, in pieces, and whose bytes are counted."""

    def __init__(self, stream: IO[bytes], compressed: int, budget: Budget):
        self._stream, self._compressed, self._budget = stream, compressed, budget
        self._at = 0

    def read(self, size: int = -1, /) -> bytes:
        if not 0 <= size <= _MAX_READ_BYTES:
            raise ValueError
        block = self._stream.read(size)
        self._at += len(block)
        self._budget.spend(len(block), self._at, self._compressed)
        return block

    def seek(self, to: int, whence: int = io.SEEK_SET, /) -> int:
        if whence != io.SEEK_SET or to < self._at:
            raise ValueError
        while self._at < to and self.read(min(_BLOCK_BYTES, to - self._at)):
            pass
        return self._at

    def tell(self) -> int:
        return self._at
