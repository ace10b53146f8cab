"""Random damage to exports of every format: the parser must always end, with conversations or with an ExportError.

    python -m tests.fuzz_exports --minutes 10

Every second case is an export of several files, and one of them is whole: what stands in it must be read, whatever lies
beside it. Stops at the first other exception, when something of the whole file is missing, or when a case takes longer
than it may, and keeps the case in a folder.
"""

import argparse
import gzip
import io
import json
import random
import shutil
import signal
import sys
import tarfile
import tempfile
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

from flows import exports
from flows.chunks import cutting
from flows.errors import ExportError
from flows.exports import members
from flows.exports.conversations import Skipped
from tests import fuzz_seeds, sample

_SECONDS = 5  # of CPU, for a case of at most a megabyte
_TOKENS = (
    *(
        b"{",
        b"}",
        b"[",
        b"]",
        b'"',
        b"\\",
        b"\\ud83d",
        b"\\u0000",
        b",",
        b":",
        b"null",
        b"NaN",
        b"1e999",
        b"-0",
        b"\x00",
    ),
    *(b"\xff", b"\xef\xbb\xbf", b'"mapping":', b'"parent":null', b'{"title"', b'"conversations":[', b"PK\x03\x04"),
    *(b"PK\x05\x06", b"PK\x01\x02", b"9" * 400, b"[" * 2_000, b" " * 1_000, "\U0001f468\u200d".encode()),
)


#: What the whole one of several files says.
_KEPT = "I keep seventeen hives behind the mill."
#: How files of an upload are called that are not whole; any content may be under any of them.
_NAMES = (
    *("conversations.json", "conversations-001.json", "conversations-002.zip", "Conversations__x-1.zip", "export.tgz"),
    *("projects/p.json", "projects-000.zip", "memories.json", "users.json", "user.json", "export_manifest.json"),
    *("Takeout/Gemini Apps/MyActivity.json", "chat.html", "photo.png", "Files__x-1.zip", "log.jsonl", "half.zip", ""),
)

Files = dict[str, bytes]


class TooSlow(Exception):
    """The case is not done in time."""


class Lost(Exception):
    """A file that was whole has not been read."""


def seeds() -> list[bytes]:
    """Small exports in every format and wrapper."""
    chatgpt = list(sample.generate(12))
    said = [
        {"uuid": f"{n}", "sender": "human", "text": f"I like {n}.", "parent_message_uuid": f"{n - 1}"} for n in range(9)
    ]
    claude = [{"uuid": "c", "name": "n", "created_at": "2025-01-01T00:00:00Z", "chat_messages": said}]
    simple = [{"id": n, "messages": [{"role": "user", "content": f"I like tea {n}."}]} for n in range(9)]
    made: list[bytes] = []
    for entries in (chatgpt, claude, simple, *fuzz_seeds.OTHERS):
        array = json.dumps(entries, ensure_ascii=False).encode()
        lines = b"\n".join(json.dumps(entry).encode() for entry in entries)
        made += [array, lines, b'{"conversations": ' + array + b"}", array.decode().encode("utf-16")]
        made += [zipped({"conversations.json": array}), zipped({"conversations-000.json": array, "a.zip": made[-1]})]
        made.append(zipped({"x/y.zip": zipped({"conversations.json": array}), "conversations-001.json": lines}))
        made += [
            gzip.compress(lines),
            tarred({"Takeout/Gemini Apps/MyActivity.json": array}),
            tarred({"a.jsonl": lines}),
        ]
    return made


def zipped(members: dict[str, bytes]) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return file.getvalue()


def tarred(members: dict[str, bytes]) -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as archive:
        for name, content in members.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return file.getvalue()


def beside() -> list[bytes]:
    """What lies beside conversations in an upload, or in their place."""
    objects: tuple[Any, ...] = (
        {"export_id": "e", "files": [{"name": "conversations-000.zip", "url": "https://example.org"}]},
        {"uuid": "p", "name": "Boat", "prompt_template": "Be brief.", "docs": [{"filename": "a", "content": "b"}]},
        [{"conversations_memory": "Ana rows.", "project_memories": {"p": "A boat."}, "account_uuid": "ana"}],
        [{"uuid": "ana"}],
        {"id": "ana"},
    )
    made = [json.dumps(value).encode() for value in objects]
    parts = {f"conversations-{number}.zip": zipped({"conversations.json": made[number]}) for number in range(3)}
    return [*made, zipped(parts), b"", b"7z\xbc\xaf\x27\x1c", b"<html>", b"\x89PNG", made[0][:40]]


