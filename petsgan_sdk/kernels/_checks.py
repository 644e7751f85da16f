"""The checks that every kernel makes of its arguments, whichever backend runs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from petsgan_sdk.errors import ConfigError, DTypeError, InputError, ShapeError

__all__ = [
    "CpuArray",
    "as_array",
    "check_array",
    "check_finite",
    "check_result_size",
    "check_threads",
]

_MAX_THREADS = 256  # more would only cost memory
_MAX_NUMBERS = 1 << 44  # in float64, the address space of an x86-64 process

# Of the DLPack standard. Numpy reads the memory of those that the processor can address.
_DEVICES = {1: "cpu", 2: "cuda", 3: "cuda_host", 8: "metal", 10: "rocm", 11: "rocm_host"}
_DEVICES |= {13: "cuda_managed", 14: "oneapi"}
_READABLE = ("cpu", "cuda_host", "rocm_host", "cuda_managed")


class _Dlpack(Protocol):
    """An array of any library, such as a torch tensor."""

    def __dlpack__(self, *, stream: Any = ...) -> Any: ...

    def __dlpack_device__(self) -> tuple[Any, Any]: ...


class _Interface(Protocol):
    """What numpy reads without a copy, such as an image of Pillow."""

    @property
    def __array_interface__(self) -> dict[str, Any]: ...


CpuArray = NDArray[Any] | _Dlpack | _Interface
"""What a kernel accepts: a numpy array, or another library's array in CPU memory."""


def as_array(array: object, *, name: str) -> NDArray[Any]:
    """View an array of any library as a numpy array, without a copy.

    Args:
        array: A numpy array, or an object with `__dlpack__` or `__array_interface__`.
        name: `op: argument`, the start of the message.

    Raises:
        DTypeError: No array, on another device, or its library does not hand it over.
    """
    if isinstance(array, np.ndarray):
        return array
    try:
        if hasattr(array, "__dlpack_device__"):
            return _from_dlpack(array, name)
        if hasattr(array, "__array_interface__"):
            return np.asarray(array)
    except (AttributeError, BufferError, RuntimeError, TypeError, ValueError) as exc:
        if isinstance(exc, DTypeError):
            raise
        message = f"{name} must be readable without a copy, but {type(array).__name__} says: {exc}"
        raise DTypeError(message) from exc
    if hasattr(array, "__cuda_array_interface__"):
        raise _elsewhere(name, "cuda")
    message = (
        f"{name} must be a numpy array, got {type(array).__name__}; "
        "hint: any array in CPU memory with __dlpack__ or __array_interface__ will do"
    )
    raise DTypeError(message)


def _from_dlpack(array: Any, name: str) -> NDArray[Any]:
    kind, number = array.__dlpack_device__()
    device = _DEVICES.get(int(kind), f"device type {int(kind)}")
    if device not in _READABLE:
        raise _elsewhere(name, f"{device}:{int(number)}")
    if getattr(array, "requires_grad", False):
        message = (
            f"{name} must not require a gradient, got a tensor that does; hint: tensor.detach(), "
            "or the operator of petsgan_sdk.models, which has a gradient"
        )
        raise DTypeError(message)
    result: NDArray[Any] = np.from_dlpack(array)
    return result


def _elsewhere(name: str, device: str) -> DTypeError:
    message = f"{name} must be in CPU memory, got an array on {device}; hint: array.cpu()"
    return DTypeError(message)


def check_array(
    array: object, *, name: str, axes: str, dtype: type[Any] = np.float32
) -> NDArray[Any]:
    """Refuse what is not a C-contiguous CPU array of this dtype and rank.

    Args:
        array: What the caller passed.
        name: `op: argument`, the start of the message.
        axes: Axis names joined by ", "; their number is the rank.
        dtype: Expected dtype. Nothing is ever cast or copied in silence.

    Returns:
        The same memory as a numpy array.

    Raises:
        DTypeError: Not a CPU array, another dtype, or not C-contiguous.
        ShapeError: Another rank.
    """
    found = as_array(array, name=name)
    expected = np.dtype(dtype).name
    if found.dtype != np.dtype(dtype):
        message = f"{name} must be {expected}, got {found.dtype}; hint: array.astype({expected!r})"
        raise DTypeError(message)
    if found.ndim != axes.count(",") + 1:
        message = f"{name} must have shape [{axes}], got {found.shape}"
        raise ShapeError(message)
    if not found.flags.c_contiguous:
        message = (
            f"{name} must be C-contiguous, got strides {found.strides} of shape {found.shape}; "
            "hint: numpy.ascontiguousarray"
        )
        raise DTypeError(message)
    return found


def check_finite(array: NDArray[Any], *, name: str) -> None:
    """Refuse NaN and infinity, naming the first index.

    Raises:
        InputError: A value is not finite.
    """
    finite = np.isfinite(array)
    if not finite.all():
        index = [int(i) for i in np.argwhere(~finite)[0]]
        message = f"{name} must be finite, got {array[tuple(index)]} at index {index}"
        raise InputError(message)


def check_result_size(shape: Sequence[int], *, op: str) -> None:
    """Refuse sizes that no memory could hold, before a product of them overflows.

    Sizes beside a 0 count too, as they do for numpy.

    Raises:
        ShapeError: The product is too large.
    """
    count = math.prod(max(1, size) for size in shape)
    if count > _MAX_NUMBERS:
        message = f"{op}: sizes must multiply to at most {_MAX_NUMBERS}, got {count} from {shape}"
        raise ShapeError(message)


def check_threads(threads: object, *, op: str) -> int:
    """Refuse what is not a number of threads; return one that is useful.

    Raises:
        ConfigError: Not an integer of at least 1.
    """
    if isinstance(threads, bool) or not isinstance(threads, (int, np.integer)) or threads < 1:
        message = f"{op}: threads must be an integer of at least 1, got {threads!r}"
        raise ConfigError(message)
    return min(int(threads), _MAX_THREADS)
