"""The constant side of patch transfer, checked and packed once."""

from __future__ import annotations

from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from petsgan_sdk.errors import ConfigError, ShapeError
from petsgan_sdk.kernels import _backend
from petsgan_sdk.kernels._checks import CpuArray, as_array, check_array, check_finite

__all__ = ["PatchReference"]

Precision = Literal["exact", "fast"]

_MAX_WINDOW = (1 << 31) - 1
"""Wider than any map with fewer than 2^31 pixels, and so the same as every wider one."""


class PatchReference:
    """Features and values of one or several images, ready to be searched.

    Immutable, and safe to share between threads.

    Args:
        features: `[C, h, w]`, or `[R, C, h, w]` for R images, float32, finite; what patches are
            compared by. No patch reaches from one image into another.
        values: `[V, h, w]` or `[R, V, h, w]` float32, finite; what patches of the result are made
            of.
        window: Side of a patch in pixels, odd. Patches reach over the border, where features are 0.
        precision: `"exact"` compares with float32's accuracy. `"fast"` lets the cpu backend
            multiply features rounded to about 14 bits with a scale for each pixel (16 bits on the
            matrix unit), where that is faster on this machine for so many channels. Without AVX2,
            and in the other backends, both compute exactly.
        copy: False keeps views of both arrays, which must then not change while this lives.

    Raises:
        ShapeError: A rank or size is wrong, or the reference is empty.
        DTypeError: An array is not C-contiguous float32.
        ConfigError: `window` is even or below 1, or `precision` has another name.
        InputError: A feature or value is NaN or infinite.

    Note:
        Of `"fast"` with a window of 7: the match differs from the exact one only where its cosine
        is lower than the best by less than 1e-5; at temperature 0.01 a weight is off by at most
        5e-4, and for the same matches a transferred value by 1e-4 of the range of the values. A
        smaller window averages less: errors grow up to 7 / window times. They shrink in proportion
        as the temperature rises. A patch of which one pixel outshines all others counts as a
        smaller window.
    """

    __slots__ = ("_packed", "features", "precision", "values", "window")

    features: NDArray[np.float32]
    values: NDArray[np.float32]
    window: int
    precision: Precision
    _packed: Any

    def __init__(
        self,
        features: CpuArray,
        values: CpuArray,
        *,
        window: int = 7,
        precision: Precision = "exact",
        copy: bool = True,
    ) -> None:
        """Check, copy and pack."""
        op = "PatchReference"
        is_integer = isinstance(window, (int, np.integer)) and not isinstance(window, bool)
        if not is_integer or window < 1 or window % 2 == 0:
            message = f"{op}: window must be an odd integer of at least 1, got {window!r}"
            raise ConfigError(message)
        if precision not in get_args(Precision):
            names = " or ".join(map(repr, get_args(Precision)))
            message = f"{op}: precision must be {names}, got {precision!r}"
            raise ConfigError(message)
        features = as_array(features, name=f"{op}: features")
        images = "R, " if features.ndim == 4 else ""
        features = check_array(features, name=f"{op}: features", axes=f"{images}C, h, w")
        values = check_array(values, name=f"{op}: values", axes=f"{images}V, h, w")
        if 0 in features.shape or 0 in values.shape:
            message = (
                f"{op}: features and values must not be empty, "
                f"got shapes {features.shape} and {values.shape}"
            )
            raise ShapeError(message)
        *count, _, height, width = features.shape
        if [*count, height, width] != [*values.shape[:-3], *values.shape[-2:]]:
            expected = ", ".join(map(str, [*count, "V", height, width]))
            message = f"{op}: values must have shape [{expected}] like features, got {values.shape}"
            raise ShapeError(message)
        check_finite(features, name=f"{op}: features")
        check_finite(values, name=f"{op}: values")
        self._keep(_read_only(features, copy), _read_only(values, copy), int(window), precision)

    def _keep(
        self,
        features: NDArray[np.float32],
        values: NDArray[np.float32],
        window: int,
        precision: Precision,
    ) -> None:
        set_once = super().__setattr__
        set_once("features", features)
        set_once("values", values)
        set_once("window", window)
        set_once("precision", precision)
        core = _backend.core()
        packed: Any = None
        if core is not None:
            packed = core.PatchReference(
                _with_images(features),
                _with_images(values),
                window=min(window, _MAX_WINDOW),
                precision=precision,
            )
        set_once("_packed", packed)

    @property
    def channels(self) -> int:
        """Feature channels C."""
        return int(self.features.shape[-3])

    def __setattr__(self, name: str, value: object) -> None:
        """Refuse: threads may be reading."""
        message = f"PatchReference is immutable, cannot set {name!r}"
        raise AttributeError(message)

    def __repr__(self) -> str:
        """Sizes only."""
        return (
            f"PatchReference(features={self.features.shape}, values={self.values.shape}, "
            f"window={self.window}, precision={self.precision!r})"
        )


def _with_images(array: NDArray[np.float32]) -> NDArray[np.float32]:
    return array if array.ndim == 4 else array[None]


def _read_only(array: NDArray[np.float32], copy: bool) -> NDArray[np.float32]:
    kept = array.copy() if copy else array.view()
    kept.flags.writeable = False
    return kept