def one_file(originals: list[bytes], chance: random.Random) -> Files:
    return {"export": mutated(chance.choice(originals), chance)}


def several_files(originals: list[bytes], chance: random.Random) -> Files:
    """Damaged and odd files, and among them one that is whole, in any order."""
    files = dict([_whole(chance)])
    for name in chance.sample(_NAMES, chance.randrange(1, 6)):
        content = chance.choice(originals)
        files.setdefault(name, mutated(content, chance) if chance.random() < 0.8 else content)
    names = chance.sample(sorted(files), len(files))
    return {name: files[name] for name in names}


def _whole(chance: random.Random) -> tuple[str, bytes]:
    said = {"sender": "human", "text": _KEPT, "created_at": "2026-01-01T00:00:00Z"}
    talk = {"uuid": "whole", "name": "Hives", "created_at": "2026-01-01T00:00:00Z", "chat_messages": [said]}
    content = json.dumps([talk]).encode()
    return chance.choice(
        (
            ("conversations-077.json", content),
            ("mine.zip", zipped({"conversations.json": content})),
            ("two.zip", zipped({"conversations-000.zip": zipped({"conversations.json": content})})),
            ("mine.gz", gzip.compress(content)),
            ("mine.tar", tarred({"conversations.json": content})),
        )
    )


def mutated(content: bytes, chance: random.Random) -> bytes:
    data = bytearray(content)
    for _ in range(chance.choice((1, 1, 1, 2, 5, 20))):
        at = chance.randrange(len(data) + 1)
        size = chance.choice((1, 2, 8, 100, 5_000))
        chance.choice(_MUTATIONS)(data, at, size, chance)
    return bytes(data)


def _flip(data: bytearray, at: int, size: int, chance: random.Random) -> None:
    if at < len(data):
        data[at] ^= 1 << chance.randrange(8)


def _cut(data: bytearray, at: int, size: int, chance: random.Random) -> None:
    del data[at : at + size]


def _cut_off(data: bytearray, at: int, size: int, chance: random.Random) -> None:
    del data[at:]


def _insert(data: bytearray, at: int, size: int, chance: random.Random) -> None:
    data[at:at] = chance.choice(_TOKENS)


def _repeat(data: bytearray, at: int, size: int, chance: random.Random) -> None:
    data[at:at] = data[at : at + size] * chance.choice((1, 2, 30))


def _noise(data: bytearray, at: int, size: int, chance: random.Random) -> None:
    data[at : at + size] = chance.randbytes(min(size, 100))


_MUTATIONS: tuple[Callable[[bytearray, int, int, random.Random], None], ...] = (
    *(_flip, _cut, _cut_off, _insert, _repeat, _noise),
)


def check(files: Files, folder: Path) -> None:
    """Reads and chunks the files as step 2 does, in the new folder.

    Raises whatever is not an ExportError, and Lost when a whole one of several was not read.
    """
    folder.mkdir()
    for number, (name, content) in enumerate(files.items()):
        (folder / members.name_on_disk(number, name)).write_bytes(content)
    is_kept = False
    try:
        for item in exports.read(folder):
            if not isinstance(item, Skipped):
                for chunk in cutting.cut(item):
                    chunk.content.encode()
                    is_kept = is_kept or _KEPT in chunk.content
    except ExportError:
        pass
    if len(files) > 1 and not is_kept:
        raise Lost


def _too_slow(number: int, frame: FrameType | None) -> None:
    raise TooSlow


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz_exports", description=__doc__)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--seed", type=int, default=time.time_ns() % 1_000_000)
    arguments = parser.parse_args()
    print(f"seed {arguments.seed}", flush=True)
    chance, originals, cases = random.Random(arguments.seed), seeds(), 0
    mixed = [*originals, *beside() * 6]
    signal.signal(signal.SIGPROF, _too_slow)
    started = time.monotonic()
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "export"
        while (passed := time.monotonic() - started) < arguments.minutes * 60:
            files = several_files(mixed, chance) if cases % 2 else one_file(originals, chance)
            signal.setitimer(signal.ITIMER_PROF, _SECONDS)
            try:
                check(files, folder)
            except Exception as error:
                kept = Path(f"fuzz-{arguments.seed}-{cases}")
                shutil.copytree(folder, kept)
                print(f"{type(error).__name__} with {kept} after {cases} cases")
                raise
            finally:
                signal.setitimer(signal.ITIMER_PROF, 0)
            shutil.rmtree(folder)
            cases += 1
    print(f"{cases:,} cases in {passed:.0f} s, {cases / passed:.0f} a second, none failed")
    return 0


if __name__ == "__main__":
    sys.exit(main())
