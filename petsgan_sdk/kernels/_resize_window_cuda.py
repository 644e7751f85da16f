"""The resize on CUDA devices: the checks around the compiled kernel."""

from __future__ import annotations

from typing import Any

from petsgan_sdk.errors import DTypeError, ShapeError
from petsgan_sdk.kernels._checks import check_result_size
from petsgan_sdk.kernels._cuda_array import DeviceArray, check_output, device_view, refuse_numpy
from petsgan_sdk.kernels._cuda_module import usable_module
from petsgan_sdk.kernels._resize_axis import check_resize

__all__ = ["resize_window"]

_OP = "resize_window"


def resize_window(
    source: Any,
    *,
    source_size: object,
    target_size: object,
    source_origin: object,
    window: object,
    wrap: object,
    stream: int,
    out: Any,
) -> Any:
    """See `petsgan_sdk.kernels.resize_window` with `backend="cuda"`."""
    refuse_numpy({f"{_OP}: source": source})
    cuda = usable_module()
    view = device_view(source, name=f"{_OP}: source", stream=stream)
    if view.dtype != "float32":
        message = f"{_OP}: source must be float32, got {view.dtype}"
        raise DTypeError(message)
    if len(view.shape) != 4:
        message = f"{_OP}: source must have shape [N, C, h, w], got {view.shape}"
        raise ShapeError(message)
    rows, columns = check_resize(
        view.shape, source_size, target_size, source_origin, window, wrap=wrap
    )
    shape = (*view.shape[:2], rows.length, columns.length)
    check_result_size(shape, op=_OP)
    if out is None:
        out = DeviceArray(shape, "float32", device=view.device, stream=stream)
    output = device_view(out, name=f"{_OP}: out", stream=stream)
    check_output(output, shape, "float32", device=view.device, name=f"{_OP}: out")
    axes = [
        (axis.source, axis.target, axis.start, axis.length, axis.origin, axis.available)
        for axis in (rows, columns)
    ]
    cuda.resize_window(
        maps=view.shape[0] * view.shape[1],
        rows=axes[0],
        columns=axes[1],
        wrap=rows.wrap,
        source=view.address,
        out=output.address,
        device=view.device,
        stream=stream,
    )
    return out
