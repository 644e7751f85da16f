"""Count the frames of a GIF without decoding them.

This module imports the standard library only.
"""

from __future__ import annotations

import io
from typing import IO

__all__ = ["gif_frames"]

_MAX_BLOCKS = 1_000_000
_IMAGE, _EXTENSION = 0x2C, 0x21


def gif_frames(file: IO[bytes], limit: int) -> int:
    """The frames of a GIF, counted up to `limit`, or as far as a damaged file makes sense."""
    file.seek(0)
    head = file.read(13)
    if len(head) < 13:
        return 0
    _skip_table(file, head[10])
    frames = 0
    blocks = [_MAX_BLOCKS]
    while frames < limit:
        start = file.read(1)
        if start == bytes([_IMAGE]):
            descriptor = file.read(9)
            if len(descriptor) < 9:
                break
            _skip_table(file, descriptor[8])
            file.seek(1, io.SEEK_CUR)  # the least size of a code
            frames += 1
        elif start == bytes([_EXTENSION]):
            file.seek(1, io.SEEK_CUR)
        else:
            break
        if not _skip_blocks(file, blocks):
            break
    return frames


def _skip_table(file: IO[bytes], flags: int) -> None:
    if flags & 0x80:
        file.seek(3 << ((flags & 7) + 1), io.SEEK_CUR)


def _skip_blocks(file: IO[bytes], left: list[int]) -> bool:
    while left[0]:
        left[0] -= 1
        size = file.read(1)
        if not size:
            return False
        if size == b"\0":
            return True
        file.seek(size[0], io.SEEK_CUR)
    return False
