"""What patch transfer and its gradient are given: the reference, packed once, and the checks."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from petsgan_sdk.errors import ConfigError, DTypeError, ShapeError
from petsgan_sdk.kernels import _backend
from petsgan_sdk.kernels._checks import (
    CpuArray,
    as_array,
    check_array,
    check_finite,
    check_result_size,
    check_threads,
)

__all__ = ["PatchOptions", "PatchReference", "check_options", "check_query"]

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
        copy: False keeps views of both arrays, which must then not change while this lives.

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
        self,
        features: CpuArray,
        values: CpuArray,
        *,
        window: int = 7,
        copy: bool = True,
    ) -> None:
        """Check, copy and pack."""
        op = "PatchReference"
        is_integer = isinstance(window, (int, np.integer)) and not isinstance(window, bool)
        if not is_integer or window < 1 or window % 2 == 0:
            message = f"{op}: window must be an odd integer of at least 1, got {window!r}"
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
        self._keep(_read_only(features, copy), _read_only(values, copy), int(window))

    def _keep(
        self, features: NDArray[np.float32], values: NDArray[np.float32], window: int
    ) -> None:
        set_once = super().__setattr__
        set_once("features", features)
        set_once("values", values)
        set_once("window", window)
        core = _backend.core()
        packed: Any = None
        if core is not None:
            packed = core.PatchReference(
                _with_images(features),
                _with_images(values),
                window=min(window, _MAX_WINDOW),
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
            f"window={self.window})"
        )


@dataclass(frozen=True, slots=True)
class PatchOptions:
    """Checked, as the compiled module takes them."""

    temperature: float
    normalize: bool
    threads: int


def check_query(
    query: object, reference: object, *, op: str
) -> tuple[NDArray[np.float32], PatchReference]:
    """Refuse features that do not fit the reference.

    Returns:
        The query as a numpy array, not copied, and the reference.

    Raises:
        ShapeError: Another rank or channel count, no pixels, or too many.
        DTypeError: No C-contiguous float32 array in CPU memory, or no `PatchReference`.
    """
    if not isinstance(reference, PatchReference):
        message = f"{op}: reference must be a PatchReference, got {type(reference).__name__}"
        raise DTypeError(message)
    name = f"{op}: query"
    found = check_array(query, name=name, axes="N, C, h, w")
    channels = reference.channels
    if found.shape[1] != channels or 0 in found.shape[2:]:
        message = f"{name} must have shape [N, {channels}, h >= 1, w >= 1], got {found.shape}"
        raise ShapeError(message)
    check_result_size((*found.shape, reference.values.shape[-3]), op=op)
    return found, reference


def check_options(
    temperature: object, normalize: object, threads: object, *, op: str
) -> PatchOptions:
    """Refuse what is out of range.

    Raises:
        ConfigError: The temperature is negative or not finite, `normalize` no bool, or there is no
            thread.
    """
    is_number = isinstance(temperature, (int, float, np.integer, np.floating))
    # As a Python number first: a float32 would take the limit into float32, where it overflows.
    plain = temperature.item() if isinstance(temperature, np.generic) else temperature
    if not (is_number and 0 <= plain <= sys.float_info.max):  # type: ignore[operator]
        message = f"{op}: temperature must be finite and >= 0, got {temperature!r}"
        raise ConfigError(message)
    if not isinstance(normalize, (bool, np.bool_)):
        message = f"{op}: normalize must be True or False, got {normalize!r}"
        raise ConfigError(message)
    return PatchOptions(
        temperature=float(plain),  # type: ignore[arg-type]
        normalize=bool(normalize),
        threads=check_threads(threads, op=op),
    )


def _with_images(array: NDArray[np.float32]) -> NDArray[np.float32]:
    return array if array.ndim == 4 else array[None]


def _read_only(array: NDArray[np.float32], copy: bool) -> NDArray[np.float32]:
    kept = array.copy() if copy else array.view()
    kept.flags.writeable = False
    return kept
