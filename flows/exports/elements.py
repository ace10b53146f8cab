"""The conversations of a JSON file as raw bytes, one at a time, whatever stands around them.

What may stand around them: an array, an object with an array `conversations`, nothing at all (one conversation, JSON
lines, or several values after each other). Nothing is parsed here: strings and brackets are enough to find where an
element ends, so memory holds one element and one block, and an element that is too large is passed over unheld.

Two ways find an element's end. Exports begin all their conversations alike, so the next `}, {"title"` is nearly always
the end of this one; the guess is right exactly when the bytes up to it are one JSON value, and a parser that builds
nothing tells that at 2 GB/s. Where guesses fail, brackets are counted, at 150 MB/s.
"""

import codecs
import io
import re
from collections.abc import Iterator
from typing import Protocol

import msgspec

from flows.errors import ExportError
from flows.exports.conversations import Skipped

TOO_LARGE = Skipped("larger than the limit")
TOO_DEEP = Skipped("nested too deeply")
BROKEN_OFF = Skipped("broken off")
NOT_AN_OBJECT = Skipped("not an object")

_BLOCK_BYTES = 1 << 20
_GUESS_BYTES = 4 << 20  # how far ahead a guess looks
_GUESSES = 4
_SPARE_SCANS = 16  # of as many bytes as are held, in vain: more would let a hostile file take for ever
_OVERLAP_BYTES = 256  # of blocks, in which a separator may straddle their border
_MAX_DEPTH = 1_000

_STRING_REST = re.compile(rb'[^"\\]*+(?:\\.[^"\\]*+)*+', re.DOTALL)
_FLAT = re.compile(rb'[^"{}\[\]]*+(?:"[^"\\]*+(?:\\.[^"\\]*+)*+"[^"{}\[\]]*+)*+', re.DOTALL)
_GAP = re.compile(rb"[\s,]*+")
_SCALAR = re.compile(rb'[\]},\s]*+[^"{}\[\],\s]*+')
_FIRST_KEY = re.compile(rb'\{\s*+"[^"\\]{1,40}"')
_CONVERSATIONS = re.compile(rb'"conversations"\s*+:\s*+\Z')


class _Nothing(msgspec.Struct):
    """Of an object, no key: decoding checks it and builds nothing."""


_QUOTE = ord('"')
_OPENING, _CLOSING = frozenset(b"{["), frozenset(b"}]")


class NotJson(ExportError):
    """The file does not begin as JSON does."""


class Readable(Protocol):
    def read(self, size: int, /) -> bytes: ...


def read(file: Readable, limit: int) -> Iterator[bytes | Skipped]:
    """The bytes of each element, at most `limit`; a Skipped for each that is larger, broken off or no object.

    Raises NotJson when the file does not begin as JSON does.
    """
    return _Reader(file, limit).elements()


