"""Reading ahead gives what reading in turn does."""

import threading
from contextlib import closing

import pytest

from lighttrack_nas.trackers.base.errors import InputError
from lighttrack_nas.trackers.data.ahead import read_ahead


def squared(number: int) -> int:
    if number == 13:
        raise InputError("unlucky")
    return number**2


@pytest.mark.parametrize("threads", [0, 1, 3])
@pytest.mark.parametrize("count", [0, 1, 7, 40])
def test_items_come_in_their_order_with_their_contents(threads: int, count: int) -> None:
    numbers = [number for number in range(count) if number != 13]
    assert [(number, read()) for number, read in read_ahead(squared, numbers, threads)] == [
        (number, number**2) for number in numbers
    ]


@pytest.mark.parametrize("threads", [0, 2])
def test_a_mistake_is_raised_where_its_item_is_asked_for_and_stops_no_other(threads: int) -> None:
    found = []
    for number, read in read_ahead(squared, [12, 13, 14], threads):
        try:
            found.append(read())
        except InputError as error:
            found.append(f"{number}: {error}")
    assert found == [144, "13: unlucky", 196]


def test_few_items_wait_and_a_closed_reader_leaves_no_thread() -> None:
    begun: list[int] = []
    before = threading.active_count()
    with closing(read_ahead(begun.append, range(1000), 2)) as items:
        for number, _ in items:
            assert len(begun) <= number + 5
            if number == 20:
                break
    assert threading.active_count() == before
    assert len(begun) <= 25
