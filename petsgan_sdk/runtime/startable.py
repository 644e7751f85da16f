"""How many threads the system still lets this process start. Standard library only.

A limit on processes (`ulimit -u`, `docker --pids-limit`) or on memory refuses a thread at any time.
ONNX Runtime does not survive that: when some threads of a session could be started and the next one
could not, making the session never returns, whatever signal comes. So threads are tried first.
"""

from __future__ import annotations

import logging
import threading
import time
from contextlib import suppress
from pathlib import Path

from petsgan_sdk.errors import BackendUnavailableError

__all__ = ["affordable_threads", "check_startable", "startable_threads"]

_HINT = "raise the limit (ulimit -u, docker --pids-limit), or set PETSGAN_NUM_THREADS=1"

_TASKS = Path("/proc/self/task")
_POLL_S = 0.0005
_MOST_POLLS = 2000

_log = logging.getLogger(__name__)


def startable_threads(count: int) -> int:
    """Start threads, all alive at the same time, and end them again.

    Args:
        count: Most to start.

    Returns:
        How many could be started, up to `count`.
    """
    done = threading.Event()
    started: list[threading.Thread] = []
    try:
        with suppress(RuntimeError, MemoryError):
            for _ in range(count):
                thread = threading.Thread(target=done.wait, name="petsgan-trial", daemon=True)
                thread.start()
                started.append(thread)
    finally:
        done.set()
        for thread in started:
            thread.join()
            _wait_until_gone(thread)
    return len(started)


def _wait_until_gone(thread: threading.Thread) -> None:
    """Joined is not gone: the system counts a thread until its last instruction."""
    entry = _TASKS / str(thread.native_id)
    for _ in range(_MOST_POLLS):
        if not entry.exists():  # nor anything else, where the system has no such folder
            return
        time.sleep(_POLL_S)


def check_startable(count: int, *, what: str) -> None:
    """Refuse to go on where threads cannot be started.

    Args:
        count: Threads that will be started next.
        what: What needs them.

    Raises:
        BackendUnavailableError: The system allows fewer.
    """
    found = startable_threads(count)
    if found < count:
        msg = f"{what} needs {count} more threads, but this process may start {found}"
        raise BackendUnavailableError(msg, hint=_HINT)


def affordable_threads(threads: int, *, pools: int) -> int:
    """How many threads each of several pools can have; says so where that is fewer.

    Args:
        threads: Wanted for each pool, the calling thread included.
        pools: Number of pools, which all stay alive.

    Returns:
        1 to `threads`.
    """
    wanted = pools * (threads - 1)
    found = startable_threads(wanted)
    if found == wanted:
        return threads
    fewer = 1 + found // pools
    _log.warning(
        "each pool has %d threads instead of %d: %d pools need %d more, and this process may start "
        "%d; hint: %s",
        fewer,
        threads,
        pools,
        wanted,
        found,
        _HINT,
    )
    return fewer
