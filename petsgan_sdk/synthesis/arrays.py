"""A fitted photo as arrays by name, and back: what checkpoints and bundles keep."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import astuple

import numpy as np

from petsgan_sdk._arrays import Array, ImageArray
from petsgan_sdk.errors import CheckpointError, PetsganError
from petsgan_sdk.synthesis.frame import Frame
from petsgan_sdk.synthesis.photo import PhotoFit

__all__ = ["fit_from_arrays", "fit_in", "fit_to_arrays", "fit_within"]

_ALIKE, _PRICES = "alike", "prices"
_PREFIX = "synthesis/"
"""Of a fit among other arrays of a checkpoint."""


def fit_to_arrays(fit: PhotoFit) -> dict[str, Array]:
    """All of a fit but the photo itself."""
    return {
        "held": np.array(fit.held),
        "frame": np.array(astuple(fit.frame), dtype=np.int32),
        "basis": fit.basis,
        "bias": fit.bias,
        "shift": fit.shift,
        "tables": np.array((len(fit.alike), len(fit.prices)), dtype=np.int32),
        **{f"{_ALIKE}_{k}": table for k, table in enumerate(fit.alike)},
        **{f"{_PRICES}_{k}": table for k, table in enumerate(fit.prices)},
    }


def fit_from_arrays(
    photo: ImageArray,
    arrays: Mapping[str, Array],
    *,
    error: type[PetsganError] = CheckpointError,
) -> PhotoFit:
    """The inverse of `fit_to_arrays`.

    Args:
        photo: `[H, W, 3]` uint8.
        arrays: As `fit_to_arrays` returned them.
        error: What to raise.

    Raises:
        PetsganError: `error`, an array is missing, of another dtype or rank.
    """

    def take(name: str, dtype: str, *shape: int | None) -> Array:
        found = arrays.get(name)
        fits = found is not None and found.dtype == dtype and found.ndim == len(shape)
        if fits and found is not None:
            fits = all(
                want is None or want == side for want, side in zip(shape, found.shape, strict=True)
            )
        if not fits or found is None:
            wanted = ", ".join("any" if side is None else str(side) for side in shape)
            what = "none" if found is None else f"{found.dtype} {found.shape}"
            msg = f"{name!r} must be {dtype} [{wanted}], got {what}; train the model again"
            raise error(msg)
        return found

    basis = take("basis", "int16", None, 8, 5, 5, 3)
    levels = len(basis)
    held = take("held", "float64", 2)
    frame = take("frame", "int32", 4)
    found = Frame(*frame.tolist())
    size = (photo.shape[0], photo.shape[1])
    if frame.min() < 0 or (found != Frame() and found.inside(*size) == size):
        msg = f"'frame' must leave most of the photo, got {frame.tolist()}; train the model again"
        raise error(msg)
    alike, prices = take("tables", "int32", 2).tolist()
    if not (1 <= alike <= levels and 0 <= prices <= levels):
        msg = (
            f"'tables' must be 1 to {levels} of alike places and 0 to {levels} of prices, got "
            f"{alike} and {prices}; train the model again"
        )
        raise error(msg)
    return PhotoFit(
        photo=photo,
        held=(float(held[0]), float(held[1])),
        basis=basis,
        bias=take("bias", "int32", levels, 8),
        shift=take("shift", "int32", levels),
        alike=tuple(take(f"{_ALIKE}_{n}", "int16", None, None, None, 2) for n in range(alike)),
        prices=tuple(take(f"{_PRICES}_{n}", "int32", None, None) for n in range(prices)),
        frame=found,
    )


def fit_within(fit: PhotoFit) -> dict[str, Array]:
    """As `fit_to_arrays`, by names that stand beside those of networks in a checkpoint."""
    return {f"{_PREFIX}{name}": array for name, array in fit_to_arrays(fit).items()}


def fit_in(photo: ImageArray, arrays: Mapping[str, Array]) -> PhotoFit | None:
    """The inverse of `fit_within`; None for a checkpoint of before there were fits in them.

    Raises:
        CheckpointError: As `fit_from_arrays`.
    """
    own = {n.removeprefix(_PREFIX): a for n, a in arrays.items() if n.startswith(_PREFIX)}
    return fit_from_arrays(photo, own) if own else None
