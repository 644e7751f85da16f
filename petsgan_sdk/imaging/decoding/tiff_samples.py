"""The samples of a TIFF as its tags define them, for the kinds that Pillow gets wrong or refuses.

Those are grey of 9 to 64 bits, signed numbers, floating point, and colours of such samples, in
strips or tiles, together or in planes. The rest is left to Pillow. This module imports the standard
library, numpy and `petsgan_sdk.imaging.decoding.tiff_blocks` only.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from petsgan_sdk.imaging.decoding.tiff_blocks import LOSSLESS, PREDICTED, Blocks, tiff_blocks
from petsgan_sdk.imaging.decoding.tiff_directory import Directory

__all__ = ["Samples", "tiff_samples"]

_MAX_SAMPLES = 16
_COLOURS = {0: 1, 1: 1, 2: 3, 5: 4}  # samples by PhotometricInterpretation
_UNSIGNED, _SIGNED, _FLOAT = 1, 2, 3
_MULTIPLIED, _SEPARATE = 1, 2  # of ExtraSamples
_DIFFERENCES, _FLOAT_DIFFERENCES = 2, 3  # of Predictor


@dataclass(frozen=True, slots=True)
class Samples:
    """What the samples of a page are; `[H, W, colours + alpha]` of the file's own type."""

    size: tuple[int, int]
    """`(width, height)`."""
    bits: int
    kind: int
    """1 unsigned, 2 signed, 3 floating point."""
    count: int
    """Of each pixel, those beside the colours included."""
    colours: int
    """1 grey, 3 RGB, 4 CMYK."""
    is_white_zero: bool
    alpha: int
    """0 none, 1 with colours multiplied by it, 2 without."""
    is_planar: bool
    predictor: int
    order: str
    blocks: Blocks

    @property
    def is_deep(self) -> bool:
        """Whether the samples have a range of their own, from 0 to all bits set."""
        return self.kind == _UNSIGNED and self.bits <= 16

    def bands(self) -> Iterator[tuple[int, npt.NDArray[Any]]]:
        """Decode from top to bottom, each time anew.

        Yields:
            The first row, and `[rows, W, colours + alpha]`.

        Raises:
            OSError: A strip or tile is missing or cut short.
        """
        used = self.colours + bool(self.alpha)
        planes = range(used) if self.is_planar else range(1)
        top = 0
        for parts in zip(*(self.blocks.rows(plane) for plane in planes), strict=True):
            typed = [self._typed(part) for part in parts]
            band = np.concatenate(typed, axis=2) if self.is_planar else typed[0][:, :, :used]
            yield top, band
            top += len(band)

    def _typed(self, parts: list[npt.NDArray[np.uint8]]) -> npt.NDArray[Any]:
        """Columns of blocks, `[rows, bytes]` each, as `[rows, W, samples]`."""
        count = 1 if self.is_planar else self.count
        columns = []
        for part in parts:
            values = self._values(part, self.blocks.width * count)
            columns.append(values.reshape(len(part), self.blocks.width, count))
        whole = columns[0] if len(columns) == 1 else np.concatenate(columns, axis=1)
        return whole[:, : self.size[0]]

    def _values(self, rows: npt.NDArray[np.uint8], length: int) -> npt.NDArray[Any]:
        """Numbers `[rows, length]` of bytes `[rows, ...]`."""
        if self.predictor == _FLOAT_DIFFERENCES:
            return self._summed_bytes(rows, length)
        if self.bits not in (8, 16, 32, 64):
            return self._signed(_unpacked_bits(rows, length, self.bits))
        letter = "f" if self.kind == _FLOAT else "u"
        values: npt.NDArray[Any] = rows.view(f"{self.order}{letter}{self.bits // 8}")
        if self.predictor == _DIFFERENCES:
            each = 1 if self.is_planar else self.count
            native = values.view(f"{self.order}u{self.bits // 8}").astype(f"u{self.bits // 8}")
            steps = native.reshape(len(rows), -1, each)
            values = np.cumsum(steps, axis=1, dtype=steps.dtype).reshape(len(rows), -1)
            values = values.view(f"{letter}{self.bits // 8}")
        return self._signed(values)

    def _signed(self, values: npt.NDArray[Any]) -> npt.NDArray[Any]:
        if self.kind != _SIGNED:
            return values
        if self.bits in (8, 16, 32, 64):
            return values.view(values.dtype.str.replace("u", "i"))
        signed: npt.NDArray[np.int64] = values.astype(np.int64)
        return signed - ((signed >> (self.bits - 1)) << self.bits)

    def _summed_bytes(self, rows: npt.NDArray[np.uint8], length: int) -> npt.NDArray[Any]:
        """Undo the predictor of floats: differences of bytes, the highest bytes of a row first."""
        each = 1 if self.is_planar else self.count
        size = self.bits // 8
        steps = rows.reshape(len(rows), -1, each)
        summed = np.cumsum(steps, axis=1, dtype=np.uint8).reshape(len(rows), size, length)
        return np.ascontiguousarray(summed.transpose(0, 2, 1)).view(f">f{size}")[:, :, 0]


