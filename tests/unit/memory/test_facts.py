import pytest

from flows.memory import facts


@pytest.mark.parametrize(
    "date",
    ["1990", "2024-02", "2024-02-29", "1500", "2399-12-31"],
)
def test_a_date_that_the_calendar_has_is_kept(date):
    assert facts.real_date(date) == date


@pytest.mark.parametrize(
    "date",
    [
        *("2024-13-45", "0000", "9999-99-99", "2024-00", "2024-13", "2024-01-00", "2024-01-32", "2023-02-29"),
        *("2024-02-30", "0001-01-01", "9999-12-31", "2024-1-5", "2024-01-05T00:00:00Z", "2024-01-05\n", "", "2024-"),
        *("1403-05-12", "1446-01-01", "2567-03-01", "5785", "20240105", "2024-W01", "spring 2024", "-2024", "²⁰²⁴"),
    ],
)
def test_what_is_no_date_of_the_calendar_or_of_another_one_is_none(date):
    assert facts.real_date(date) is None


@pytest.mark.parametrize("written", ["٢٠٢٤-٠٥-٠١", "२०२४-०५-०१", "２０２４-０５-０１"])
def test_a_date_in_the_digits_of_another_script_is_that_date(written):
    assert facts.real_date(written) == "2024-05-01"


def test_a_date_that_is_none_does_not_spoil_the_reply():
    told = [
        '{"kind":"date","text":"I moved in spring.","date":"spring 2024"}',
        '{"kind":"date","text":"I moved on the 45th.","date":"2024-13-45"}',
        '{"kind":"date","text":"I was born in 1990.","date":"1990"}',
    ]
    assert [facts.Fact.model_validate_json(fact).date for fact in told] == [None, None, "1990"]
