"""Keep warnings, such as Pillow's of an odd image, to the thread that they come up in.

`warnings.catch_warnings` swaps the filters of the whole process: two threads that overlap in it
leave the filters of one of them behind, and meanwhile it swallows the warnings of everybody. Here
a filter is added that holds in the threads inside the context alone, and the last to leave takes
it away. This module imports the standard library only.
"""

from __future__ import annotations

import sys
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Literal

__all__ = ["warnings_ignored", "warnings_raised"]

_LOCK = threading.Lock()


class _Inside(threading.local):
    """The filters that this thread is inside of, the innermost last."""

    def __init__(self) -> None:
        self.stack: list[type] = []


_inside = _Inside()


class _HereOnly(type):
    """Makes a category of warnings that all others belong to, in the threads inside alone."""

    users: int
    lists: list[Any]

    def __subclasscheck__(cls, _subclass: type) -> bool:
        return bool(_inside.stack) and _inside.stack[-1] is cls


class _Ignored(Warning, metaclass=_HereOnly):
    users = 0
    lists: list[Any] = []  # noqa: RUF012 - each has its own


class _Raised(Warning, metaclass=_HereOnly):
    users = 0
    lists: list[Any] = []  # noqa: RUF012 - each has its own


@contextmanager
def warnings_ignored() -> Iterator[None]:
    """Ignore every warning of this thread; other threads and the filters stay as they are."""
    with _handled(_Ignored, "ignore"):
        yield


@contextmanager
def warnings_raised() -> Iterator[None]:
    """Raise every warning of this thread as an error; others and the filters stay as they are."""
    with _handled(_Raised, "error"):
        yield


@contextmanager
def _handled(category: _HereOnly, action: Literal["ignore", "error"]) -> Iterator[None]:
    if getattr(sys.flags, "context_aware_warnings", False):
        # Python keeps the filters of a thread apart itself, and would not see one added here.
        with warnings.catch_warnings():
            warnings.simplefilter(action)
            yield
        return
    _inside.stack.append(category)
    try:
        with _LOCK:
            category.users += 1
            _add(category, action)
        try:
            yield
        finally:
            with _LOCK:
                category.users -= 1
                if not category.users:
                    _remove(category)
    finally:
        _inside.stack.pop()


def _add(category: Any, action: Literal["ignore", "error"]) -> None:
    if not any(item[2] is category for item in warnings.filters):
        warnings.simplefilter(action, category)
        category.lists.append(warnings.filters)


def _remove(category: _HereOnly) -> None:
    """Take the filter out of each list that it is in: others may have swapped them meanwhile."""
    for filters in (*category.lists, warnings.filters):
        filters[:] = [item for item in filters if item[2] is not category]
    category.lists.clear()
