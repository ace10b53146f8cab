"""The JSON files of a zip, as streams. Nothing is extracted by its name, so names can lead nowhere.

What is read, in whatever folder:

| | |
|---|---|
| `conversations.json` or its numbered shards | always, and first |
| `projects.json`, `projects/*.json`, `memories.json` | always: what Claude's export holds beside conversations |
| zips named `Conversations__*`, `conversations-*`, `projects-*`, `memories` | always: parts of a container |
| other zips in the zip | only where no conversations and no such parts stand beside them |
| other JSON | only of a zip that has no conversations by these names |
| `Files__*` of ChatGPT's container, other files, zips beside conversations | never: they are the person's attachments |

What cannot be read (damaged, encrypted, far too large) costs only itself, and is counted; so is what is not opened, by
its kind. Bytes are counted as they are decompressed, because headers may lie about them. Sources:
daugaard47/ChatGPT_Conversations_To_Markdown #23, April 2026, for the shards; exports of ChatGPT's privacy portal and of
Claude of 2026, as people describe them, for the containers.

Whose they are, a zip says in ChatGPT's `user.json` (`{id, email, …}`), DeepSeek's (`{user_id, …}`) or Claude's
`users.json` (`[{uuid, …}]`); of these only the id is read. Sources: those of `chatgpt` and `claude`.
"""

import errno
import lzma
import os
import struct
import tarfile
import tempfile
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import msgspec

from flows.errors import ExportError
from flows.exports import members, recognising
from flows.exports.elements import Readable
from flows.exports.members import Named

_USER_BYTES = 1_000_000  # of a file that says whose the export is
_MAX_DEPTH = 2  # of zips in zips
_MAX_MEMBERS = 100_000  # of one zip
_MAX_MEMBERS_OF_ALL = 1_000_000
_MAX_DIRECTORY_BYTES = 25_000_000  # of one zip's list of members, which zipfile holds as objects of ten times the size
_RATIO_FROM_BYTES = 100_000_000
_BLOCK_BYTES = 1 << 20

#: What zipfile, gzip and tarfile raise on damage, or for a compression that it does not know.
_DAMAGE = (
    *(zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, NotImplementedError, struct.error),
    *(OSError, ValueError, LookupError, OverflowError, RecursionError, tarfile.TarError),
)


class Unreadable(Exception):
    """A part of the export cannot be read. `error` is for the case that nothing else of it can."""

    def __init__(self, kind: str, error: str, description: str | None = None):
        super().__init__(kind)
        self.kind = kind  # damaged, encrypted, oversized; empty, unknown: of a file that is in no archive
        self.error = ExportError(error)
        self.description = description  # of an unknown one, without its text


def _oversized() -> Unreadable:
    return Unreadable(
        "oversized",
        "the zip holds far more than a chat history can be (EXPORT_MAX_UNCOMPRESSED_GB, EXPORT_MAX_COMPRESSION_RATIO); "
        "upload the zip as ChatGPT or Claude sent it",
    )


def _crowded() -> Unreadable:
    return Unreadable(
        "oversized", f"the zip holds more than {_MAX_MEMBERS:,} files; upload only its conversations.json"
    )


@contextmanager
def damage_told() -> Iterator[None]:
    try:
        yield
    except _DAMAGE as error:
        if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EIO):
            raise  # of our disk
        raise Unreadable(
            "damaged",
            f"the archive is damaged ({type(error).__name__}); download the export again, upload it unchanged",
        ) from None


@dataclass(frozen=True, slots=True)
class Limits:
    """What reading an export may take."""

    conversation_bytes: int = 64_000_000
    uncompressed_bytes: int = 20_000_000_000
    #: Uncompressed to compressed, of a file in a zip beyond its first 100 MB.
    ratio: int = 200
    #: Whether conversations are read that the person does not want remembered.
    unwanted: bool = False


