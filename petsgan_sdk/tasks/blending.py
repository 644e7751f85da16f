"""Set what a model made into an image without a seam: a screened Poisson equation.

The result has the gradients that it is told, as far as its colours may drift for that:

    minimise  |grad u - v|^2 + |u - anchor|^2 / reach^2

With `v` the input's gradients inside a pasted part and the model's across its border, the part
keeps its structure, takes the model's colours, and its outline is gone.
"""

from __future__ import annotations

import numpy as np

from petsgan_sdk._arrays import FloatArray
from petsgan_sdk.tasks.planes import softened

__all__ = ["blended", "healed", "solve_screened"]

_REACH_PX = 12
"""Colours follow the anchor in anything larger than this: one and a half cells of PetsGAN."""
_RIM_PX = 2
"""How far around the border of a pasted part gradients become the model's: twice this."""


def blended(
    seen: FloatArray,
    made: FloatArray,
    pasted: FloatArray,
    share: FloatArray,
    *,
    colours: float,
    detail: float,
) -> FloatArray:
    """Blend what a model made into the composite that it was given.

    Args:
        seen: The composite `[h, w, 3]`, levels.
        made: What the model made of it.
        pasted: `[h, w]`, 1 on what was pasted, 0 elsewhere.
        share: `[h, w]`, how much of a pixel may change, 0..1; 1 on what was pasted.
        colours: 0..1, how far colours follow `made`.
        detail: 0..1, how far the detail of what was pasted follows `made`; that of its rim does as
            `colours`.

    Returns:
        `[h, w, 3]` levels, which may leave 0..255; near `seen` where `share` is 0.
    """
    core = np.clip(2 * softened(pasted, _RIM_PX) - 1, 0, 1)
    weight = (share * (core * detail + (1 - core) * colours)).astype(np.float32)
    change = np.ascontiguousarray((made - seen).transpose(2, 0, 1))
    right = (weight[:, 1:] + weight[:, :-1]) / 2 * np.diff(change, axis=2)
    down = (weight[1:] + weight[:-1]) / 2 * np.diff(change, axis=1)
    # For u - seen: the gradients that are added, and the anchor's distance from the input.
    moved = solve_screened(right, down, np.float32(colours) * share * change, reach=_REACH_PX)
    return seen + moved.transpose(1, 2, 0)


def healed(seen: FloatArray, pasted: FloatArray) -> FloatArray:
    """Take most of the outline of what was pasted away; all of it would leave a smooth ring.

    Args:
        seen: The composite `[h, w, 3]`, levels.
        pasted: `[h, w]`, 1 on what was pasted, 0 elsewhere.

    Returns:
        `[h, w, 3]` levels; far from the outline, as `seen`.
    """
    rim = (1 - np.abs(2 * softened(pasted, 1) - 1)).astype(np.float32)
    planes = np.ascontiguousarray(seen.transpose(2, 0, 1))
    right = -np.maximum(rim[:, 1:], rim[:, :-1]) * np.diff(planes, axis=2)
    down = -np.maximum(rim[1:], rim[:-1]) * np.diff(planes, axis=1)
    moved = solve_screened(right, down, np.zeros_like(planes), reach=_REACH_PX)
    return seen + moved.transpose(1, 2, 0)


def solve_screened(
    right: FloatArray, down: FloatArray, anchor: FloatArray, *, reach: float
) -> FloatArray:
    """Minimise `|grad u - v|^2 + |u - anchor|^2 / reach^2` exactly; nothing flows over the border.

    In the basis of cosines, in which the Laplacian is diagonal, the equation is a division.

    Args:
        right: v along x, `[C, h, w - 1]`: the difference of pixels x + 1 and x.
        down: v along y, `[C, h - 1, w]`.
        anchor: `[C, h, w]`.
        reach: In pixels.

    Returns:
        u, `[C, h, w]`.
    """
    pull = reach**-2
    rhs = np.float32(pull) * anchor
    rhs[:, :, :-1] -= right
    rhs[:, :, 1:] += right
    rhs[:, :-1] -= down
    rhs[:, 1:] += down
    rows, row_values = _cosines(anchor.shape[1])
    columns, column_values = _cosines(anchor.shape[2])
    spectrum = rows @ rhs @ columns.T
    spectrum /= np.float32(pull) + row_values[:, None] + column_values
    solved = rows.T @ spectrum @ columns
    return solved.astype(np.float32, copy=False)


def _cosines(size: int) -> tuple[FloatArray, FloatArray]:
    """The orthonormal cosine basis `[frequency, place]`, and the Laplacian's values in it."""
    angles = np.pi / size * np.arange(size)
    basis = np.cos(angles[:, None] * (np.arange(size) + 0.5)) * np.sqrt(2 / size)
    basis[0] /= np.sqrt(2)
    values = 2 - 2 * np.cos(angles)
    return basis.astype(np.float32), values.astype(np.float32)
