"""Patch transfer on CUDA devices: the checks and buffers around the compiled kernels."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from petsgan_sdk.errors import ConfigError, DTypeError, InputError, ShapeError
from petsgan_sdk.kernels._cuda_array import (
    DeviceArray,
    DeviceView,
    check_output,
    device_view,
    refuse_numpy,
)
from petsgan_sdk.kernels._cuda_module import usable_module

__all__ = ["CudaPatchReference", "patch_transfer"]

_FEATURE_TYPES = {"float32": 0, "float16": 1, "bfloat16": 2}


class CudaPatchReference:
    """Features and values of one or several images on a CUDA device, ready to be searched.

    Unlike `PatchReference` it copies nothing: the arrays are kept alive, and must not be written
    to while this object is in use. Creating it waits once for the device, to check for NaN.

    Args:
        features: `[C, h, w]`, or `[R, C, h, w]` for R images, float32, float16 or bfloat16, finite,
            on a CUDA device; any object with `__dlpack__` or `__cuda_array_interface__`.
        values: `[V, h, w]` or `[R, V, h, w]` float32, finite, on the same device.
        window: Side of a patch in pixels, odd.
        stream: Handle of the CUDA stream to work on, 0 for the default stream, as
            `torch.cuda.current_stream().cuda_stream` gives it.

    Raises:
        ShapeError: A rank or size is wrong, or the reference is empty.
        DTypeError: An array is not on a CUDA device, of another dtype, or not C-contiguous.
        ConfigError: `window` is even or below 1.
        InputError: A feature or value is NaN or infinite.
        BackendUnavailableError: The CUDA kernels are not built, or there is no usable device.
        KernelError: A CUDA call failed.
    """

    __slots__ = ("_features", "_packed", "_values", "device", "dtype", "shape", "window")

    def __init__(self, features: Any, values: Any, *, window: int = 7, stream: int = 0) -> None:
        """Check and measure."""
        op = "CudaPatchReference"
        if not isinstance(window, int) or window < 1 or window % 2 == 0:
            message = f"{op}: window must be an odd integer of at least 1, got {window!r}"
            raise ConfigError(message)
        refuse_numpy({f"{op}: features": features, f"{op}: values": values})
        cuda = usable_module()
        self._features = device_view(features, name=f"{op}: features", stream=stream)
        self._values = device_view(values, name=f"{op}: values", stream=stream)
        _check_reference(self._features, self._values, op=op)
        self.window = window
        self.dtype = self._features.dtype
        self.device = self._features.device
        self.shape = self._features.shape
        self._packed = cuda.Reference(
            cuda.Shape(
                batch=0,
                height=1,
                width=1,
                channels=self.channels,
                images=math.prod(self.shape[:-3]),
                ref_height=self.shape[-2],
                ref_width=self.shape[-1],
                value_channels=self.value_channels,
                window=window,
            ),
            type=_FEATURE_TYPES[self.dtype],
            device=self.device,
            features=self._features.address,
            values=self._values.address,
            stream=stream,
        )
        for view, name in ((self._features, "features"), (self._values, "values")):
            position = self._packed.first_not_finite(name == "values", stream)
            if position >= 0:
                index = _unravel(position, view.shape)
                message = f"{op}: {name} must be finite, got NaN or infinity at index {index}"
                raise InputError(message)

    @property
    def channels(self) -> int:
        """Feature channels C."""
        return self.shape[-3]

    @property
    def value_channels(self) -> int:
        """Value channels V."""
        return self._values.shape[-3]

    def __repr__(self) -> str:
        """Sizes only."""
        return (
            f"CudaPatchReference(features={self.shape}, values={self._values.shape}, "
            f"dtype={self.dtype}, window={self.window}, device={self.device})"
        )


def patch_transfer(
    query: Any,
    reference: object,
    *,
    temperature: float,
    normalize: bool,
    stream: int,
    out: Sequence[Any] | None,
) -> tuple[Any, Any, Any]:
    """See `petsgan_sdk.kernels.patch_transfer` with `backend="cuda"`."""
    op = "patch_transfer"
    refuse_numpy({f"{op}: query": query})
    usable_module()
    if not isinstance(reference, CudaPatchReference):
        message = (
            f'{op}: reference must be a CudaPatchReference for backend "cuda", '
            f"got {type(reference).__name__}"
        )
        raise DTypeError(message)
    view = device_view(query, name=f"{op}: query", stream=stream)
    _check_query(view, reference, op=op)
    batch, _, height, width = view.shape
    shapes = (
        ((batch, reference.value_channels, height, width), "float32", "values"),
        ((batch, height, width), "int32", "index"),
        ((batch, height, width), "float32", "weight"),
    )
    if out is None:
        out = [
            DeviceArray(shape, dtype, device=reference.device, stream=stream)
            for shape, dtype, _ in shapes
        ]
    if len(out) != len(shapes):
        message = f"{op}: out must hold values, index and weight, got {len(out)} arrays"
        raise ShapeError(message)
    outputs = [device_view(array, name=f"{op}: out", stream=stream) for array in out]
    for output, (shape, dtype, name) in zip(outputs, shapes, strict=True):
        check_output(output, shape, dtype, device=reference.device, name=f"{op}: out {name}")
    reference._packed.transfer(
        query_shape=view.shape,
        query=view.address,
        out=[output.address for output in outputs],
        temperature=temperature,
        normalize=normalize,
        stream=stream,
    )
    return out[0], out[1], out[2]


def _check_reference(features: DeviceView, values: DeviceView, *, op: str) -> None:
    if features.dtype not in _FEATURE_TYPES:
        message = f"{op}: features must be {', '.join(_FEATURE_TYPES)}, got {features.dtype}"
        raise DTypeError(message)
    if values.dtype != "float32":
        message = f"{op}: values must be float32, got {values.dtype}"
        raise DTypeError(message)
    if len(features.shape) not in (3, 4) or 0 in features.shape:
        message = (
            f"{op}: features must have shape [C, h, w] or [R, C, h, w] and not be empty, "
            f"got {features.shape}"
        )
        raise ShapeError(message)
    *count, _, height, width = features.shape
    if [*count, height, width] != [*values.shape[:-3], *values.shape[-2:]] or 0 in values.shape:
        expected = ", ".join(map(str, [*count, "V >= 1", height, width]))
        message = f"{op}: values must have shape [{expected}] like features, got {values.shape}"
        raise ShapeError(message)
    if features.device != values.device:
        message = (
            f"{op}: values must be on device {features.device} like features, "
            f"got device {values.device}"
        )
        raise DTypeError(message)


def _check_query(query: DeviceView, reference: CudaPatchReference, *, op: str) -> None:
    if (query.dtype, query.device) != (reference.dtype, reference.device):
        message = (
            f"{op}: query must be {reference.dtype} on device {reference.device} like the "
            f"reference, got {query.dtype} on device {query.device}"
        )
        raise DTypeError(message)
    shape = query.shape
    if len(shape) != 4 or shape[1] != reference.channels or 0 in shape[2:]:
        message = (
            f"{op}: query must have shape [N, {reference.channels}, h >= 1, w >= 1], got {shape}"
        )
        raise ShapeError(message)


def _unravel(position: int, shape: tuple[int, ...]) -> list[int]:
    index: list[int] = []
    for size in reversed(shape):
        position, at = divmod(position, size)
        index.insert(0, at)
    return index
