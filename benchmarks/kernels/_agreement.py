"""Whether forms find the same matches, before they are timed.

Two forms may differ where two reference patches are equally similar: sums in another order choose
the other one. So where they differ, the cosines of both choices are computed in float64, and must
be within `TIE`. That alone would accept two forms that are wrong together, so some pixels are
searched in float64 as well.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kernels._cases import WINDOW, Arrays, Result
from petsgan_sdk._arrays import BoolArray, FloatArray
from shared.harness import BenchmarkError

__all__ = ["TIE", "check_agreement"]

TIE = 1e-5
"""Cosines that are closer may be taken in either order."""
_OUTPUT_TOLERANCE = 1e-3
"""Of weights and values. Cosines in float32 are wrong by up to 1e-6, which the temperature
multiplies by a hundred."""
_NUM_SEARCHED = 16
_CHUNK = 256
_RADIUS = WINDOW // 2
_MIN_NORM = 1e-12

_Doubles = NDArray[np.float64]


def check_agreement(arrays: Arrays, results: Mapping[str, Result]) -> dict[str, Any]:
    """Compare every form with float64 on some pixels, and with the first form on all.

    Args:
        arrays: Arguments that all forms were given.
        results: By name of the form.

    Returns:
        `differing`, by form the number of pixels with another match than the first form's, and
        `widest_tie`, the largest difference of two such cosines.

    Raises:
        BenchmarkError: A form is wrong; exit code 4.
    """
    (first_name, first), *others = results.items()
    pixels = _some_pixels(first.index.size)
    cosines = _search(arrays, pixels)
    for name, result in results.items():
        _check_searched(name, result, pixels, cosines)
    differing, widest = {}, 0.0
    for name, result in others:
        at = np.flatnonzero(result.index.ravel() != first.index.ravel())
        gaps = np.abs(_cosines(arrays, at, first.index) - _cosines(arrays, at, result.index))
        gap = float(gaps.max(initial=0.0))
        if not gap < TIE:
            pixel = at[int(gaps.argmax())]
            msg = (
                f"{name} and {first_name} must choose cosines within {TIE:g}, got {gap:.3g} "
                f"apart at pixel {pixel}; nothing was timed"
            )
            raise BenchmarkError(msg, exit_code=4)
        _check_outputs(name, result, first_name, first)
        differing[name], widest = len(at), max(widest, gap)
    return {"differing": differing, "widest_tie": widest}


def _some_pixels(count: int) -> NDArray[np.int64]:
    """The corners of the range, and others at random."""
    inner = np.random.default_rng(0).integers(0, count, _NUM_SEARCHED - 2)
    return np.unique([0, count - 1, *inner])


def _check_searched(
    name: str, result: Result, pixels: NDArray[np.int64], cosines: _Doubles
) -> None:
    chosen = cosines[np.arange(len(pixels)), result.index.ravel()[pixels]]
    short = cosines.max(axis=1) - chosen
    if not short.max() < TIE:
        worst = int(short.argmax())
        msg = (
            f"{name} must choose the best match within {TIE:g} of cosine, got {short[worst]:.3g} "
            f"less than float64 finds at pixel {pixels[worst]}; nothing was timed"
        )
        raise BenchmarkError(msg, exit_code=4)


def _check_outputs(name: str, result: Result, first_name: str, first: Result) -> None:
    """Compare weights, and values where all patches that cover a pixel are the same."""
    if result.weight is None or first.weight is None:
        return
    same = result.index == first.index
    for what, left, right, where in (
        ("weights", result.weight, first.weight, same),
        ("values", result.values, first.values, _all_around(same)),
    ):
        error = float(np.where(where, np.abs(left - right), 0).max())
        if not error <= _OUTPUT_TOLERANCE:
            msg = (
                f"{name} and {first_name} must have {what} within {_OUTPUT_TOLERANCE:g}, "
                f"got {error:.3g} apart; nothing was timed"
            )
            raise BenchmarkError(msg, exit_code=4)


def _all_around(same: BoolArray) -> BoolArray:
    """Whether a map is true all over the window around each pixel."""
    padded = np.pad(same, _RADIUS, constant_values=True)
    windows = np.lib.stride_tricks.sliding_window_view(padded, (WINDOW, WINDOW))
    everywhere: BoolArray = np.all(windows, axis=(2, 3))
    return everywhere


def _search(arrays: Arrays, pixels: NDArray[np.int64]) -> _Doubles:
    """Cosines of some query patches with all reference patches, `[pixel, H W]`, in float64."""
    patches = _patches(arrays.query, pixels)
    _, height, width = arrays.features.shape
    padded = _padded(arrays.features)
    # A shift of the padded map is a shift of its pixels in a row, so no slice is copied.
    row = padded.shape[2]
    span = (height - 1) * row + width
    flat = padded.reshape(len(padded), -1)
    energy = (flat**2).sum(axis=0)
    dots, square = np.zeros((len(pixels), span)), np.zeros(span)
    for dy, dx in np.ndindex(WINDOW, WINDOW):
        shift = slice(dy * row + dx, dy * row + dx + span)
        dots += patches[:, :, dy, dx] @ flat[:, shift]
        square += energy[shift]
    norms = np.linalg.norm(patches.reshape(len(pixels), -1), axis=1)[:, None] * np.sqrt(square)
    cosines = np.zeros((len(pixels), height * row))
    cosines[:, :span] = dots / np.maximum(norms, _MIN_NORM)
    return cosines.reshape(len(pixels), height, row)[:, :, :width].reshape(len(pixels), -1)


def _cosines(arrays: Arrays, at: NDArray[np.int64], index: NDArray[Any]) -> _Doubles:
    """Cosines of some query patches with their own matches, in float64."""
    result = np.zeros(len(at))
    for start in range(0, len(at), _CHUNK):
        pixels = at[start : start + _CHUNK]
        query = _patches(arrays.query, pixels).reshape(len(pixels), -1)
        match = _patches(arrays.features, index.ravel()[pixels]).reshape(len(pixels), -1)
        norms = np.linalg.norm(query, axis=1) * np.linalg.norm(match, axis=1)
        dots = np.einsum("nk,nk->n", query, match)
        result[start : start + _CHUNK] = dots / np.maximum(norms, _MIN_NORM)
    return result


def _patches(features: FloatArray, pixels: NDArray[Any]) -> _Doubles:
    """Patches around pixels of `[C, h, w]`, `[pixel, C, window, window]`."""
    windows = np.lib.stride_tricks.sliding_window_view(
        _padded(features), (WINDOW, WINDOW), axis=(1, 2)
    )
    y, x = np.divmod(pixels, features.shape[2])
    return np.moveaxis(windows[:, y, x], 0, 1)


def _padded(features: FloatArray) -> _Doubles:
    sides = (_RADIUS, _RADIUS)
    return np.pad(features.astype(np.float64), ((0, 0), sides, sides))
