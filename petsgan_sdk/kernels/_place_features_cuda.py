"""Place features on CUDA devices: the checks around the compiled kernel."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from petsgan_sdk.errors import ShapeError
from petsgan_sdk.kernels._cuda_array import (
    DeviceArray,
    check_output,
    device_input,
    device_view,
    refuse_numpy,
)
from petsgan_sdk.kernels._cuda_module import usable_module

__all__ = ["place_features"]

_OP = "place_features"
_BORDER = 2


def place_features(
    image: Any,
    basis: NDArray[np.int16],
    bias: NDArray[np.int32],
    *,
    shift: int,
    stream: int,
    out: Any,
) -> Any:
    """See `petsgan_sdk.kernels.place_features` with `backend="cuda"`."""
    refuse_numpy({f"{_OP}: image": image})
    cuda = usable_module()
    pixels = device_input(image, name=f"{_OP}: image", axes="H, W, 3", dtype="uint8", stream=stream)
    if 0 in pixels.shape or pixels.shape[2] != 3:
        message = f"{_OP}: image must have shape [H >= 1, W >= 1, 3], got {pixels.shape}"
        raise ShapeError(message)
    height, width, _ = pixels.shape
    shape = (height + 2 * _BORDER, width + 2 * _BORDER, len(bias))
    if out is None:
        out = DeviceArray(shape, "int8", device=pixels.device, stream=stream)
    output = device_view(out, name=f"{_OP}: out", stream=stream)
    check_output(output, shape, "int8", device=pixels.device, name=f"{_OP}: out")
    cuda.place_features(
        size=(height, width),
        image=pixels.address,
        basis=basis.ravel().tolist(),
        bias=bias.tolist(),
        shift=shift,
        out=output.address,
        device=pixels.device,
        stream=stream,
    )
    return out
