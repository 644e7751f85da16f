"""What patch transfer and its gradient refuse alike."""

from __future__ import annotations

import sys
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from petsgan_sdk.errors import ConfigError, DTypeError, ShapeError
from petsgan_sdk.kernels._checks import check_array, check_result_size, check_threads
from petsgan_sdk.kernels._patch_reference import PatchReference

__all__ = ["PatchOptions", "check_options", "check_query"]


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
