"""CUDA arrays of any library in and out, without a copy: DLPack and `__cuda_array_interface__`.

Never imports torch, nor any other library that owns such arrays.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from petsgan_sdk.errors import DTypeError, InputError, ShapeError
from petsgan_sdk.kernels._cuda_module import module

__all__ = [
    "DeviceArray",
    "DeviceView",
    "check_output",
    "device_input",
    "device_view",
    "refuse_numpy",
]

_DLPACK_CUDA = (2, 13)  # device memory, managed memory
_DLPACK_TYPES = {
    (2, 32): "float32",
    (2, 16): "float16",
    (4, 16): "bfloat16",
    (0, 32): "int32",
    (0, 16): "int16",
    (0, 8): "int8",
    (1, 8): "uint8",
}
_DLPACK_CODES = {dtype: code for code, dtype in _DLPACK_TYPES.items()}
_TYPE_STRINGS = {np.dtype(dtype).str: dtype for dtype in _DLPACK_CODES if dtype != "bfloat16"}
_HINT = "hint: torch.from_numpy(array).cuda()"


@dataclass(frozen=True, slots=True)
class DeviceView:
    """A C-contiguous array on a CUDA device that somebody else owns."""

    address: int
    """Of the first element."""
    device: int
    """Number of the device."""
    shape: tuple[int, ...]
    """Sizes."""
    dtype: str
    """As numpy writes it, or "bfloat16"."""
    owner: object
    """Keeps the memory alive."""


class DeviceArray:
    """An array on a CUDA device, for any library that reads DLPack or `__cuda_array_interface__`.

    C-contiguous. Its memory is released when this object and all that was made from it are gone,
    which waits for the device. The two protocols make their reader's stream wait for `stream`.

    Args:
        shape: Sizes.
        dtype: "float32", "int32", "int16" or "int8".
        device: Number of the CUDA device.
        stream: Handle of the stream on which the contents are written; 0 is the default one.
    """

    __slots__ = ("_memory", "device", "dtype", "shape", "stream")

    def __init__(self, shape: tuple[int, ...], dtype: str, *, device: int, stream: int) -> None:
        """Allocate; the contents are undefined."""
        self.shape = shape
        self.dtype = dtype
        self.device = device
        self.stream = stream
        size = int(np.prod(shape, dtype=np.int64)) * np.dtype(dtype).itemsize
        self._memory = module().DeviceMemory(size, device)

    @property
    def __cuda_array_interface__(self) -> dict[str, Any]:
        """Version 3 of the protocol; the stream 0 is written 1 there."""
        return {
            "shape": self.shape,
            "typestr": np.dtype(self.dtype).str,
            "data": (self._memory.address, False),
            "version": 3,
            "strides": None,
            "stream": self.stream or 1,
        }

    def __dlpack_device__(self) -> tuple[int, int]:
        """Device type (2: CUDA) and number."""
        return (2, self.device)

    def __dlpack__(self, *, stream: int | None = None, **others: object) -> object:
        """A capsule for `stream`: None and 1 are the default stream, -1 asks for no waiting.

        Raises:
            BufferError: Another device or a copy was asked for.
        """
        if others.get("copy") or others.get("dl_device") not in (None, self.__dlpack_device__()):
            message = "a DeviceArray can only be lent as it is, on its own device"
            raise BufferError(message)
        if stream != -1:
            _order(self.stream, 0 if stream is None else stream, self.device)
        return self._memory.lend(list(self.shape), *_DLPACK_CODES[self.dtype])

    def __repr__(self) -> str:
        """Sizes only."""
        return f"DeviceArray(shape={self.shape}, dtype={self.dtype}, device={self.device})"


def refuse_numpy(arrays: dict[str, object]) -> None:
    """Refuse numpy arrays, by name, with the same message where CUDA is missing.

    Raises:
        DTypeError: See `device_view`.
    """
    for name, array in arrays.items():
        if type(array).__module__ == "numpy":
            device_view(array, name=name, stream=0)


def check_output(
    output: DeviceView, shape: tuple[int, ...], dtype: str, *, device: int, name: str
) -> None:
    """Refuse an array that a result does not fit.

    Args:
        output: Where the caller wants the result.
        shape: Of the result.
        dtype: Of the result.
        device: Of the result.
        name: `op: argument`, the start of the message.

    Raises:
        ShapeError: Another shape.
        DTypeError: Another dtype or device.
    """
    if (output.shape, output.dtype, output.device) == (shape, dtype, device):
        return
    message = (
        f"{name} must be {dtype} of shape {shape} on device {device}, "
        f"got {output.dtype} of shape {output.shape} on device {output.device}"
    )
    raise ShapeError(message) if output.shape != shape else DTypeError(message)


def device_input(
    array: Any, *, name: str, axes: str, dtype: str, stream: int, device: int | None = None
) -> DeviceView:
    """See a CUDA array of this dtype and rank, as `device_view`.

    Args:
        array: With `__dlpack__` or `__cuda_array_interface__`.
        name: `op: argument`, the start of the message.
        axes: Axis names joined by ", "; their number is the rank.
        dtype: Expected dtype.
        stream: Handle of the stream that will read.
        device: Where it must lie; None for any device.

    Raises:
        DTypeError: As `device_view`, or another dtype or device.
        ShapeError: Another rank.
    """
    view = device_view(array, name=name, stream=stream)
    if view.dtype != dtype:
        message = f"{name} must be {dtype}, got {view.dtype}"
        raise DTypeError(message)
    if len(view.shape) != axes.count(",") + 1:
        message = f"{name} must have shape [{axes}], got {view.shape}"
        raise ShapeError(message)
    if device is not None and view.device != device:
        message = f"{name} must be on device {device} like the others, got device {view.device}"
        raise DTypeError(message)
    return view


def device_view(array: Any, *, name: str, stream: int) -> DeviceView:
    """See a CUDA array of any library; `stream` waits for what its owner still writes.

    Args:
        array: With `__dlpack__` or `__cuda_array_interface__`.
        name: `op: argument`, the start of the message.
        stream: Handle of the stream that will read.

    Raises:
        DTypeError: Not an array on a CUDA device, an unknown dtype, or not C-contiguous.
        InputError: Its owner does not lend it.
    """
    if isinstance(array, np.ndarray):
        message = f"{name} must be an array on a CUDA device, got numpy.ndarray; {_HINT}"
        raise DTypeError(message)
    if hasattr(array, "__dlpack__") and hasattr(array, "__dlpack_device__"):
        return _from_dlpack(array, name=name, stream=stream)
    if hasattr(array, "__cuda_array_interface__"):
        return _from_interface(array, name=name, stream=stream)
    message = (
        f"{name} must be an array on a CUDA device, with __dlpack__ or __cuda_array_interface__, "
        f"got {type(array).__name__}"
    )
    raise DTypeError(message)


def _from_dlpack(array: Any, *, name: str, stream: int) -> DeviceView:
    kind = int(array.__dlpack_device__()[0])
    if kind not in _DLPACK_CUDA:
        what = "the CPU" if kind == 1 else f"a device of DLPack type {kind}"
        message = f"{name} must be on a CUDA device, got an array on {what}; hint: array.cuda()"
        raise DTypeError(message)
    try:
        capsule = array.__dlpack__(stream=stream or 1)  # the protocol writes 0 as 1
    except (BufferError, RuntimeError, TypeError) as error:
        message = f"{name} cannot be read through DLPack: {error}; hint: array.detach()"
        raise InputError(message) from error
    owner, address, _, device, code, bits, shape, contiguous = module().borrow(capsule)
    dtype = _DLPACK_TYPES.get((code, bits), f"DLPack type {code} of {bits} bits")
    _check_contiguous(contiguous, name, tuple(shape))
    return DeviceView(address, device, tuple(shape), dtype, owner)


def _from_interface(array: Any, *, name: str, stream: int) -> DeviceView:
    found = array.__cuda_array_interface__
    shape = tuple(int(size) for size in found["shape"])
    dtype = _TYPE_STRINGS.get(found["typestr"], found["typestr"])
    strides = found.get("strides")
    if strides is not None:
        expected = int(np.dtype(found["typestr"]).itemsize)
        for size, stride in reversed(list(zip(shape, strides, strict=True))):
            _check_contiguous(size <= 1 or stride == expected or 0 in shape, name, shape)
            expected *= size
    address = int(found["data"][0])
    device = module().pointer_device(address) if address else 0
    writer = found.get("stream")
    if writer is not None:
        _order(int(writer), stream, device)
    return DeviceView(address, device, shape, dtype, array)


def _check_contiguous(contiguous: bool, name: str, shape: tuple[int, ...]) -> None:
    if not contiguous:
        message = (
            f"{name} must be C-contiguous, got strides of another layout for shape {shape}; "
            "hint: array.contiguous()"
        )
        raise DTypeError(message)


def _order(before: int, after: int, device: int) -> None:
    """The handles 0 and 1 are the same stream, the default one."""
    if (before or 1) != (after or 1):
        module().order_streams(before=before, after=after, device=device)
