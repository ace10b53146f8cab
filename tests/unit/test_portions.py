import itertools

from flows.portions import by_count, by_size


def test_portions_by_count_hold_all_in_order_and_the_last_has_what_is_left():
    assert list(by_count("abcdefg", 3)) == [["a", "b", "c"], ["d", "e", "f"], ["g"]]
    assert list(by_count("abcdef", 3)) == [["a", "b", "c"], ["d", "e", "f"]]
    assert list(by_count([], 3)) == []


def test_portions_by_size_are_filled_up_to_the_limit_and_what_is_larger_stands_alone():
    sizes = [2, 3, 1, 9, 1, 5]
    assert list(by_size(sizes, int, 5)) == [[2, 3], [1], [9], [1], [5]]
    assert list(by_size([9], int, 5)) == [[9]]
    assert list(by_size([], int, 5)) == []


def test_portions_by_size_have_no_more_items_than_allowed():
    assert list(by_size([1] * 5, int, 10, most=2)) == [[1, 1], [1, 1], [1]]


def test_a_portion_is_there_before_all_items_are_read():
    assert next(by_count(itertools.count(), 2)) == [0, 1]
    assert next(by_size(itertools.count(1), int, 3)) == [1, 2]
