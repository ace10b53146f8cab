from hypothesis import given
from hypothesis import strategies as st

from flows import spool
from flows.chunks.turns import Part
from flows.extraction import packing
from flows.extraction.packing import Excerpt
from flows.records import SpooledChunk


def spooled(tmp_path, *sizes):
    rows = [
        SpooledChunk(f"{number:032x}", "c", "T", number, 0, 0, 1, f"# T\n\nUser: {number}", size, None, turns=[5])
        for number, size in enumerate(sizes)
    ]
    path = tmp_path / "chunks.jsonl"
    spool.write(path, rows)
    return path


HEADER = Part("conversation", "# Title\nDate: 2026-01-01")


def halved(*said):
    parts = packing.halves([Excerpt("k", [HEADER, *said], 9)])
    assert parts is not None
    return [part.parts for (part,) in parts]


def sizes(packs):
    return [[excerpt.tokens for excerpt in pack] for pack in packs]


def test_chunks_are_packed_up_to_the_limit_and_a_large_one_goes_alone(tmp_path):
    path = spooled(tmp_path, 500, 700, 900, 2_000, 100, 5_000, 100)
    assert sizes(packing.packs(path, (), 2_000)) == [[500, 700], [900], [2_000], [100], [5_000], [100]]


def test_what_has_an_answer_and_what_stands_twice_is_not_asked(tmp_path):
    path = spooled(tmp_path, 1, 2, 3)
    rows = list(spool.read(path, SpooledChunk))
    spool.write(path, [*rows, rows[2]])
    assert sizes(packing.packs(path, ({bytes(15) + b"\1"},), 2_000)) == [[1, 3]]


def test_a_pack_is_halved_by_excerpts_and_a_single_one_by_its_turns():
    pack = [Excerpt(str(number), [HEADER, Part("user", "x")], 1) for number in range(5)]
    assert packing.halves(pack) == (pack[:2], pack[2:])
    question, answer = Part("user", "I like tea.\n\n" * 40), Part("assistant", "I see.\n\n" * 50)
    assert halved(question, answer) == [[HEADER, question], [HEADER, answer]]


def test_a_part_from_within_a_message_says_who_speaks():
    text = "\n".join(f"User: I like tea number {number}." for number in range(60))
    (_, first), (_, second) = halved(Part("assistant", text))
    assert (first.name, second.name) == ("assistant", "assistant")
    assert first.text.endswith(".\n")
    assert first.text + second.text == text


def test_what_is_too_short_is_not_cut():
    assert packing.halves([Excerpt("k", [HEADER, Part("user", "short")], 9)]) is None


@given(st.lists(st.tuples(st.sampled_from(["user", "assistant"]), st.text(min_size=1, max_size=1_500)), min_size=1))
def test_halving_loses_nothing_and_ends(said):
    waiting, pieces = [[Excerpt("k", [HEADER, *(Part(*turn) for turn in said)], 9)]], []
    while waiting:
        pack = waiting.pop(0)
        parts = packing.halves(pack)
        if parts is None:
            pieces.append(pack[0].parts)
        else:
            waiting = [*parts, *waiting]
    assert all(piece[0] == HEADER and sum(len(part.text) for part in piece[1:]) < 400 for piece in pieces)
    voices = [(part.name, character) for piece in pieces for part in piece[1:] for character in part.text]
    assert voices == [(name, character) for name, text in said for character in text]