class _Reader:
    """`_data` is the part of the file that is held; everything before `_at` in it has been scanned."""

    def __init__(self, file: Readable, limit: int):
        self._file = _Utf8(file)
        self._limit = limit
        self._data = bytearray()
        self._at = 0
        self._in_string = False
        self._holding = False  # what has been scanned is needed
        self._broken_off = False
        self._separator: re.Pattern[bytes] | None = None
        self._spare = _SPARE_SCANS * limit

    def elements(self) -> Iterator[bytes | Skipped]:
        if self._peek() not in _OPENING:
            raise NotJson("the file is neither a zip nor JSON; upload the export's zip or its conversations.json")
        while (byte := self._peek()) is not None:
            if byte == ord("["):
                self._at += 1
                yield from self._array()
            elif byte == ord("{"):
                yield from self._bracketed(alone=True)
            else:
                yield self._scalar()

    def _array(self) -> Iterator[bytes | Skipped]:
        """The elements of an array, from after its bracket to after its end."""
        while (byte := self._peek()) is not None:
            if byte in _CLOSING:
                self._at += 1
                return
            if byte in _OPENING:
                yield from self._bracketed()
            else:
                yield self._scalar()
        if not self._broken_off:
            yield BROKEN_OFF

    def _bracketed(self, alone: bool = False) -> Iterator[bytes | Skipped]:
        """An object, or an array in an array. `alone`: not in an array, so it may hold the array of conversations."""
        self._forget()
        if self._guess():
            yield self._take()
            return
        self._at, self._in_string, self._holding = 1, False, True
        depth, wraps = 1, False
        while depth:
            byte = self._next_bracket()
            if byte is None:
                if not wraps:
                    yield self._resume()
                return
            if alone and depth == 1 and byte == ord("[") and self._is_conversations():
                wraps, self._holding = True, False
                yield from self._array()
                continue
            depth += 1 if byte in _OPENING else -1
            if depth > _MAX_DEPTH:
                self._give_up()
                yield TOO_DEEP
                return
        if self._holding:
            self._learn()
            self._holding = False
            yield self._take()
        elif not wraps:
            yield TOO_LARGE

    def _take(self) -> bytes:
        """What has been scanned, which is no longer held here."""
        with memoryview(self._data) as data:
            element = bytes(data[: self._at])
        self._forget()
        return element

    def _guess(self) -> bool:
        """Scans the element that `_data` begins with, if it ends before what looks like the beginning of the next."""
        if self._separator is None or self._spare <= 0:
            return False
        start = tries = 0
        while tries < _GUESSES:
            found = self._separator.search(self._data, start)
            if found is None:
                start = max(len(self._data) - _OVERLAP_BYTES, 0)
                if len(self._data) >= min(_GUESS_BYTES, self._limit) or not self._more():
                    self._spare -= len(self._data)
                    return False
                continue
            size = found.start() + 1
            if size > self._limit:
                break
            if _is_one_value(self._data, size):
                self._at = size
                return True
            tries, start = tries + 1, found.end()
        self._spare -= start
        return False

    def _learn(self) -> None:
        """Remembers how an element begins, for guesses."""
        if self._separator is None and (key := _FIRST_KEY.match(self._data)):
            self._separator = re.compile(rb"\}\s*+(?:,\s*+)?(?=" + re.escape(key[0]) + rb")")

    def _resume(self) -> Skipped:
        """After an element without an end: goes on where the next one seems to begin, if that can be told."""
        self._spare -= len(self._data)
        known = self._holding and self._spare > 0
        found = self._separator.search(self._data, 1) if known and self._separator else None
        self._in_string = self._holding = False
        self._broken_off = found is None
        self._at = found.end() if found else len(self._data)
        return BROKEN_OFF

    def _give_up(self) -> None:
        self._data.clear()
        self._at, self._holding, self._file = 0, False, _Utf8(io.BytesIO())

    def _is_conversations(self) -> bool:
        """Whether the array whose bracket was just scanned is the value of the key `conversations`."""
        bracket = self._at - 1
        return _CONVERSATIONS.search(self._data, max(bracket - _OVERLAP_BYTES, 0), bracket) is not None

    def _next_bracket(self) -> int | None:
        """Scans to after the next bracket outside of strings and returns it; None at the end of the file."""
        while True:
            if not self._in_string:
                self._at = _end(_FLAT, self._data, self._at)
                if self._at < len(self._data):
                    self._at += 1
                    if (byte := self._data[self._at - 1]) != _QUOTE:
                        return byte
                    self._in_string = True  # one that does not end in what is held
            if self._in_string and self._scan_string():
                continue
            if not self._go_on():
                return None

    def _scan_string(self) -> bool:
        """Scans the rest of a string as far as it is held; True when that was to its end."""
        self._at = _end(_STRING_REST, self._data, self._at)
        if self._data[self._at : self._at + 1] != b'"':
            return False
        self._at += 1
        self._in_string = False
        return True

    def _scalar(self) -> Skipped:
        """Passes over a number, a word, a string, or brackets that close nothing."""
        if self._peek() == _QUOTE:
            self._at += 1
            self._in_string = True
            while not self._scan_string():
                if not self._go_on():
                    self._in_string = False
                    return BROKEN_OFF
            return NOT_AN_OBJECT
        while True:
            self._at = _end(_SCALAR, self._data, self._at)
            if self._at < len(self._data) or not self._go_on():
                return NOT_AN_OBJECT

    def _peek(self) -> int | None:
        """The next byte after white space and commas; None at the end of the file."""
        while True:
            self._at = _end(_GAP, self._data, self._at)
            if self._at < len(self._data):
                return self._data[self._at]
            if not self._go_on():
                return None

    def _go_on(self) -> bool:
        """Makes room and reads a block; False at the end of the file."""
        self._holding = self._holding and len(self._data) <= self._limit
        if not self._holding:
            self._forget(_OVERLAP_BYTES)
        return self._more()

    def _more(self) -> bool:
        block = self._file.read(_BLOCK_BYTES)
        self._data += block
        return bool(block)

    def _forget(self, keep: int = 0) -> None:
        """Lets go of what has been scanned, but for the last `keep` bytes of it."""
        gone = max(self._at - keep, 0)
        del self._data[:gone]
        self._at -= gone


class _Utf8:
    """A file in UTF-8 or, by its byte order mark, in UTF-16, read as UTF-8 without the mark."""

    def __init__(self, file: Readable):
        self._file = file
        self._head = file.read(3)
        self._decoder: codecs.IncrementalDecoder | None = None
        if self._head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
            self._decoder = codecs.getincrementaldecoder("utf-16")(errors="replace")
        self._head = self._head.removeprefix(codecs.BOM_UTF8)

    def read(self, size: int) -> bytes:
        """Up to `size` bytes of the file, as UTF-8; nothing only at its end."""
        while True:
            block = self._head + self._file.read(size)
            self._head = b""
            if self._decoder is None or not block:
                return block
            if text := self._decoder.decode(block):
                return text.encode("utf-8", "replace")


def _is_one_value(data: bytearray, size: int) -> bool:
    with memoryview(data) as whole, whole[:size] as part:
        try:
            msgspec.json.decode(part, type=_Nothing)
        except (msgspec.DecodeError, RecursionError):
            return False
    return True


def _end(pattern: re.Pattern[bytes], data: bytearray, at: int) -> int:
    found = pattern.match(data, at)
    assert found is not None  # these patterns match nothing, too
    return found.end()
