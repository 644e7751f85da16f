"""Fit a photo: features, alike places, how much position means, prices. numpy and our kernels."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from petsgan_sdk import kernels
from petsgan_sdk._arrays import FloatArray, ImageArray
from petsgan_sdk.errors import InputError
from petsgan_sdk.settings.synthesis import FitSettings, PlaceSettings, SynthesisSettings
from petsgan_sdk.synthesis.field import Draw, PlaceField
from petsgan_sdk.synthesis.frame import find_frame
from petsgan_sdk.synthesis.photo import (
    FEATURE_SCALE,
    MAX_PHOTO_PX,
    MIN_PHOTO_PX,
    UNIT,
    PhotoFit,
    PhotoLevels,
    level_count,
    pyramid,
)

__all__ = ["fit_photo"]

_SAMPLES = 4000
"""Windows of a level that its principal components are found from."""
_FLOOR = 0.02
"""Least deviation that features are scaled to: what a photo has beneath is noise of its bytes."""
_BANDS = 4
_BAND_CELL_PX = 8
_FIRST_SEED = 1000
"""Of the canvases that prices are found on."""
_LUMA = np.array([0.299, 0.587, 0.114], dtype=np.float32)

Plane = npt.NDArray[np.float64]


def fit_photo(
    photo: ImageArray,
    settings: SynthesisSettings,
    *,
    progress: Callable[[int, int], None] = lambda _done, _all: None,
) -> PhotoFit:
    """Learn of a photo what its places are drawn from, in about a second for 256 px.

    Args:
        photo: `[H, W, 3]` uint8, sides from 16 to 16384 px.
        settings: Of fitting and of drawing, since prices are found by drawing.
        progress: Called with the rounds of prices that are done, and with all.

    Raises:
        InputError: The photo is too small or too long.
    """
    height, width = photo.shape[:2]
    if min(height, width) < MIN_PHOTO_PX:
        msg = (
            f"photo: must have sides from {MIN_PHOTO_PX} px to be synthesised from, got "
            f"{width}x{height}; use a larger one"
        )
        raise InputError(msg)
    if max(height, width) > MAX_PHOTO_PX:
        msg = (
            f"photo: must have sides to {MAX_PHOTO_PX} px to be synthesised from, got "
            f"{width}x{height}; use a smaller one"
        )
        raise InputError(msg)
    fit = settings.fit
    frame = find_frame(photo)
    inside = frame.cut(photo)
    levels = level_count(inside.shape[0], inside.shape[1], fit.coarsest_px)
    images = pyramid(inside, levels)
    projections = [_projection(image) for image in images]
    basis, bias, shift = (np.stack([each[k] for each in projections]) for k in range(3))
    features = [
        kernels.place_features(image, *each[:2], shift=int(each[2]))
        for image, each in zip(images, projections, strict=True)
    ]
    tables: list[npt.NDArray[np.int16]] = []
    for level in reversed(features):
        rows, columns = level.shape[0] - 4, level.shape[1] - 4
        if tables and rows * columns > fit.alike_places:
            break
        tables.append(_alike(level, fit.alike))
    held = tuple(
        min(1.0, max(0.0, (share - fit.free) / fit.bound)) for share in _between_bands(inside)
    )
    found = PhotoFit(
        photo=photo,
        held=(held[0], held[1]),
        basis=basis,
        bias=bias,
        shift=shift.astype(np.int32),
        alike=tuple(tables),
        prices=(),
        frame=frame,
    )
    return _with_prices(found, fit, settings.places, progress)


def _windows(image: ImageArray) -> npt.NDArray[np.uint8]:
    """`[H, W, 3, 5, 5]`: the window around every pixel, the border going on."""
    padded = np.pad(image, ((2, 2), (2, 2), (0, 0)), mode="edge")
    return np.lib.stride_tricks.sliding_window_view(padded, (5, 5), axis=(0, 1))


def _projection(image: ImageArray) -> tuple[npt.NDArray[np.int16], npt.NDArray[np.int32], int]:
    """Principal components of windows under a Gaussian, as whole numbers: basis, bias, shift.

    Features of appearance space (Lefebvre and Hoppe, SIGGRAPH 2006). Their total variance is
    `FEATURE_SCALE` squared.
    """
    height, width = image.shape[:2]
    count = height * width
    every = max(1, count // _SAMPLES)
    picked = np.arange(0, count, every)
    if every > 1:  # in no step with rows or lattices
        picked = np.random.default_rng(0).choice(count, _SAMPLES, replace=False)
    samples = _windows(image)[picked // width, picked % width].reshape(len(picked), 75)
    at = np.arange(5) - 2
    line = np.exp(-(at**2) / (2 * (5 / 3) ** 2))
    window = np.outer(line, line)
    weight = np.tile(np.sqrt(window / window.sum()).ravel(), 3)
    centred = (samples - samples.mean(axis=0)) * weight
    _, vectors = np.linalg.eigh(centred.T @ centred / len(centred))
    components = vectors[:, ::-1][:, :8]
    # eigh leaves signs open, and libraries differ; any will do, since only distances count.
    largest = np.abs(components).argmax(axis=0)
    components = components * np.sign(components[largest, np.arange(components.shape[1])])
    spread = np.sqrt((centred @ components).var(axis=0).sum())
    scale = FEATURE_SCALE / max(spread, _FLOOR * 127.5)
    rows = (components * weight[:, None]).T * scale  # [8, 75], of channel, dy, dx
    middle = rows @ samples.mean(axis=0)
    shift = 16
    while np.abs(rows).max() * 2**shift > 32767 or np.abs(middle).max() * 2**shift > 1 << 28:
        shift -= 1
    basis = np.rint(rows * 2**shift).astype(np.int16).reshape(8, 3, 5, 5)
    bias = ((1 << shift) // 2 - np.rint(middle * 2**shift)).astype(np.int32)
    return np.ascontiguousarray(basis.transpose(0, 2, 3, 1)), bias, shift


def _alike(features: npt.NDArray[np.int8], count: int) -> npt.NDArray[np.int16]:
    """The places most alike to each by 3x3 features `[h, w, count, 2]`, none beside another."""
    inner = features[1:-1, 1:-1].astype(np.float32)
    windows = np.lib.stride_tricks.sliding_window_view(inner, (3, 3), axis=(0, 1))
    height, width = windows.shape[:2]
    places = height * width
    flat = np.ascontiguousarray(windows).reshape(places, -1)
    lengths = (flat * flat).sum(axis=1)
    found = np.full((places, count, 2), -1, dtype=np.int16)
    grid = np.stack(np.divmod(np.arange(places), width), axis=1)
    for first in range(0, places, 512):
        part = np.arange(first, min(places, first + 512))
        distance = lengths[part, None] + lengths - 2 * flat[part] @ flat.T
        last = grid[part]
        for k in range(count):
            _close_around(distance.reshape(len(part), height, width), last)
            nearest = distance.argmin(axis=1)
            there = np.isfinite(distance[np.arange(len(part)), nearest])
            last = grid[nearest]
            found[part, k] = np.where(there[:, None], last, -1)
    return found.reshape(height, width, count, 2)


def _close_around(distance: FloatArray, at: npt.NDArray[np.int64]) -> None:
    """Put the places beside one, and itself, out of reach."""
    each = np.arange(len(distance))
    for dy in (-1, 0, 1):
        for dx in (-1, 0, 1):
            y = (at[:, 0] + dy).clip(0, distance.shape[1] - 1)
            x = (at[:, 1] + dx).clip(0, distance.shape[2] - 1)
            distance[each, y, x] = np.inf


def _between_bands(photo: ImageArray) -> tuple[float, float]:
    """Share of the variance, of colours and of steps, that lies between bands in y and in x."""
    signed = photo.astype(np.float32) / 127.5 - 1
    luma = signed @ _LUMA
    across = np.sqrt(np.abs(np.diff(luma, axis=1))[:-1])
    down = np.sqrt(np.abs(np.diff(luma, axis=0))[:, :-1])
    seen = np.concatenate([signed[:-1, :-1], across[..., None], down[..., None]], axis=-1)
    largest = _BAND_CELL_PX * max(1, max(photo.shape) // 256)
    cell = max(1, min(largest, min(seen.shape[:2]) // _BANDS))
    rows, columns = seen.shape[0] // cell, seen.shape[1] // cell
    cells = seen[: rows * cell, : columns * cell].reshape(rows, cell, columns, cell, 5)
    means = cells.mean(axis=(1, 3))
    total = float(means.var(axis=(0, 1)).sum())
    if total < 1e-6:
        return 0.0, 0.0
    shares = []
    for axis in (0, 1):
        bands = [part.mean(axis=(0, 1)) for part in np.array_split(means, _BANDS, axis=axis)]
        shares.append(float(np.stack(bands).var(axis=0, ddof=1).sum()) / total)
    return shares[0], shares[1]


def _with_prices(
    fit: PhotoFit,
    settings: FitSettings,
    places: PlaceSettings,
    progress: Callable[[int, int], None],
) -> PhotoFit:
    """Make dearer what is used too often, round by round, so that every part of the photo recurs.

    Prices are the dual variables of an optimal transport from the canvas to the photo (semi-
    discrete: Galerne, Leclaire and Rabin, "A texture synthesis model based on semi-discrete optimal
    transport in patch space", 2018), so that drawing stays local while the whole comes out in
    proportion. The canvas has the photo's extent along an axis where position binds, and twice it
    where it is free.
    """
    levels = PhotoLevels(fit)
    count = min(settings.price_levels, levels.count)
    size = [round((2 - held) * side) for held, side in zip(fit.held, levels.sizes[0], strict=True)]
    prices = [np.zeros(levels.sizes[-1 - order]) for order in range(count)]
    for number in range(settings.price_rounds if count else 0):
        field = PlaceField(
            levels.with_prices(_whole(prices)),
            replace(places, attempts=1),
            height=size[0],
            width=size[1],
            draw=_drawing(_FIRST_SEED + number),
            framed=False,
        )
        for order, price in enumerate(prices):
            share = _shares_of_use(field.level(levels.count - 1 - order), price.shape)
            step = settings.price_step * settings.price_decay**number
            moved = price + step * np.log(share + 0.1).clip(-1.5, 1.5)
            prices[order] = (moved - moved.mean()).clip(-settings.price_limit, settings.price_limit)
        progress(number + 1, settings.price_rounds)
    return replace(fit, prices=_whole(prices))


def _whole(prices: list[Plane]) -> tuple[npt.NDArray[np.int32], ...]:
    return tuple(np.rint(price * UNIT).astype(np.int32) for price in prices)


def _drawing(seed: int) -> Draw:
    def draw(stage: int, _size: tuple[int, int], area: tuple[int, int, int, int]) -> FloatArray:
        top, left, height, width = area
        shape = (1, 2, height, width)
        drawn = kernels.normal_noise(shape, seed=seed, stage=stage, top=top, left=left)
        return np.asarray(drawn[0])

    return draw


def _shares_of_use(places: npt.NDArray[np.int16], size: tuple[int, ...]) -> Plane:
    """How often each place was drawn, smoothed over 3x3; 1 on average."""
    flat = places[..., 0].astype(np.int64) * size[1] + places[..., 1]
    use = np.bincount(flat.ravel(), minlength=size[0] * size[1]).reshape(size)
    return _boxed(use / use.mean())


def _boxed(plane: Plane) -> Plane:
    """Means over 3x3, of what there is at the border."""
    sums, counts = np.pad(plane, 1), np.pad(np.ones_like(plane), 1)
    total, number = (
        sum(
            padded[y : y + plane.shape[0], x : x + plane.shape[1]]
            for y in range(3)
            for x in range(3)
        )
        for padded in (sums, counts)
    )
    return np.asarray(total / number)
