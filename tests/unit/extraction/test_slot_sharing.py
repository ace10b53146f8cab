import pytest

from flows.extraction.slot_sharing import share


@pytest.mark.parametrize(("limit", "runs"), [(3, 1), (3, 2), (3, 3), (10, 3), (3, 5), (50, 7), (1, 4)])
def test_runs_share_all_slots_and_what_does_not_divide_goes_round(limit, runs):
    names = sorted(f"run-{number}" for number in range(runs))
    times = [number * 30.0 for number in range(runs)]
    shares = {name: [share(limit, names, name, now) for now in times] for name in names}
    for moment in range(runs):
        assert sum(shares[name][moment] for name in names) == limit
    assert {sum(each) for each in shares.values()} == {limit}  # over one round, all the same


def test_a_run_that_is_alone_takes_all():
    assert share(50, ["mine"], "mine", 123.0) == 50
