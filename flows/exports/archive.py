"""The JSON files of a zip, as streams. Nothing is extracted by its name, so names can lead nowhere.

What is read are `conversations.json` or its numbered shards, in whatever folder, and those of zips in the zip (Claude
splits large exports). A zip without any is searched for other JSON. Bytes are counted as they are decompressed, because
headers may lie about them. Source of the shards: daugaard47/ChatGPT_Conversations_To_Markdown #23, April 2026.

Whose they are, a zip says in ChatGPT's `user.json` (`{id, email, …}`) or Claude's `users.json` (`[{uuid, …}]`); of
these only the id is read. Sources: those of `chatgpt` and `claude`.
"""

import errno
import lzma
import os
import re
import struct
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import msgspec

from flows.errors import ExportError

_CONVERSATIONS = re.compile(r"(?:^|[/\\])conversations(?:-(\d+))?\.json$", re.IGNORECASE)
_JSON = re.compile(r"\.jsonl?$", re.IGNORECASE)
_ZIP = re.compile(r"\.zip$", re.IGNORECASE)
_JUNK = re.compile(r"(?:^|[/\\])(?:__MACOSX[/\\]|\._)")
_ACCOUNT = re.compile(
    r"(?:^|[/\\])(?:users?|projects|memories|message_feedback|shared_conversations|export_manifest)\.json$"
)

_USER = re.compile(r"(?:^|[/\\])users?\.json$")

_USER_BYTES = 1_000_000  # of a file that says whose the export is
_MAX_DEPTH = 2  # of zips in zips
_MAX_NESTED = 20
_MAX_MEMBERS = 100_000
_RATIO_FROM_BYTES = 100_000_000
_BLOCK_BYTES = 1 << 20

#: What zipfile raises on damage, or for a compression that it does not know.
_DAMAGE = (
    *(zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, NotImplementedError, struct.error),
    *(OSError, ValueError, LookupError, OverflowError),
)


class Damaged(Exception):
    """The zip, or the member that is being read, is damaged; the message is what kind of error said so."""


@contextmanager
def _damage_told() -> Iterator[None]:
    try:
        yield
    except _DAMAGE as error:
        if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EIO):
            raise  # of our disk
        raise Damaged(type(error).__name__) from None


@dataclass(frozen=True, slots=True)
class Limits:
    """What reading an export may take."""

    conversation_bytes: int = 64_000_000
    uncompressed_bytes: int = 20_000_000_000
    #: Uncompressed to compressed, of a file in a zip beyond its first 100 MB.
    ratio: int = 200


class _Budget:
    """The bytes that may still be decompressed, of all zips in a zip together."""

    def __init__(self, limits: Limits):
        self._limits = limits
        self._left = limits.uncompressed_bytes
        self.nested = 0

    def spend(self, size: int, total: int, compressed: int) -> None:
        """Raises ExportError when `size` more bytes, `total` of this file, are too many."""
        self._left -= size
        too_dense = total > _RATIO_FROM_BYTES and total > compressed * self._limits.ratio
        if self._left < 0 or too_dense:
            raise ExportError(
                "the zip holds far more than a chat history can be (EXPORT_MAX_UNCOMPRESSED_GB, "
                "EXPORT_MAX_COMPRESSION_RATIO); upload the zip as ChatGPT or Claude sent it"
            )


class _User(msgspec.Struct):
    """Of an account, nothing but its id."""

    id: Any = None
    uuid: Any = None


_users = msgspec.json.Decoder(_User | list[_User])


class _Counted:
    """A file of a zip whose bytes are counted while they are read. `account`: whose it is, if the zip says so."""

    def __init__(self, file: IO[bytes], compressed: int, budget: _Budget, account: str | None = None):
        self._file, self._compressed, self._budget = file, compressed, budget
        self._total = 0
        self.account = account

    def read(self, size: int = -1, /) -> bytes:
        with _damage_told():
            block = self._file.read(size)
        self._total += len(block)
        self._budget.spend(len(block), self._total, self._compressed)
        return block


def json_files(path: Path, limits: Limits) -> Iterator[_Counted]:
    """Streams of the JSON files in the zip that hold conversations; each must be read before the next is asked for.

    Raises ExportError when there are none, when the zip is encrypted or a bomb, and Damaged.
    """
    found = 0
    for file in _json_files(path, _Budget(limits), 1):
        found += 1
        yield file
    if not found:
        raise ExportError(
            "the zip has no conversations.json; upload the zip as ChatGPT or Claude sent it, or the conversations.json "
            "in it"
        )


