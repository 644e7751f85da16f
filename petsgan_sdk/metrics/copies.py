"""How much of a sample is the photo itself: unmoved, shifted as a whole, or mirrored. Numpy only.

Both images are reduced to `WORKING_SIDE_PX` (mean of the covered area) if they are larger. Every
`WINDOW_PX` patch of the sample on a grid of `STRIDE_PX` is compared with every patch of the photo
by the mean squared difference of its RGB values.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from petsgan_sdk.imaging import resize
from petsgan_sdk.metrics._images import U8Array, check_image, check_same_size

__all__ = [
    "STRIDE_PX",
    "TOLERANCE_PX",
    "WINDOW_PX",
    "WORKING_SIDE_PX",
    "CopyRates",
    "CopySearch",
    "copy_rates",
]

WORKING_SIDE_PX = 128
"""Longer side at which patches are compared; smaller images are compared as they are."""
WINDOW_PX = 7
"""Side of a patch at working size: about an eighteenth of the image."""
STRIDE_PX = 2
"""Distance of the sample's patches; the photo's are taken at every pixel."""
TOLERANCE_PX = 2
"""Largest move along either axis, at working size, that counts as none."""

_SLACK = 0.25
"""A place is as good as the best if its mean square is within half a grey level squared of it."""
_CHUNK_BYTES = 1 << 26

Array = npt.NDArray[np.float32]
Offsets = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class CopyRates:
    """Shares of a sample's patches, 0 to 1."""

    unmoved: float
    """Best match in the photo within `TOLERANCE_PX` of their own place: 1 for a plain copy."""
    shifted: float
    """Of those that moved, the largest share with one displacement, within `TOLERANCE_PX`."""
    shift_px: tuple[int, int]
    """That displacement `(dy, dx)` from the patch to its match, in pixels of the sample."""
    mirrored: float
    """Best match in the mirrored photo within `TOLERANCE_PX` of their own place; also 1 for a
    plain copy of a symmetrical photo."""


def copy_rates(sample: U8Array, photo: U8Array) -> CopyRates:
    """Compare one sample with the photo; `CopySearch` does many.

    Args:
        sample: `[H, W, 3]` uint8, both sides from 16.
        photo: The same size.

    Raises:
        InputError: Too small an image, or two sizes.
    """
    return CopySearch(photo)(sample)


class CopySearch:
    """The patches of a photo, ready to look samples up in.

    Args:
        photo: `[H, W, 3]` uint8, both sides from 16.

    Raises:
        InputError: Too small an image.
    """

    def __init__(self, photo: U8Array) -> None:
        """Cut the photo and its mirror image into patches."""
        check_image("copy", photo)
        self._photo = photo
        working = _working(photo)
        self._scale = np.divide(photo.shape[:2], working.shape[:2])
        self._grid = _grid(working)
        self._reference = _reference(working)
        self._mirrored = _reference(working[:, ::-1])

    def __call__(self, sample: U8Array) -> CopyRates:
        """Rates of one sample of the photo's size.

        Raises:
            InputError: Another size.
        """
        check_image("copy", sample)
        check_same_size("copy", sample, self._photo)
        queries = _patches(_working(sample), STRIDE_PX)
        rows, columns = (np.arange(0, side, STRIDE_PX) for side in self._grid)
        own = np.stack(np.meshgrid(rows, columns, indexing="ij"), axis=-1).reshape(-1, 2)
        stayed, found = _search(queries, own, self._reference, self._grid)
        mirrored, _ = _search(queries, own, self._mirrored, self._grid)
        share, move = _common_move((found - own)[~stayed])
        dy, dx = np.rint(move * self._scale).astype(int).tolist()
        return CopyRates(
            unmoved=float(stayed.mean()),
            shifted=share * float((~stayed).mean()),
            shift_px=(dy, dx),
            mirrored=float(mirrored.mean()),
        )