class Budget:
    """What may still be decompressed and listed, of all files of an export together."""

    def __init__(self, limits: Limits):
        self.limits = self._limits = limits
        self._bytes = limits.uncompressed_bytes
        self._members = _MAX_MEMBERS_OF_ALL

    def spend(self, size: int, total: int, compressed: int) -> None:
        """Raises Unreadable when `size` more bytes, `total` of this file, are too many."""
        self._bytes -= size
        too_dense = total > _RATIO_FROM_BYTES and total > compressed * self._limits.ratio
        if self._bytes < 0 or too_dense:
            raise _oversized()

    def list_members(self, count: int) -> None:
        """Raises Unreadable when the zips have more members than anyone could have made."""
        self._members -= count
        if count > _MAX_MEMBERS or self._members < 0:
            raise _crowded()


class _User(msgspec.Struct):
    """Of an account, nothing but its id."""

    id: Any = None
    uuid: Any = None
    user_id: Any = None


_users = msgspec.json.Decoder(_User | list[_User])


class Counted:
    """A file whose bytes are counted while they are read.

    account: whose it is, if the export says so. alone: where it lies, when it is in no archive.
    """

    def __init__(
        self, file: IO[bytes], compressed: int, budget: Budget, account: str | None = None, alone: Path | None = None
    ):
        self._file, self._compressed, self._budget = file, compressed, budget
        self._total = 0
        self.account, self.alone = account, alone

    def read(self, size: int = -1, /) -> bytes:
        """Raises Unreadable."""
        with damage_told():
            block = self._file.read(size)
        self._total += len(block)
        self._budget.spend(len(block), self._total, self._compressed)
        return block


def json_files(
    paths: Sequence[Path], budget: Budget, unopened: Counter[str], account: str | None = None, found: bool = False
) -> Iterator[Counted | Unreadable]:
    """Streams of the JSON files in the zips that hold conversations; each must be read before the next is asked for.

    Between them comes what cannot be read. `unopened` gets how many files of each kind were left alone. account: whose
    the zips are that do not say so. found: there are conversations beside the zips.
    """
    walk = _Walk(budget, others=False)
    yield from walk.all(paths, account)
    noted = walk.noted
    if not (walk.found or found):
        walk = _Walk(Budget(budget.limits), others=True)
        yield from walk.all(paths, account)
    yield from walk.failures
    if not (walk.found or noted or found or walk.failures):
        yield from (Unreadable("unknown", recognising.zip_without_conversations(path)) for path in paths)
    unopened += walk.unopened


class _Walk:
    """One way through a zip and the zips in it. `others`: to the JSON that has none of the names that exports use."""

    def __init__(self, budget: Budget, others: bool):
        self._budget, self._others = budget, others
        self.found = self.noted = False  # conversations; what stands beside them
        self.unopened: Counter[str] = Counter()
        self.failures: list[Unreadable] = []

    def all(self, paths: Sequence[Path], account: str | None) -> Iterator[Counted]:
        for path in paths:
            yield from self.files(path, account)

    def files(self, path: Path, account: str | None, depth: int = 0) -> Iterator[Counted]:
        try:
            with damage_told():
                self._budget.list_members(_member_count(path))
                opened = zipfile.ZipFile(path)
        except Unreadable as error:
            self.failures.append(error)
            return
        with opened as archive:
            # Of entries with the same name the last counts, as for unzip.
            named = members.named(list(archive.NameToInfo.values()))
            ids = _ids(archive, named, self._budget)
            account = ids.pop() if len(ids) == 1 else account
            yield from self._streams(archive, named, account)
            for member in named.zips if depth < _MAX_DEPTH else ():
                yield from self._nested(path.parent, archive, member, depth + 1, account)
            left = [
                *named.unopened,
                *(() if self._others else named.json),
                *(named.zips if depth == _MAX_DEPTH else ()),
            ]
            self.unopened.update(members.kind(member) for member in left)

    def _streams(self, archive: zipfile.ZipFile, named: Named, account: str | None) -> Iterator[Counted]:
        for member in (*named.conversations, *(named.json if self._others else ())):
            for stream in self._stream(archive, member, account):
                self.found = True
                yield stream
        for member in () if self._others else named.notes:
            for stream in self._stream(archive, member, account):
                self.noted = True
                yield stream

    def _stream(self, archive: zipfile.ZipFile, member: zipfile.ZipInfo, account: str | None) -> Iterator[Counted]:
        """The member, if it can be opened."""
        try:
            with _opened(archive, member) as file:
                yield Counted(file, member.compress_size, self._budget, account)
        except Unreadable as error:
            self.failures.append(error)

    def _nested(
        self, folder: Path, archive: zipfile.ZipFile, member: zipfile.ZipInfo, depth: int, account: str | None
    ) -> Iterator[Counted]:
        try:
            with _extracted(archive, member, folder, self._budget) as nested:
                yield from self.files(nested, account, depth)
        except Unreadable as error:
            self.failures.append(error)


