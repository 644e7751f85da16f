"""A PNG encoder for many photographs in a row. Standard library and numpy only."""

from __future__ import annotations

import struct
import zlib

import numpy as np
import numpy.typing as npt

__all__ = ["encode_png"]

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_TRUE_COLOUR = 2
_SUB = 1
_CHUNK_BYTES = 1 << 30  # a chunk holds less than 2 GiB


def encode_png(rgb: npt.NDArray[np.uint8], *, comment: str | None = None) -> bytes:
    """Return the bytes of an RGB PNG; the same arguments give the same bytes.

    Every row is stored as differences to the pixel on the left, and zlib looks for runs only.
    On photographs that costs about a third of the time of Pillow's level 1, which tries every
    filter on every row, and gives files about 3 % larger.

    Args:
        rgb: `[H, W, 3]` uint8.
        comment: Latin-1 text to keep in the file, under the keyword `Comment`.
    """
    height, width = rgb.shape[:2]
    header = struct.pack(">IIBBBBB", width, height, 8, _TRUE_COLOUR, 0, 0, 0)
    parts = [_SIGNATURE, _chunk(b"IHDR", header)]
    if comment is not None:
        parts.append(_chunk(b"tEXt", b"Comment\0" + comment.encode("latin-1")))
    packer = zlib.compressobj(1, zlib.DEFLATED, zlib.MAX_WBITS, zlib.DEF_MEM_LEVEL, zlib.Z_RLE)
    pixels = memoryview(packer.compress(_filtered(rgb).data) + packer.flush())
    for start in range(0, len(pixels), _CHUNK_BYTES):
        parts.append(_chunk(b"IDAT", pixels[start : start + _CHUNK_BYTES]))
    parts.append(_chunk(b"IEND", b""))
    return b"".join(parts)


def _filtered(rgb: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """Rows `[H, 1 + 3 W]`: the filter's number, then differences modulo 256."""
    height, width = rgb.shape[:2]
    flat = rgb.reshape(height, 3 * width)
    rows = np.empty((height, 1 + 3 * width), dtype=np.uint8)
    rows[:, 0] = _SUB
    rows[:, 1:4] = flat[:, :3]
    np.subtract(flat[:, 3:], flat[:, :-3], out=rows[:, 4:])
    return rows


def _chunk(kind: bytes, data: bytes | memoryview) -> bytes:
    checksum = zlib.crc32(data, zlib.crc32(kind))
    return b"".join([struct.pack(">I", len(data)), kind, data, struct.pack(">I", checksum)])