def _working(image: U8Array) -> Array:
    height, width = image.shape[:2]
    longest = max(height, width)
    if longest > WORKING_SIDE_PX:
        size = tuple(
            max(WINDOW_PX, round(side * WORKING_SIDE_PX / longest)) for side in (width, height)
        )
        return resize(image.astype(np.float32), (size[0], size[1]), method="area")
    return image.astype(np.float32)


def _grid(image: Array) -> tuple[int, int]:
    """Number of patches down and across."""
    return image.shape[0] - WINDOW_PX + 1, image.shape[1] - WINDOW_PX + 1


def _patches(image: Array, stride: int) -> Array:
    """`[K, 3 * WINDOW_PX^2]`, row by row, of values around zero."""
    view = np.lib.stride_tricks.sliding_window_view(image - 127.5, (WINDOW_PX, WINDOW_PX), (0, 1))
    cut = view[::stride, ::stride]
    return np.ascontiguousarray(cut.reshape(-1, 3 * WINDOW_PX**2), np.float32)


def _reference(image: Array) -> Array:
    """`[D + 1, M]`: times (q, 1) it gives |q - p|^2 - |q|^2 for every patch p of an image."""
    patches = _patches(image, 1)
    norms = np.einsum("kd,kd->k", patches, patches)
    return np.concatenate([-2 * patches.T, norms[None]])


def _search(
    queries: Array, own: Offsets, reference: Array, grid: tuple[int, int]
) -> tuple[npt.NDArray[np.bool_], Offsets]:
    """Whether each query is at its own place, and the place of its best match, the first of ties.

    Args:
        queries: `[K, D]`.
        own: `[K, 2]`, their rows and columns.
        reference: As `_reference` makes it, of every place of the grid.
        grid: Rows and columns of places.
    """
    chunk = max(1, _CHUNK_BYTES // (4 * reference.shape[1]))
    extended = np.concatenate([queries, np.ones_like(queries[:, :1])], axis=1)
    near = _near_places(own, grid)
    stayed, found = np.empty(len(queries), np.bool_), np.empty(len(queries), np.int64)
    for start in range(0, len(queries), chunk):
        part = slice(start, start + chunk)
        distances = extended[part] @ reference
        best = distances.argmin(axis=1)
        lines = np.arange(len(best))
        here = distances[lines[:, None], near[part]].min(axis=1)
        stayed[part] = here - distances[lines, best] <= _SLACK * queries.shape[1]
        found[part] = best
    return stayed, np.stack(np.divmod(found, grid[1]), axis=-1)


def _near_places(own: Offsets, grid: tuple[int, int]) -> Offsets:
    """`[K, (2 t + 1)^2]` indices of the places within the tolerance, those outside cut to it."""
    steps = np.arange(-TOLERANCE_PX, TOLERANCE_PX + 1)
    rows = np.clip(own[:, :1] + steps, 0, grid[0] - 1)
    columns = np.clip(own[:, 1:] + steps, 0, grid[1] - 1)
    near: Offsets = rows[:, :, None] * grid[1] + columns[:, None, :]
    return near.reshape(len(own), -1)


def _common_move(moves: Offsets) -> tuple[float, tuple[int, int]]:
    """The largest share of `[K, 2]` moves within the tolerance of one move, and that move."""
    if not len(moves):
        return 0.0, (0, 0)
    low = moves.min(axis=0) - TOLERANCE_PX
    counts = np.zeros(moves.max(axis=0) - low + TOLERANCE_PX + 1, np.int64)
    np.add.at(counts, tuple((moves - low).T), 1)
    side = 2 * TOLERANCE_PX + 1
    padded = np.pad(counts, TOLERANCE_PX)
    boxes = np.lib.stride_tricks.sliding_window_view(padded, (side, side)).sum(axis=(2, 3))
    top, left = np.divmod(int(boxes.argmax()), boxes.shape[1])
    # The most frequent move of the box names it: its centre is off where several boxes tie.
    dy, dx = np.divmod(int(padded[top : top + side, left : left + side].argmax()), side)
    move = (int(low[0] + top + dy - TOLERANCE_PX), int(low[1] + left + dx - TOLERANCE_PX))
    return float(boxes[top, left]) / len(moves), move
