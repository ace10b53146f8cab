"""Random damage to exports of every format: the parser must always end, with conversations or with an ExportError.

    python -m tests.fuzz_exports --minutes 10

Stops at the first other exception, or when a case takes longer than it may, and keeps the case in a file.
"""

import argparse
import gzip
import io
import json
import random
import signal
import sys
import tarfile
import tempfile
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from types import FrameType

from flows import exports
from flows.chunks import cutting
from flows.errors import ExportError
from flows.exports.conversations import Skipped
from tests import fuzz_seeds, sample

_SECONDS = 20  # for a case of at most a few hundred kB
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


class TooSlow(Exception):
    """The case is not done in time."""


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


def check(path: Path) -> None:
    """Reads and chunks the file as step 2 does. Raises whatever is not an ExportError."""
    try:
        for item in exports.read(path):
            if not isinstance(item, Skipped):
                for chunk in cutting.cut(item):
                    chunk.content.encode()
    except ExportError:
        pass


def _too_slow(number: int, frame: FrameType | None) -> None:
    raise TooSlow


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz_exports", description=__doc__)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--seed", type=int, default=time.time_ns() % 1_000_000)
    arguments = parser.parse_args()
    print(f"seed {arguments.seed}", flush=True)
    chance, originals, cases = random.Random(arguments.seed), seeds(), 0
    signal.signal(signal.SIGALRM, _too_slow)
    started = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "export"
        while (passed := time.monotonic() - started) < arguments.minutes * 60:
            content = mutated(chance.choice(originals), chance)
            path.write_bytes(content)
            signal.alarm(_SECONDS)
            try:
                check(path)
            except Exception as error:
                kept = Path(f"fuzz-{arguments.seed}-{cases}.bin")
                kept.write_bytes(content)
                print(f"{type(error).__name__} with {kept} after {cases} cases")
                raise
            finally:
                signal.alarm(0)
            cases += 1
    print(f"{cases:,} cases in {passed:.0f} s, {cases / passed:.0f} a second, none failed")
    return 0


if __name__ == "__main__":
    sys.exit(main())
