"""The strips and tiles of a TIFF, unpacked a few rows at a time.

This module imports the standard library, numpy, Pillow and `tiff_directory` beside it only.
"""

from __future__ import annotations

import io
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from petsgan_sdk.imaging.decoding.tiff_directory import Directory, tiff_bytes

__all__ = ["LOSSLESS", "PREDICTED", "Blocks", "tiff_blocks"]

_BAND_BYTES = 4 << 20
_MAX_TILES_BYTES = 512 << 20
_PLAIN, _DEFLATE = 1, (8, 32946)
PREDICTED = (*_DEFLATE, 5, 34925, 50000)
"""Packings of bytes that may have a predictor: deflate, LZW, LZMA, Zstandard."""
LOSSLESS = (_PLAIN, 32773, *PREDICTED)
"""Packings of bytes: none, PackBits, and those."""
_REVERSED = np.packbits(np.unpackbits(np.arange(256, dtype=np.uint8)[:, None], axis=1)[:, ::-1])
_CUT_SHORT = "a strip or tile is missing or cut short"

ByteRows = npt.NDArray[np.uint8]
Places = npt.NDArray[np.unsignedinteger[Any]]


@dataclass(frozen=True, slots=True)
class Blocks:
    """The blocks of a page: strips, or tiles in rows."""

    page: Directory
    height: int
    """Rows of the image."""
    width: int
    """Pixels of a row of a block."""
    rows_each: int
    """Rows of a block."""
    row_bytes: int
    """Bytes of a row of a block."""
    across: int
    """Blocks next to each other: 1 for strips."""
    is_tiled: bool
    packing: int
    starts: Places
    sizes: Places

    def rows(self, plane: int) -> Iterator[list[ByteRows]]:
        """Unpack a plane from top to bottom.

        Yields:
            `[rows, row_bytes]` for each column of blocks, about `_BAND_BYTES` of them together.

        Raises:
            OSError: A block is missing or cut short.
        """
        step = max(1, _BAND_BYTES // (self.row_bytes * self.across))
        down = -(-self.height // self.rows_each)
        first = plane * down * self.across
        if self.rows_each > step and not self.is_tiled:
            for index in range(down):
                rows = min(self.rows_each, self.height - index * self.rows_each)
                for part in self._strip(first + index, rows, step):
                    yield [part]
            return
        together = max(1, step // self.rows_each)
        for top in range(0, down, together):
            count = min(together, down - top)
            left = self.height - top * self.rows_each
            rows = count * self.rows_each if self.is_tiled else min(left, count * self.rows_each)
            yield [
                self._unpacked(
                    [first + (top + k) * self.across + column for k in range(count)], rows
                )[:left]
                for column in range(self.across)
            ]

    def _strip(self, index: int, rows: int, step: int) -> Iterator[ByteRows]:
        """A strip that is larger than a band, in parts of `step` rows."""
        if self.packing in (_PLAIN, *_DEFLATE):
            read = self._reader(index)
            for top in range(0, rows, step):
                size = min(step, rows - top) * self.row_bytes
                yield _as_rows(read(size), size, self.row_bytes)
        else:
            content = self._unpacked([index], rows)
            for top in range(0, rows, step):
                yield content[top : top + step]

    def _reader(self, index: int) -> Callable[[int], bytes]:
        """What reads on in a block that deflate or nothing packed."""
        if self.packing == _PLAIN:
            at = self._start(index)

            def read_plain(size: int) -> bytes:
                nonlocal at
                self.page.file.seek(at)
                at += size
                return self._in_order(self.page.file.read(size))

            return read_plain
        inflater, fed = zlib.decompressobj(), [self._packed(index)]

        def read(size: int) -> bytes:
            content = inflater.decompress(fed.pop(), size)
            fed.append(inflater.unconsumed_tail)
            return content

        return read

    def _unpacked(self, blocks: list[int], rows: int) -> ByteRows:
        """Whole blocks below each other, `[rows, row_bytes]`."""
        if self.packing in (_PLAIN, *_DEFLATE):
            sizes = [
                min(self.rows_each, rows - k * self.rows_each) * self.row_bytes
                for k in range(len(blocks))
            ]
            parts = [
                _as_rows(self._reader(index)(size), size, self.row_bytes)
                for index, size in zip(blocks, sizes, strict=True)
            ]
            return parts[0] if len(parts) == 1 else np.concatenate(parts)
        # Any other packing: told that the bytes are pixels, libtiff unpacks them through Pillow.
        tags: dict[int, int | tuple[int, ...]] = {256: self.row_bytes, 257: rows, 258: 8}
        tags |= {259: self.packing, 262: 1, 277: 1, 278: self.rows_each}
        packed = [self._packed(index) for index in blocks]
        with Image.open(io.BytesIO(tiff_bytes(tags, packed)), formats=["TIFF"]) as image:
            return np.array(image, dtype=np.uint8)

    def _start(self, index: int) -> int:
        if index >= len(self.starts):
            raise OSError(_CUT_SHORT)
        return int(self.starts[index])

    def _packed(self, index: int) -> bytes:
        self.page.file.seek(self._start(index))
        size = int(self.sizes[index]) if index < len(self.sizes) else 0
        content = self.page.file.read(size)
        if len(content) < size:
            raise OSError(_CUT_SHORT)
        return self._in_order(content)

    def _in_order(self, content: bytes) -> bytes:
        if self.page.number(266, 1) != 2:
            return content
        # FillOrder: the lowest bit comes first.
        return _REVERSED[np.frombuffer(content, np.uint8)].tobytes()


def _as_rows(content: bytes, size: int, row_bytes: int) -> ByteRows:
    if len(content) < size:
        raise OSError(_CUT_SHORT)
    return np.frombuffer(content, np.uint8, size).reshape(-1, row_bytes)


def _places(page: Directory, tag: int) -> Places:
    form = page.format(tag)
    return np.frombuffer(page.raw(tag) if form else b"", form or "B")


def tiff_blocks(page: Directory, *, samples: int, bits: int) -> Blocks:
    """Find the blocks of a page.

    Args:
        page: The page.
        samples: Of a pixel in a block.
        bits: Of a sample.

    Raises:
        OSError: Tiles are too large or of no size.
    """
    width, height = page.number(256, 0), page.number(257, 0)
    is_tiled = 322 in page.entries
    wide = page.number(322, 0) if is_tiled else width
    tall = page.number(323, 0) if is_tiled else max(1, min(page.number(278, height), height))
    if min(wide, tall) < 1:
        msg = f"tiles are of {wide}x{tall} px"
        raise OSError(msg)
    row_bytes, across = -(-wide * samples * bits // 8), -(-width // wide)
    if is_tiled and row_bytes * tall * across > _MAX_TILES_BYTES:
        msg = f"a row of tiles is larger than {_MAX_TILES_BYTES >> 20} MiB"
        raise OSError(msg)
    starts = _places(page, 324 if is_tiled else 273)
    sizes = _places(page, 325 if is_tiled else 279)
    packing = page.number(259, 1)
    return Blocks(page, height, wide, tall, row_bytes, across, is_tiled, packing, starts, sizes)
