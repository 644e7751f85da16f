"""Run one function over many numbers in a few threads. Standard library only."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

__all__ = ["ordered_map"]

ResultT = TypeVar("ResultT")


def ordered_map(
    function: Callable[[int], ResultT], numbers: Iterable[int], *, workers: int, ahead: int
) -> Generator[ResultT, None, None]:
    """As `map`, in threads: results come in order, and wait in memory until they are taken.

    Close the iterator, or run it to its end: either waits for the threads. What a call raises
    comes out at its place; then, and when the iterator is closed early, calls that have begun
    finish and the others are dropped.

    Args:
        function: Called from several threads at once.
        numbers: What to call it with.
        workers: Number of threads.
        ahead: Most calls that are begun and not yet taken.
    """
    waiting: deque[Future[ResultT]] = deque()
    source = iter(numbers)
    pool = ThreadPoolExecutor(workers, thread_name_prefix="petsgan-batch")
    try:
        for number in source:
            waiting.append(pool.submit(function, number))
            if len(waiting) >= max(ahead, workers):
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
