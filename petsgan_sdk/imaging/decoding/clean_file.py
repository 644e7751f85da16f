"""The parts of an image file that its pixels need, as one file without the metadata around them.

This module imports the standard library only.
"""

from __future__ import annotations

import io
from bisect import bisect_right
from dataclasses import dataclass, field
from typing import IO, Any

__all__ = ["CleanImage", "Kept", "Pieces"]


@dataclass(slots=True)
class CleanImage:
    """What a decoder is given, and what was in the metadata."""

    stream: IO[bytes]
    profile: bytes | None = None
    """Colour profile; empty where there is one that cannot be read."""
    exif: bytes | None = None
    xmp: bytes | None = None
    frames: int = 1
    facts: dict[str, Any] = field(default_factory=dict)
    """Of a PNG `depth`, `colour_type`, `gamma`, `srgb`; of a TIFF `orientation`, `is_reduced`."""


class Pieces(io.RawIOBase):
    """A file of pieces: ranges of another one, and bytes."""

    def __init__(self, file: IO[bytes], pieces: list[tuple[int, int] | bytes]) -> None:
        """Take `pieces` in order, each a range `(start, end)` of `file` or bytes."""
        self._file = file
        self._pieces = [piece for piece in pieces if len(piece) > 0]
        self._starts = [0]
        for piece in self._pieces:
            length = len(piece) if isinstance(piece, bytes) else piece[1] - piece[0]
            self._starts.append(self._starts[-1] + length)
        self._at = 0

    def readable(self) -> bool:
        """Always."""
        return True

    def seekable(self) -> bool:
        """Always."""
        return True

    def tell(self) -> int:
        """The position."""
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Move as `io.IOBase.seek`."""
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._starts[-1]}[whence]
        if base + offset < 0:
            msg = f"seek: position must not be negative, got {base + offset}"
            raise ValueError(msg)
        self._at = base + offset
        return self._at

    def readinto(self, buffer: Any) -> int:
        """Read from one piece, as much as it has and the buffer takes."""
        if self._at >= self._starts[-1]:
            return 0
        index = bisect_right(self._starts, self._at) - 1
        piece, skipped = self._pieces[index], self._at - self._starts[index]
        size = min(len(buffer), self._starts[index + 1] - self._at)
        if isinstance(piece, bytes):
            content = piece[skipped : skipped + size]
        else:
            self._file.seek(piece[0] + skipped)
            content = self._file.read(size)
        buffer[: len(content)] = content
        self._at += len(content)
        return len(content)


class Kept:
    """Ranges of a file to keep, in order; those that touch become one."""

    def __init__(self) -> None:
        """Begin without any."""
        self.ranges: list[tuple[int, int] | bytes] = []

    def add(self, start: int, end: int) -> None:
        """Keep `start` to `end`."""
        last = self.ranges[-1] if self.ranges else None
        if isinstance(last, tuple) and last[1] == start:
            self.ranges[-1] = (last[0], end)
        elif end > start:
            self.ranges.append((start, end))

    def stream(self, file: IO[bytes]) -> IO[bytes]:
        """What is kept of `file`, as a file."""
        return io.BufferedReader(Pieces(file, self.ranges), 1 << 16)
