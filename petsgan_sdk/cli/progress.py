"""A small progress display on stderr: a bar on a terminal, a line now and then elsewhere.

Imports the standard library only.
"""

from __future__ import annotations

import shutil
import sys
import time
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import TextIO

from petsgan_sdk.cli._streams import write_beside

__all__ = ["ProgressBar", "format_seconds"]

_BAR_CHARS = 24
_REDRAW_S = 0.1
_LINE_EVERY_S = 15.0


def format_seconds(seconds: float) -> str:
    """`7s`, `3:07` or `1:02:03`."""
    total = max(0, round(seconds))
    minutes, rest = divmod(total, 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours}:{minutes:02d}:{rest:02d}"
    return f"{minutes}:{rest:02d}" if minutes else f"{rest}s"


class ProgressBar:
    """Shows done of total, speed, time left, and named numbers such as losses.

    On a terminal the line is redrawn at most ten times a second. Elsewhere nothing is shown for
    15 seconds, then one line every 15 seconds.

    Args:
        label: Starts the line.
        unit: What is counted, for the speed.
        stream: Where to write; stderr by default.
        clock: A monotonic clock in seconds.
    """

    def __init__(
        self,
        label: str,
        *,
        unit: str = "it",
        stream: TextIO | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Remember when it started."""
        self._label = label
        self._unit = unit
        self._stream = sys.stderr if stream is None else stream
        self._clock = clock
        self._live = self._stream.isatty()
        self._shown_at = clock()
        self._first: tuple[int, float] | None = None
        self._drawn = False

    def begin(self, label: str, *, unit: str) -> None:
        """Go on with another task on the same line, unless it is this one already."""
        if label != self._label:
            self._label, self._unit, self._first = label, unit, None
            if self._live:
                self._shown_at -= _REDRAW_S  # its first state is shown at once

    def update(
        self, done: int, total: int, *, numbers: Mapping[str, float] | None = None, phase: str = ""
    ) -> None:
        """Show a new state, unless the last was shown a moment ago.

        Args:
            done: How many are finished.
            total: How many there will be.
            numbers: Shown by name with three digits.
            phase: Shown after the label.
        """
        now = self._clock()
        if self._first is None:
            # Speed counts from the first report: a resumed run starts above zero, and the first
            # step is slower than the rest.
            self._first = (done, now)
        due = _REDRAW_S if self._live else _LINE_EVERY_S
        last = self._live and done >= total
        if now - self._shown_at < due and not last:
            return
        self._shown_at = now
        self._write(self._line(done, total, now, numbers or {}, phase=phase))

    def close(self) -> None:
        """End the line, so that what follows starts on its own."""
        if self._drawn:
            write_beside("\n", self._stream)
            self._drawn = False

    def note(self, line: str) -> None:
        """Print a line of its own without breaking the bar."""
        start = "\r\x1b[K" if self._drawn else ""
        write_beside(f"{start}{line}\n", self._stream)
        self._drawn = False

    def __enter__(self) -> ProgressBar:
        """Use as a context to close it whatever happens."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        exc: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End the line."""
        self.close()

    def _line(
        self, done: int, total: int, now: float, numbers: Mapping[str, float], *, phase: str
    ) -> str:
        parts = [f"{self._label} {phase}".rstrip(), f"{done}/{total}"]
        if self._live:
            filled = _BAR_CHARS * done // max(total, 1)
            parts.insert(1, "[" + "#" * filled + "." * (_BAR_CHARS - filled) + "]")
        first_done, first_at = self._first or (0, now)
        if done > first_done and now > first_at:
            speed = (done - first_done) / (now - first_at)
            left = format_seconds((total - done) / speed)
            slow = f"{1 / speed:.1f} s/{self._unit}"
            parts.append(f"{speed:.1f} {self._unit}/s" if speed >= 1 else slow)
            parts.append(f"{left} left")
        parts += [f"{name} {value:.3g}" for name, value in numbers.items()]
        return "  ".join(parts)

    def _write(self, line: str) -> None:
        if self._live:
            columns = shutil.get_terminal_size().columns
            write_beside("\r" + line[: columns - 1] + "\x1b[K", self._stream)
            self._drawn = True
        else:
            write_beside(line + "\n", self._stream)
