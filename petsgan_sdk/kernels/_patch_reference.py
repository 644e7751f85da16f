"""The constant side of patch transfer, checked and packed once."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from petsgan_sdk.errors import ConfigError, ShapeError
from petsgan_sdk.kernels import _backend
from petsgan_sdk.kernels._checks import check_array, check_finite

__all__ = ["PatchReference"]


class PatchReference:
    """Features and values of the training image, ready to be searched.

    Immutable, and safe to share between threads. Both arrays are copied.

    Args:
        features: `[C, h, w]` float32, finite; what patches are compared by.
        values: `[V, h, w]` float32, finite; what patches of the result are made of.
        window: Side of a patch in pixels, odd. Patches reach over the border, where features are 0.

    Raises:
        ShapeError: A rank or size is wrong, or the reference is empty.
        DTypeError: An array is not C-contiguous float32.
        ConfigError: `window` is even or below 1.
        InputError: A feature or value is NaN or infinite.
    """

    __slots__ = ("_packed", "features", "values", "window")

    features: NDArray[np.float32]
    values: NDArray[np.float32]
    window: int
    _packed: Any

    def __init__(
        self, features: NDArray[np.float32], values: NDArray[np.float32], *, window: int = 7
    ) -> None:
        """Check, copy and pack."""
        op = "PatchReference"
        if not isinstance(window, (int, np.integer)) or window < 1 or window % 2 == 0:
            message = f"{op}: window must be an odd integer of at least 1, got {window!r}"
            raise ConfigError(message)
        check_array(features, name=f"{op}: features", axes="C, h, w")
        check_array(values, name=f"{op}: values", axes="V, h, w")
        if 0 in features.shape or 0 in values.shape:
            message = (
                f"{op}: features and values must not be empty, "
                f"got shapes {features.shape} and {values.shape}"
            )
            raise ShapeError(message)
        if features.shape[1:] != values.shape[1:]:
            message = (
                f"{op}: values must have shape [V, {features.shape[1]}, {features.shape[2]}] "
                f"like features, got {values.shape}"
            )
            raise ShapeError(message)
        check_finite(features, name=f"{op}: features")
        check_finite(values, name=f"{op}: values")
        self._keep(_read_only_copy(features), _read_only_copy(values), int(window))

    def _keep(
        self, features: NDArray[np.float32], values: NDArray[np.float32], window: int
    ) -> None:
        set_once = super().__setattr__
        set_once("features", features)
        set_once("values", values)
        set_once("window", window)
        core = _backend.core()
        packed: Any = None if core is None else core.PatchReference(features, values, window=window)
        set_once("_packed", packed)

    def __setattr__(self, name: str, value: object) -> None:
        """Refuse: threads may be reading."""
        message = f"PatchReference is immutable, cannot set {name!r}"
        raise AttributeError(message)

    def __repr__(self) -> str:
        """Sizes only."""
        return (
            f"PatchReference(features={self.features.shape}, values={self.values.shape}, "
            f"window={self.window})"
        )


def _read_only_copy(array: NDArray[np.float32]) -> NDArray[np.float32]:
    copy = array.copy()
    copy.flags.writeable = False
    return copy
