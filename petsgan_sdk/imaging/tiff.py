"""An uncompressed TIFF written band by band; a BigTIFF where offsets need more than 32 bits.

The directory comes first: without compression the place of every strip is known before the first
pixel is. Field numbers are those of TIFF 6.0.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from petsgan_sdk._arrays import ImageArray

__all__ = ["tiff_chunks", "tiff_size"]

_STRIP_BYTES = 1 << 20
_MAX_STRIPS = 1 << 16
_BIG_FROM_BYTES = (1 << 32) - (1 << 20)
"""Of pixels. The rest is left for the directory: at most 2**16 strips have an entry of 8 bytes."""

_SHORT, _LONG, _LONG8 = 3, 4, 16
_CODES = {_SHORT: "H", _LONG: "I", _LONG8: "Q"}


@dataclass(frozen=True, slots=True)
class _Form:
    """What differs between TIFF and BigTIFF."""

    header: bytes
    count: str
    """Format of the number of entries."""
    entry: str
    """Format of tag, type and number of values; the values or their offset follow."""
    offset: int
    """Type of an offset."""


_CLASSIC = _Form(struct.pack("<2sHI", b"II", 42, 8), "<H", "<HHI", _LONG)
_BIG = _Form(struct.pack("<2sHHHQ", b"II", 43, 8, 0, 16), "<Q", "<HHQ", _LONG8)


def tiff_chunks(
    width: int, height: int, bands: Iterable[ImageArray]
) -> Iterator[bytes | memoryview]:
    """Encode band by band.

    Args:
        width: In pixels.
        height: In pixels.
        bands: `[rows, width, 3]` uint8, top to bottom.

    Yields:
        The bytes of the file, in order.
    """
    yield _head(width, height)
    for band in bands:
        yield np.ascontiguousarray(band).data
        del band  # before the next is made


def tiff_size(width: int, height: int) -> int:
    """Bytes of a file from `tiff_chunks`."""
    return len(_head(width, height)) + 3 * width * height


def _head(width: int, height: int) -> bytes:
    """Everything before the first pixel."""
    row_bytes = 3 * width
    form = _BIG if row_bytes * height >= _BIG_FROM_BYTES else _CLASSIC
    rows = max(1, _STRIP_BYTES // row_bytes, -(-height // _MAX_STRIPS))
    tops = range(0, height, rows)
    counts = [row_bytes * min(rows, height - top) for top in tops]

    def head(first_pixel: int) -> bytes:
        offsets = [first_pixel + row_bytes * top for top in tops]
        entries = [
            (256, _LONG, [width]),
            (257, _LONG, [height]),
            (258, _SHORT, [8, 8, 8]),  # bits of a sample
            (259, _SHORT, [1]),  # no compression
            (262, _SHORT, [2]),  # RGB
            (273, form.offset, offsets),
            (277, _SHORT, [3]),  # samples of a pixel
            (278, _LONG, [rows]),
            (279, _LONG, counts),
            (284, _SHORT, [1]),  # samples lie together
        ]
        return _directory(form, entries)

    return head(len(head(0)))


def _directory(form: _Form, entries: list[tuple[int, int, list[int]]]) -> bytes:
    word = struct.calcsize(_CODES[form.offset])
    table_bytes = len(entries) * (struct.calcsize(form.entry) + word)
    beyond = len(form.header) + struct.calcsize(form.count) + table_bytes + word
    table, values = bytearray(), bytearray()
    for tag, kind, numbers in entries:
        packed = struct.pack(f"<{len(numbers)}{_CODES[kind]}", *numbers)
        table += struct.pack(form.entry, tag, kind, len(numbers))
        if len(packed) <= word:
            table += packed.ljust(word, b"\0")
        else:
            table += struct.pack(f"<{_CODES[form.offset]}", beyond + len(values))
            values += packed.ljust(-(-len(packed) // word) * word, b"\0")
    count = struct.pack(form.count, len(entries))
    return form.header + count + table + bytes(word) + values
