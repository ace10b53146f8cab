import pytest

from flows.store import backoff


@pytest.mark.parametrize("patience", [0.1, 3, 150])
def test_pauses_grow_and_together_are_as_long_as_the_patience(patience):
    pauses = list(backoff.pauses(patience))
    assert pauses == sorted(pauses)
    assert patience <= sum(pauses) < patience + 8


def test_without_patience_nothing_is_tried_again():
    assert list(backoff.pauses(0)) == []
