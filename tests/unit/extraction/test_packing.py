from hypothesis import given
from hypothesis import strategies as st

from flows import spool
from flows.extraction import packing
from flows.extraction.packing import Excerpt
from flows.records import ChunkRecord


def spooled(tmp_path, *sizes):
    rows = [
        ChunkRecord(f"{number:032x}", "c", "T", number, 0, 0, 1, f"text {number}", size, None)
        for number, size in enumerate(sizes)
    ]
    path = tmp_path / "chunks.jsonl"
    spool.write(path, rows)
    return path


def halved(text):
    parts = packing.halves([Excerpt("k", text, 9)])
    assert parts is not None
    return [part.text for (part,) in parts]


def sizes(packs):
    return [[excerpt.tokens for excerpt in pack] for pack in packs]


def test_chunks_are_packed_up_to_the_limit_and_a_large_one_goes_alone(tmp_path):
    path = spooled(tmp_path, 500, 700, 900, 2_000, 100, 5_000, 100)
    assert sizes(packing.packs(path, (), 2_000)) == [[500, 700], [900], [2_000], [100], [5_000], [100]]


def test_what_has_an_answer_and_what_stands_twice_is_not_asked(tmp_path):
    path = spooled(tmp_path, 1, 2, 3)
    rows = list(spool.read(path, ChunkRecord))
    spool.write(path, [*rows, rows[2]])
    assert sizes(packing.packs(path, ({bytes(15) + b"\1"},), 2_000)) == [[1, 3]]


def test_a_pack_is_halved_by_excerpts_and_a_single_one_by_its_text():
    pack = [Excerpt(str(number), "x", 1) for number in range(5)]
    assert packing.halves(pack) == (pack[:2], pack[2:])
    said = "I like tea. " * 40
    text = f"# Title\nDate: 2026-01-01\n\nUser: {said}\n\nAssistant: {said}"
    first, second = halved(text)
    assert first == f"# Title\nDate: 2026-01-01\n\nUser: {said}"
    assert second == f"# Title\nDate: 2026-01-01\n\nAssistant: {said}"


def test_a_part_from_within_a_message_says_who_speaks():
    text = "# Title\n\nUser: " + "\n".join(f"I like tea number {number}." for number in range(60))
    first, second = halved(text)
    assert second.startswith("# Title\n\nUser: I like tea number ")
    assert first + "\n" + second.removeprefix("# Title\n\nUser: ") == text


def test_what_is_too_short_is_not_cut():
    assert packing.halves([Excerpt("k", "# T\n\nUser: short", 9)]) is None


@given(st.text(st.characters(exclude_characters=":"), max_size=3_000), st.sampled_from(["User", "Assistant"]))
def test_halving_loses_nothing_and_ends(said, speaker):
    text = f"# Title\n\n{speaker}: {said}"
    waiting, pieces = [[Excerpt("k", text, 9)]], []
    while waiting:
        pack = waiting.pop(0)
        parts = packing.halves(pack)
        if parts is None:
            pieces.append(pack[0].text)
        else:
            waiting = [*parts, *waiting]
    assert all(len(piece) < 450 for piece in pieces)
    kept = "".join(piece.removeprefix("# Title\n\n").removeprefix(f"{speaker}: ") for piece in pieces)
    assert "".join(kept.split()) == "".join(said.split())
