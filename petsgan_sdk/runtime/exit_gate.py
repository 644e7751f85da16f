"""Lets no thread be inside a foreign library when the interpreter ends. Standard library only.

Before Python 3.14, a daemon thread that asks for the interpreter lock while the interpreter shuts
down is ended on the spot, which unwinds its stack; the bindings of ONNX Runtime and TensorRT do not
survive that, and the whole process aborts. And any thread that still runs in such a library when
the process destroys its globals may crash. So calls into them go through this gate, which closes
when the interpreter ends: it waits for the calls that have begun, and a daemon thread that comes
later sleeps until the process is gone. Our own kernels need no gate, see csrc/python/release_gil.h.
"""

from __future__ import annotations

import atexit
import os
import threading
import time
from functools import cache
from types import TracebackType

__all__ = ["exit_gate"]

_POLL_S = 0.001


class _ExitGate:
    """A context for calls that release the interpreter lock in a library that is not ours.

    Costs well under a microsecond. Calls do not nest within a thread.
    """

    def __init__(self) -> None:
        self._inside: set[int] = set()  # adding and discarding are atomic
        self._closer: int | None = None

    def __enter__(self) -> None:
        _register()
        me = threading.get_ident()
        # In this order: `_close` sets first and looks then, so that one of the two sees the other.
        self._inside.add(me)
        if self._closer is not None:
            self._enter_late(me)

    def __exit__(
        self,
        _type: type[BaseException] | None,
        _value: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        self._inside.discard(threading.get_ident())

    def _enter_late(self, me: int) -> None:
        # What the interpreter itself calls on its way out still works, and so do the threads that
        # this starts and waits for.
        if me == self._closer or not threading.current_thread().daemon:
            return
        self._inside.discard(me)
        never = threading.Lock()
        never.acquire()
        never.acquire()  # without the interpreter lock, and so beyond reach

    def _close(self) -> None:
        self._closer = threading.get_ident()
        while self._inside - {self._closer}:
            time.sleep(_POLL_S)

    def _forget_threads(self) -> None:
        """A forked child has only the thread that forked."""
        self._inside.clear()


exit_gate = _ExitGate()
"""The gate of this process."""

os.register_at_fork(after_in_child=exit_gate._forget_threads)


@cache
def _register() -> None:
    # Before the libraries clean up: their own handlers are registered as they are loaded, which is
    # before the first call, and the handler that was registered last runs first.
    atexit.register(exit_gate._close)
