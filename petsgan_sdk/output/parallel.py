"""Work in threads: how many, and results that are taken in order. Standard library only.

Where the system lets this process start no more threads, the caller's own does the work.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

from petsgan_sdk.runtime.startable import startable_threads

__all__ = ["one_ahead", "ordered_map", "share_cores"]

_ALONE_PIXELS = 1024 * 1024
"""Larger images are made one after the other: two at once would take twice the memory, and one
alone keeps several threads busy."""

ResultT = TypeVar("ResultT")
ItemT = TypeVar("ItemT")


def share_cores(
    cores: int, count: int, size_px: tuple[int, int], *, most: int | None = None
) -> tuple[int, int]:
    """How many images to make at once, and with how many threads each.

    One thread for each image wastes nothing on waiting, so that many small images get one each.
    The pixels do not depend on it.

    Args:
        cores: To keep busy, at least 1.
        count: Number of images.
        size_px: `(width, height)`.
        most: Images at once; each takes its own memory, and more than there are usable cores are
            no faster, however many threads were asked for.

    Returns:
        `(images at once, threads for each)`; their product is at most `cores`.
    """
    if size_px[0] * size_px[1] > _ALONE_PIXELS:
        return 1, cores
    at_once = max(1, min(cores, count, cores if most is None else most))
    return at_once, cores // at_once


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
        workers: Number of threads; fewer where no more can be started.
        ahead: Most calls that are begun and not yet taken.
    """
    workers = startable_threads(workers)
    if workers == 0:
        yield from map(function, numbers)
        return
    waiting: deque[Future[ResultT]] = deque()
    pool = ThreadPoolExecutor(workers, thread_name_prefix="petsgan-batch")
    try:
        for number in numbers:
            waiting.append(pool.submit(function, number))
            if len(waiting) >= max(ahead, workers):
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def one_ahead(items: Iterator[ItemT], *, stop: Callable[[], None]) -> Generator[ItemT, None, None]:
    """The same items, each made by a thread while the one before it is in use.

    No more than these two are alive, so that memory stays flat. Close the iterator, or run it to
    its end: either waits for the thread. What making an item raises comes out at its place.

    Args:
        items: Used by the thread alone.
        stop: Called when no more items are wanted; should end one that is being made.
    """
    if startable_threads(1) == 0:
        yield from items
        return
    pool = ThreadPoolExecutor(1, thread_name_prefix="petsgan-ahead")
    try:
        making: Future[ItemT | _End] = pool.submit(next, items, _End())
        while not isinstance(item := making.result(), _End):
            making = pool.submit(next, items, _End())
            yield item
            del item
    finally:
        stop()
        pool.shutdown(wait=True, cancel_futures=True)


class _End:
    """Comes after the last item."""
