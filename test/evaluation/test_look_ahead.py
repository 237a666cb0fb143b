"""Items come in their order from a thread that stays a few of them ahead, and its errors too."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest

from hand_object_recon.evaluation.look_ahead import LookAhead

PATIENCE_S = 5.0


def wait_for_threads(name: str) -> None:
    deadline_s = time.monotonic() + PATIENCE_S
    while any(thread.name == name for thread in threading.enumerate()):
        assert time.monotonic() < deadline_s
        time.sleep(0.001)


def test_all_items_come_in_their_order() -> None:
    with LookAhead(range(100), 3) as items:
        assert list(items) == list(range(100))


def test_it_runs_ahead_but_not_farther_than_it_may() -> None:
    taken: list[int] = []

    def numbers() -> Iterator[int]:
        for number in range(100):
            taken.append(number)
            yield number

    with LookAhead(numbers(), 3) as items:
        iterator = iter(items)
        assert next(iterator) == 0
        deadline_s = time.monotonic() + PATIENCE_S
        while len(taken) < 5:  # one used, three that wait, one in hand
            assert time.monotonic() < deadline_s
            time.sleep(0.001)
        time.sleep(0.05)
        assert len(taken) == 5


def test_an_error_comes_where_its_item_would_have_come() -> None:
    def failing() -> Iterator[int]:
        yield 1
        raise OSError("unplugged")

    with LookAhead(failing(), 3) as items:
        iterator = iter(items)
        assert next(iterator) == 1
        with pytest.raises(OSError, match="unplugged"):
            next(iterator)


def test_one_may_look_ahead_of_another_and_both_end_when_they_are_left_early() -> None:
    def forever() -> Iterator[int]:
        number = 0
        while True:
            yield number
            number += 1

    with (
        LookAhead(forever(), 2) as numbers,
        LookAhead((number * number for number in numbers), 2) as squares,
    ):
        iterator = iter(squares)
        assert [next(iterator) for _ in range(5)] == [0, 1, 4, 9, 16]
    wait_for_threads("look-ahead")


def test_an_error_goes_through_two_of_them() -> None:
    def failing() -> Iterator[int]:
        yield 2
        raise OSError("unplugged")

    with (
        LookAhead(failing(), 2) as numbers,
        LookAhead((number * number for number in numbers), 2) as squares,
    ):
        iterator = iter(squares)
        assert next(iterator) == 4
        with pytest.raises(OSError, match="unplugged"):
            next(iterator)
