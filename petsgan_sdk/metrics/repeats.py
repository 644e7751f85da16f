"""Near repeats: how much of an image stands again close by, as on a canvas that is too large.

A patch of luma that has some contrast counts as repeated where another patch of the same image, not
far away and not itself, is the same but for brightness and contrast. The photo has repeats of its
own (bricks, leaves), so the number is read beside the photo's.
"""

from __future__ import annotations

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
"""More than what float32 can take from the bound of a correlation."""
_BAND_ROWS = 64
"""Rows of patches that are summarised at a time, which bounds the memory."""
_AT_ONCE = 256
"""Patches compared pixel by pixel at a time, the most promising first."""

Plane = npt.NDArray[np.float64]
Summary = npt.NDArray[np.float32]


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
    grey = luma(image)
    windows = np.lib.stride_tricks.sliding_window_view(grey, (_PATCH_PX, _PATCH_PX))
    grid = windows[::_STEP_PX, ::_STEP_PX]
    at = np.argwhere(grid.std(axis=(2, 3)) > _LEAST_DEVIATION) * _STEP_PX
    if not len(at):
        return 0.0
    summary = _summary(grey)
    return float(np.mean([_stands_again(windows, summary, y, x) for y, x in at.tolist()]))


def _stands_again(windows: Plane, summary: Summary, y: int, x: int) -> bool:
    """Whether the patch at a place is repeated."""
    top, left = max(0, y - _FURTHEST_PX), max(0, x - _FURTHEST_PX)
    near = summary[top : y + _FURTHEST_PX + 1, left : x + _FURTHEST_PX + 1]
    bounds = near @ summary[y, x]
    too_near = [
        slice(max(0, place - _NEAREST_PX + 1), place + _NEAREST_PX) for place in (y - top, x - left)
    ]
    bounds[tuple(too_near)] = -1
    rows, columns = np.nonzero(bounds > _CORRELATION - _SURE)
    order = np.argsort(-bounds[rows, columns])
    own = windows[y, x].ravel()
    own = own - own.mean()
    begin, count = 0, 1  # where there is a repeat, the most promising is one as a rule
    while begin < len(order):
        chosen = order[begin : begin + count]
        others = windows[rows[chosen] + top, columns[chosen] + left]
        if (_correlations(own, others.reshape(-1, _PATCH_PX**2)) > _CORRELATION).any():
            return True
        begin, count = begin + count, _AT_ONCE
    return False


def _summary(grey: Plane) -> Summary:
    """`[h, w, 16]` of every patch, so that a product of two is at least their correlation.

    With its mean removed and its length 1, a patch is its first cosines and a rest, whose length
    stands in the place of the mean: two rests are at most as much alike as their lengths let them
    be. All are 0 where a patch is flat.
    """
    at = (np.arange(_PATCH_PX) + 0.5) * np.pi / _PATCH_PX
    waves = np.cos(np.outer(np.arange(_WAVES), at))
    waves /= np.linalg.norm(waves, axis=1, keepdims=True)
    size = [side - _PATCH_PX + 1 for side in grey.shape]
    summary = np.empty((*size, _WAVES**2), dtype=np.float32)
    # Luma has three decimals: sums of whole numbers are exact, and a flat patch has no length.
    whole = np.rint(grey * 1000)
    ones = np.ones((1, _PATCH_PX))
    for top in range(0, size[0], _BAND_ROWS):
        band = whole[top : top + _BAND_ROWS + _PATCH_PX - 1]
        sums, squares = _filtered(band, ones)[..., 0], _filtered(band**2, ones)[..., 0]
        length = np.sqrt(squares - sums**2 / _PATCH_PX**2)
        scale = np.divide(1.0, length, out=np.zeros_like(length), where=length > 0)
        found = _filtered(band, waves) * scale[..., None]
        rest = (length > 0) - np.square(found[..., 1:]).sum(axis=2)
        found[..., 0] = np.sqrt(rest.clip(0))
        summary[top : top + _BAND_ROWS] = found
    return summary


def _filtered(band: Plane, waves: Plane) -> Plane:
    """`[h, w, K * K]`: products of every patch of a band with all pairs of K waves `[K, 16]`."""
    down = np.lib.stride_tricks.sliding_window_view(band, _PATCH_PX, axis=0) @ waves.T
    both = np.lib.stride_tricks.sliding_window_view(down, _PATCH_PX, axis=1) @ waves.T
    return both.reshape(*both.shape[:2], -1)


def _correlations(own: Plane, others: Plane) -> Plane:
    """Of a patch `[D]` of mean 0 with patches `[K, D]`; 0 where one is flat."""
    centred = others - others.mean(axis=1, keepdims=True)
    lengths = np.linalg.norm(own) * np.linalg.norm(centred, axis=1)
    found = np.zeros(len(centred))
    np.divide((own * centred).sum(axis=1), lengths, out=found, where=lengths > 0)
    return found
