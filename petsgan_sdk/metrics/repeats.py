"""Near repeats: how much of an image stands again close by, as on a canvas that is too large.

A patch of luma that has some contrast counts as repeated where another patch of the same image, not
far away and not itself, is the same but for brightness and contrast. The photo has repeats of its
own (bricks, leaves), so the number is read beside the photo's.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from petsgan_sdk.metrics._images import U8Array, check_image, luma

__all__ = ["near_repeats"]

_PATCH_PX, _STEP_PX = 16, 8
_LEAST_DEVIATION = 0.02 * 127.5
"""Of luma in 0..255: 0.02 of a range of 2. Flatter patches are alike everywhere."""
_CORRELATION = 0.95
_NEAREST_PX, _FURTHEST_PX = 12, 64
"""Of another patch, along the axis on which it is further away."""
_WAVES = 4
"""Cosines an axis of the summary by which most patches are told apart."""
_SURE = 1e-4

Plane = npt.NDArray[np.float64]


def near_repeats(image: U8Array) -> float:
    """Share of an image's patches that stand again 12 to 64 px away.

    Patches of 16x16 luma lie on a grid of 8 px; those whose standard deviation is above 0.02 of a
    range of 2 count. One is repeated if, with its mean removed, its normalised correlation with
    another patch anywhere 12 to 64 px away in either axis is above 0.95.

    Args:
        image: `[H, W, 3]` uint8, both sides from 28 px.

    Returns:
        0 to 1; 0 where no patch has any contrast.

    Raises:
        InputError: The image is too small to hold two such patches.
    """
    check_image("repeats", image)
    windows = np.lib.stride_tricks.sliding_window_view(luma(image), (_PATCH_PX, _PATCH_PX))
    deviations = _deviations(windows)
    rows, columns = np.mgrid[: windows.shape[0] : _STEP_PX, : windows.shape[1] : _STEP_PX]
    counts = deviations[rows, columns] > _LEAST_DEVIATION
    at = np.stack([rows[counts], columns[counts]], axis=1)
    if not len(at):
        return 0.0
    # A part of a correlation bounds the whole: two patches of length 1 are at most as much alike as
    # their first cosines let them be. Few are left to be compared pixel by pixel.
    summary = _summary(windows, deviations)
    own = summary[at[:, 0], at[:, 1]]
    found = np.zeros(len(at), dtype=bool)
    furthest = 2 * (1 - _CORRELATION) + _SURE
    for shift in _shifts():
        there = at + shift
        near = np.flatnonzero(((there >= 0) & (there < deviations.shape)).all(axis=1) & ~found)
        other = summary[there[near, 0], there[near, 1]]
        near = near[np.square(other - own[near]).sum(axis=1) < furthest]
        found[near] = _correlations(windows, at[near], there[near]) > _CORRELATION
    return float(found.mean())


def _shifts() -> Iterator[tuple[int, int]]:
    """Where another patch may stand; of two opposite ones both, since only one lies on the grid."""
    span = range(-_FURTHEST_PX, _FURTHEST_PX + 1)
    for down in span:
        for across in span:
            if max(abs(down), abs(across)) >= _NEAREST_PX:
                yield down, across


def _deviations(windows: npt.NDArray[np.float64]) -> Plane:
    """Standard deviation of every patch, row by row of the image to save memory."""
    return np.stack([row.std(axis=(1, 2)) for row in windows])


def _summary(windows: npt.NDArray[np.float64], deviations: Plane) -> npt.NDArray[np.float32]:
    """The first cosines of every patch, its mean removed and its length 1; 0 where it is flat."""
    at = (np.arange(_PATCH_PX) + 0.5) * np.pi / _PATCH_PX
    waves = np.cos(np.outer(np.arange(_WAVES), at))
    waves /= np.linalg.norm(waves, axis=1, keepdims=True)
    length = deviations * _PATCH_PX
    scale = np.divide(1.0, length, out=np.zeros_like(length), where=length > 0)
    rows = [np.einsum("xhw,ah,bw->xab", row, waves, waves, optimize=True) for row in windows]
    flat = np.stack(rows).reshape(*deviations.shape, -1)[..., 1:]  # the first is the mean
    return (flat * scale[..., None]).astype(np.float32)


def _correlations(
    windows: npt.NDArray[np.float64], left: npt.NDArray[np.int64], right: npt.NDArray[np.int64]
) -> npt.NDArray[np.float64]:
    """Of pairs of patches that lie at `[K, 2]`; 0 where one is flat."""
    a, b = (windows[at[:, 0], at[:, 1]].reshape(-1, _PATCH_PX**2) for at in (left, right))
    a, b = (patches - patches.mean(axis=1, keepdims=True) for patches in (a, b))
    lengths = np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1)
    found = np.zeros(len(a))
    np.divide((a * b).sum(axis=1), lengths, out=found, where=lengths > 0)
    return found