def _unpacked_bits(
    rows: npt.NDArray[np.uint8], length: int, bits: int
) -> npt.NDArray[np.unsignedinteger[Any]]:
    """Numbers of any width that follow each other without gaps, the highest bit first."""
    first = np.arange(length, dtype=np.int64) * bits
    wide = np.uint32 if bits <= 25 else np.uint64
    size = (bits + 14) // 8  # bytes that a number may reach into
    padded = np.pad(rows, ((0, 0), (0, size)))
    value = np.zeros((len(rows), length), wide)
    for step in range(size):
        value = (value << wide(8)) | padded[:, (first >> 3) + step]
    drop = (8 * size - bits - (first & 7)).astype(wide)
    unpacked: npt.NDArray[np.unsignedinteger[Any]] = (value >> drop) & wide(2**bits - 1)
    return unpacked


def tiff_samples(page: Directory) -> Samples | None:
    """How to read a page; None for one that is Pillow's to read or to refuse."""
    photometric = page.number(262, -1)
    count = page.number(277, 1)
    depths = set(page.numbers(258)) or {1}
    kinds = set(page.numbers(339)) or {_UNSIGNED}
    width, height = page.number(256, 0), page.number(257, 0)
    is_odd = min(width, height) < 1 or len(depths) > 1 or len(kinds) > 1
    if is_odd or photometric not in _COLOURS or page.number(259, 1) not in LOSSLESS:
        return None
    bits, kind, colours = depths.pop(), kinds.pop(), _COLOURS[photometric]
    if not colours <= count <= _MAX_SAMPLES or not _is_known(bits, kind):
        return None
    if kind == _UNSIGNED and (bits <= 8 or (bits == 16 and _is_for_pillow(page, colours, count))):
        return None
    predictor = page.number(317, 1) if page.number(259, 1) in PREDICTED else 1
    is_summed = bits in (8, 16, 32, 64) if predictor == _DIFFERENCES else kind == _FLOAT
    if predictor != 1 and not (predictor in (_DIFFERENCES, _FLOAT_DIFFERENCES) and is_summed):
        return None
    extra = page.numbers(338)
    alpha = extra[0] if extra and extra[0] in (_MULTIPLIED, _SEPARATE) and count > colours else 0
    is_planar = page.number(284, 1) == 2 and count > 1
    blocks = tiff_blocks(page, samples=1 if is_planar else count, bits=bits)
    return Samples(
        (width, height),
        bits,
        kind,
        count,
        colours,
        photometric == 0,
        alpha,
        is_planar,
        predictor,
        page.order,
        blocks,
    )


def _is_known(bits: int, kind: int) -> bool:
    if kind == _FLOAT:
        return bits in (16, 32, 64)
    return kind in (_UNSIGNED, _SIGNED) and (1 <= bits <= 32 or bits == 64)


def _is_for_pillow(page: Directory, colours: int, count: int) -> bool:
    """Colours of 16 bits, of which it takes 8, as it does in other formats."""
    if colours == 1 or page.number(284, 1) == 2 or page.number(266, 1) == 2:
        return False
    return count == colours or (colours == 3 and count == 4)
