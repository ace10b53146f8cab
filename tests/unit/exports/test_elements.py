"""Finding the conversations in JSON, whatever stands around them."""

import io
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flows.errors import ExportError
from flows.exports import elements
from flows.exports.conversations import Skipped
from flows.exports.elements import BROKEN_OFF, NOT_AN_OBJECT, TOO_DEEP, TOO_LARGE
from tests.unit import growth

LIMIT = 1 << 20
TEXT = st.text(alphabet=st.sampled_from('ab"\\{}[],: \n\u00e9字😀')) | st.text(max_size=20)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9**12) | st.floats(allow_nan=False, allow_infinity=False) | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=12,
)
OBJECTS = st.lists(
    st.one_of(
        st.dictionaries(TEXT, VALUES, max_size=4),
        VALUES.map(lambda value: {"title": "t", "list": [{"title": value}, {"title": 1}], "x": value}),
    ),
    max_size=8,
)


def read(content: bytes, limit: int = LIMIT) -> list[bytes | Skipped]:
    return list(elements.read(io.BytesIO(content), limit))


def parsed(content: bytes) -> list[object]:
    return [item if isinstance(item, Skipped) else json.loads(item) for item in read(content)]


def array(objects: list[object], indent: int | None) -> bytes:
    return json.dumps(objects, ensure_ascii=False, indent=indent).encode()


WRAPPERS = {
    "array": lambda objects, indent: array(objects, indent),
    "object": lambda objects, indent: (
        b'{"a": {"conversations": []}, "conversations" : ' + array(objects, indent) + b"}"
    ),
    "lines": lambda objects, indent: b"\n".join(json.dumps(item, indent=indent).encode() for item in objects),
    "concatenated": lambda objects, indent: b"".join(json.dumps(item, indent=indent).encode() for item in objects),
    "arrays": lambda objects, indent: b"\n".join(array([item], indent) for item in objects),
    "utf-8 with a mark": lambda objects, indent: b"\xef\xbb\xbf \n" + array(objects, indent),
    "utf-16": lambda objects, indent: array(objects, indent).decode().encode("utf-16"),
}


@pytest.mark.parametrize("wrapper", WRAPPERS)
@settings(deadline=None, max_examples=30)
@given(objects=OBJECTS, indent=st.sampled_from([None, 1]), block=st.sampled_from([1, 2, 7, 64, 1 << 20]))
def test_the_elements_come_back_whatever_stands_around_them_and_wherever_blocks_end(wrapper, objects, indent, block):
    if not objects and wrapper in ("lines", "concatenated", "arrays"):
        return
    content = WRAPPERS[wrapper](objects, indent)
    whole, elements._BLOCK_BYTES = elements._BLOCK_BYTES, block
    try:
        assert parsed(content) == objects
    finally:
        elements._BLOCK_BYTES = whole


def test_what_is_no_object_is_passed_over():
    assert parsed(b'[1, "a, {", null, {"a": 1}, [{"b": 2}], true]') == [
        *(NOT_AN_OBJECT,) * 3,
        {"a": 1},
        [{"b": 2}],
        NOT_AN_OBJECT,
    ]


def test_an_element_above_the_limit_is_passed_over_and_the_next_is_read():
    huge = {"title": 1, "text": 'x"{' * LIMIT}
    assert parsed(array([{"title": 2}, huge, {"title": 3}], None)) == [{"title": 2}, TOO_LARGE, {"title": 3}]


def test_a_file_that_is_broken_off_gives_what_was_whole():
    content = array([{"title": 1}, {"title": 2}, {"title": "three"}], None)
    assert parsed(content[:-9]) == [{"title": 1}, {"title": 2}, BROKEN_OFF]
    assert parsed(content[:-1]) == [{"title": 1}, {"title": 2}, {"title": "three"}, BROKEN_OFF]


def test_an_element_with_a_quote_too_many_costs_only_itself():
    content = b'[{"title": 1}, {"title": "a " b", "x": 2}, {"title": 3}, {"title": 4}]'
    assert {"title": 3} in parsed(content)
    assert {"title": 4} in parsed(content)


@pytest.mark.parametrize("content", [b"", b"  ", b"Dear diary", b'"text"', b"12", b"\x00\x01", b"PK\x03\x04 broken"])
def test_what_does_not_begin_as_json_is_refused(content):
    with pytest.raises(ExportError, match="neither a zip nor JSON"):
        read(content)


@pytest.mark.parametrize("bracket", [b"[", b"{", b'{"a":', b"[["])
def test_a_million_levels_are_too_deep(bracket):
    assert TOO_DEEP in read(bracket * 1_000_000)


@pytest.mark.parametrize(
    "content",
    [
        b'[{"title": 1}, {"title": "' + b"a" * 12_000_000,
        b'[{"title": 1}, ' + b'{"title": 1}, {"title" ' * 600_000,
        b'[{"title": 1}, {"x": ' + b"1" * 12_000_000,
        b'[{"title": 1}, {"x": [' + b'{"a": [}, {"title"' * 600_000,
        b'[{"title": 1}' + b" " * 12_000_000,
        b'[{"title": 1}' + b"} " * 4_000_000,
        b'[{"title": 1}, {"x": "' + b"\\" * 12_000_001,
        b'[{"title": 1}, ' + b'{"title": "}, ' * 30_000,
        b'[{"title": 1}, ' + b'{"x": 1}, ' * 20_000,
    ],
    ids=[
        "endless string",
        "separators",
        "digits",
        "open brackets",
        "spaces",
        "closing brackets",
        "backslashes",
        "never closed",
        "unlike",
    ],
)
def test_time_grows_no_faster_than_the_input(content):
    part = content[: len(content) // 4]  # the whole would take 16 times as long if it were the square
    assert growth.is_below(12, lambda given: read(given, 4 << 20), part=part, whole=content)


@settings(deadline=None, max_examples=150)
@given(st.binary(max_size=300) | st.lists(st.sampled_from(list(b'{}[]",:\\ntitle1 '))).map(bytes))
def test_any_bytes_end(content):
    assert all(isinstance(item, bytes | Skipped) for item in elements.read(io.BytesIO(b"[" + content), 64))