def accounts(path: Path, budget: Budget) -> set[str]:
    """The ids of the accounts that a zip names."""
    try:
        with damage_told():
            budget.list_members(_member_count(path))
            archive = zipfile.ZipFile(path)
        with archive:
            return _ids(archive, members.named(list(archive.NameToInfo.values())), budget)
    except Unreadable:
        return set()  # it is told when it is read


def account_ids(file: Readable) -> set[str]:
    """The ids in a file of accounts; none of one that is too large or no such file."""
    try:
        users = _users.decode(file.read(_USER_BYTES + 1))
    except (Unreadable, msgspec.DecodeError, UnicodeDecodeError):
        return set()  # conversations count, whoever's they are
    listed = users if isinstance(users, list) else [users]
    return {name for user in listed if isinstance(name := user.id or user.uuid or user.user_id, str) and name}


def _ids(archive: zipfile.ZipFile, named: Named, budget: Budget) -> set[str]:
    found: set[str] = set()
    for member in named.accounts:
        if member.file_size <= _USER_BYTES:
            with suppress(Unreadable), _opened(archive, member) as file:
                found |= account_ids(Counted(file, member.compress_size, budget))
    return found


@contextmanager
def _opened(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> Iterator[IO[bytes]]:
    if member.flag_bits & 0x1:
        raise Unreadable("encrypted", "the zip is encrypted; unpack it and upload it without a password")
    with damage_told():
        opened = archive.open(member)
    with opened as file:
        yield file


@contextmanager
def _extracted(archive: zipfile.ZipFile, member: zipfile.ZipInfo, folder: Path, budget: Budget) -> Iterator[Path]:
    """A zip in the zip as a file of its own, because zips are read from their end."""
    descriptor, name = tempfile.mkstemp(suffix=".zip", dir=folder)
    try:
        with os.fdopen(descriptor, "wb") as copy, _opened(archive, member) as file:
            counted = Counted(file, member.compress_size, budget)
            while block := counted.read(_BLOCK_BYTES):
                copy.write(block)
        yield Path(name)
    finally:
        os.unlink(name)


def _member_count(path: Path) -> int:
    """How many members the zip says that it has: zipfile reads the whole list into memory, so it is looked at before.

    Source of the format: PKWARE's APPNOTE.TXT, 4.3.14 to 4.3.16.
    """
    with path.open("rb") as file:
        file.seek(max(path.stat().st_size - 66_000, 0))
        tail = file.read()
        end = tail.rfind(b"PK\x05\x06")
        if end < 0 or end + 22 > len(tail):
            raise zipfile.BadZipFile
        count, size = struct.unpack_from("<HI", tail, end + 10)
        locator = tail.rfind(b"PK\x06\x07", 0, end)
        if (count == 0xFFFF or size == 0xFFFFFFFF) and locator >= 0:
            (offset,) = struct.unpack_from("<Q", tail, locator + 8)
            file.seek(min(offset, path.stat().st_size))
            record = file.read(56)
            if len(record) == 56:
                count, size = struct.unpack_from("<QQ", record, 32)
    if size > _MAX_DIRECTORY_BYTES:
        raise _crowded()
    return int(count)
