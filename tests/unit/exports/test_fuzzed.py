"""A small part of what `python -m tests.fuzz_exports` tries, always the same."""

import random

import pytest

from tests import fuzz_exports


@pytest.fixture(scope="module")
def originals():
    return fuzz_exports.seeds()


@pytest.mark.parametrize("part", range(2))
def test_damaged_files_end_with_conversations_or_an_error_that_says_what_to_do(tmp_path, originals, part):
    chance = random.Random(part)
    for number in range(40):
        fuzz_exports.check(fuzz_exports.one_file(originals, chance), tmp_path / f"{number}")


@pytest.mark.parametrize("part", range(2))
def test_what_lies_beside_a_whole_file_does_not_keep_it_from_being_read(tmp_path, originals, part):
    chance, mixed = random.Random(part), [*originals, *fuzz_exports.beside() * 6]
    for number in range(40):
        fuzz_exports.check(fuzz_exports.several_files(mixed, chance), tmp_path / f"{number}")


def test_a_whole_file_that_is_not_read_is_found(tmp_path, originals):
    unread = {"Files__x.zip": originals[0], "photo.png": originals[0]}
    with pytest.raises(fuzz_exports.Lost):
        fuzz_exports.check(unread, tmp_path / "export")
