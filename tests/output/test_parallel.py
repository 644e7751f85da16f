from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import closing

import pytest

from petsgan_sdk.output.parallel import one_ahead

WAIT_S = 30


def test_items_come_in_order() -> None:
    assert list(one_ahead(iter(range(20)), stop=lambda: None)) == list(range(20))
    assert list(one_ahead(iter(()), stop=lambda: None)) == []
    assert list(one_ahead(iter([None, None]), stop=lambda: None)) == [None, None]


def test_the_next_item_is_made_while_one_is_in_use_and_no_more() -> None:
    begun = [threading.Event() for _ in range(4)]

    def items() -> Iterator[int]:
        for number, event in enumerate(begun):
            event.set()
            yield number

    ahead = one_ahead(items(), stop=lambda: None)
    for number in range(4):
        assert next(ahead) == number
        if number < 3:
            assert begun[number + 1].wait(WAIT_S)
        # Not to be waited for: the thread has nothing to do until the next is taken.
        assert not any(event.is_set() for event in begun[number + 2 :])
    assert list(ahead) == []


def test_what_making_an_item_raises_comes_at_its_place() -> None:
    def items() -> Iterator[int]:
        yield 1
        raise ZeroDivisionError

    stopped = []
    ahead = one_ahead(items(), stop=lambda: stopped.append(True))
    assert next(ahead) == 1
    with pytest.raises(ZeroDivisionError):
        next(ahead)
    assert stopped == [True]


def test_closing_ends_what_is_being_made() -> None:
    begun, stopping = threading.Event(), threading.Event()

    def items() -> Iterator[int]:
        yield 1
        begun.set()
        assert stopping.wait(WAIT_S)
        yield 2

    with closing(one_ahead(items(), stop=stopping.set)) as ahead:
        assert next(ahead) == 1
        assert begun.wait(WAIT_S)
    assert not any(t.name.startswith("petsgan-ahead") for t in threading.enumerate())