def _json_files(path: Path, budget: _Budget, depth: int, account: str | None = None) -> Iterator[_Counted]:
    with _damage_told():
        _check_member_count(path)
        opened = zipfile.ZipFile(path)
    with opened as archive:
        # Of entries with the same name the last counts, as for unzip.
        members = [member for member in archive.NameToInfo.values() if not _JUNK.search(member.filename)]
        account = _account(archive, members, budget) or account
        for member in _with_conversations(members):
            with _opened(archive, member) as file:
                yield _Counted(file, member.compress_size, budget, account)
        if depth <= _MAX_DEPTH:
            for member in members:
                if _ZIP.search(member.filename) and budget.nested < _MAX_NESTED:
                    budget.nested += 1
                    with _extracted(archive, member, path.parent, budget) as nested:
                        if zipfile.is_zipfile(nested):
                            yield from _json_files(nested, budget, depth + 1, account)


def _account(archive: zipfile.ZipFile, members: list[zipfile.ZipInfo], budget: _Budget) -> str | None:
    """The id of the only account that the zip names."""
    found: set[str] = set()
    for member in members:
        if _USER.search(member.filename) and member.file_size <= _USER_BYTES and not member.flag_bits & 0x1:
            try:
                with _opened(archive, member) as file:
                    users = _users.decode(_Counted(file, member.compress_size, budget).read(_USER_BYTES + 1))
            except (Damaged, msgspec.DecodeError, UnicodeDecodeError):
                continue  # conversations count, whoever's they are
            listed = users if isinstance(users, list) else [users]
            found |= {name for user in listed if isinstance(name := user.id or user.uuid, str) and name}
    return found.pop() if len(found) == 1 else None


def _with_conversations(members: list[zipfile.ZipInfo]) -> list[zipfile.ZipInfo]:
    """The members to read, shards in the order of their numbers."""
    named = [(int(match[1] or -1), member) for member in members if (match := _CONVERSATIONS.search(member.filename))]
    if named:
        return [member for _, member in sorted(named, key=lambda pair: (pair[0], pair[1].filename))]
    return [member for member in members if _JSON.search(member.filename) and not _ACCOUNT.search(member.filename)]


@contextmanager
def _opened(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> Iterator[IO[bytes]]:
    if member.flag_bits & 0x1:
        raise ExportError("the zip is encrypted; unpack it and upload it without a password")
    with _damage_told():
        opened = archive.open(member)
    with opened as file:
        yield file


@contextmanager
def _extracted(archive: zipfile.ZipFile, member: zipfile.ZipInfo, folder: Path, budget: _Budget) -> Iterator[Path]:
    """A zip in the zip as a file of its own, because zips are read from their end."""
    descriptor, name = tempfile.mkstemp(suffix=".zip", dir=folder)
    try:
        with os.fdopen(descriptor, "wb") as copy, _opened(archive, member) as file:
            counted = _Counted(file, member.compress_size, budget)
            while block := counted.read(_BLOCK_BYTES):
                copy.write(block)
        yield Path(name)
    finally:
        os.unlink(name)


def _check_member_count(path: Path) -> None:
    """zipfile reads the whole list of members into memory, so a list of millions is refused before.

    Source of the format: PKWARE's APPNOTE.TXT, 4.3.14 to 4.3.16.
    """
    with path.open("rb") as file:
        file.seek(max(path.stat().st_size - 66_000, 0))
        tail = file.read()
        end = tail.rfind(b"PK\x05\x06")
        if end < 0 or end + 22 > len(tail):
            raise zipfile.BadZipFile
        (count,) = struct.unpack_from("<H", tail, end + 10)
        locator = tail.rfind(b"PK\x06\x07", 0, end)
        if count == 0xFFFF and locator >= 0:
            (offset,) = struct.unpack_from("<Q", tail, locator + 8)
            file.seek(min(offset, path.stat().st_size))
            record = file.read(56)
            if len(record) == 56:
                (count,) = struct.unpack_from("<Q", record, 32)
    if count > _MAX_MEMBERS:
        raise ExportError(f"the zip holds more than {_MAX_MEMBERS:,} files; upload only its conversations.json")
