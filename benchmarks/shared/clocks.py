"""How long work takes, and whether its threads had a core each meanwhile. Never imports torch."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from petsgan_sdk._quota import usable_cores

__all__ = ["Span", "contention", "timed_ms"]

_TOLERATED_CORES = 0.25
"""What other programs may take of the cores that the threads of a form need."""


def timed_ms(work: Callable[[], object]) -> tuple[float, float]:
    """Wall and CPU milliseconds (of all threads) of one call."""
    cpu, wall = time.process_time_ns(), time.perf_counter_ns()
    work()
    wall, cpu = time.perf_counter_ns() - wall, time.process_time_ns() - cpu
    return wall / 1e6, cpu / 1e6


class Span:
    """The time since it was made."""

    def __init__(self) -> None:
        """Read the clocks."""
        self._busy = _busy_s()
        self._cpu, self._wall = time.process_time(), time.perf_counter()

    def read(self) -> tuple[float, float, float | None]:
        """Seconds until now: wall, CPU of this process, and CPU that all other programs took.

        The last is None where nothing tells.
        """
        wall, cpu = time.perf_counter() - self._wall, time.process_time() - self._cpu
        busy = _busy_s()
        others = None if busy is None or self._busy is None else busy - self._busy - cpu
        return wall, cpu, others


def contention(threads: int, *, wall_s: float, others_s: float | None) -> dict[str, Any]:
    """Say whether threads had a core each.

    Without one, the threads of a pool that spins while it waits burn CPU time, so that neither wall
    nor CPU time, median nor minimum, says how fast the code is.

    Args:
        threads: That were to run at once.
        wall_s: How long.
        others_s: Core seconds that other programs took meanwhile; None where nothing tells.

    Returns:
        `others_cores` and `contended`.
    """
    if others_s is None:
        return {"others_cores": None, "contended": None}
    others = max(0.0, others_s / wall_s)
    # Others are counted on all cores of the host, of which this process may have a few only.
    spare = min(usable_cores(), (os.cpu_count() or 1) - others)
    return {"others_cores": others, "contended": threads > spare + _TOLERATED_CORES}


def _busy_s() -> float | None:
    """Seconds that all cores together were not idle since the system started; Linux only."""
    try:
        line = Path("/proc/stat").read_text(encoding="ascii").splitlines()[0]
    except OSError:
        return None
    # user nice system idle iowait irq softirq steal; steal is a core that we did not have.
    ticks = [int(word) for word in line.split()[1:9]]
    return (sum(ticks) - ticks[3] - ticks[4]) / os.sysconf("SC_CLK_TCK")
