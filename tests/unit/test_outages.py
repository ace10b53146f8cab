import pytest

from flows import outages


@pytest.mark.parametrize("patience", [0.1, 3, 150])
def test_pauses_grow_and_together_are_as_long_as_the_patience(patience):
    pauses = list(outages.pauses(patience))
    assert pauses == sorted(pauses)
    assert patience <= sum(pauses) < patience + 8


def test_without_patience_nothing_is_tried_again():
    assert list(outages.pauses(0)) == []
