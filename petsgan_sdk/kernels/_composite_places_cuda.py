"""The composite of places on CUDA devices: the checks around the compiled kernels."""

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

__all__ = ["composite_places"]

_OP = "composite_places"


def composite_places(
    places: Any,
    photo: Any,
    *,
    screening: float,
    softness: float,
    relaxation: NDArray[np.float32],
    stream: int,
    out: Any,
) -> Any:
    """See `petsgan_sdk.kernels.composite_places` with `backend="cuda"`."""
    refuse_numpy({f"{_OP}: places": places, f"{_OP}: photo": photo})
    cuda = usable_module()
    shown = device_input(
        places, name=f"{_OP}: places", axes="H, W, 2", dtype="int16", stream=stream
    )
    device = shown.device
    pixels = device_input(
        photo, name=f"{_OP}: photo", axes="h, w, 3", dtype="uint8", stream=stream, device=device
    )
    for name, view, last in (("places", shown, 2), ("photo", pixels, 3)):
        if 0 in view.shape or view.shape[2] != last:
            message = f"{_OP}: {name} must have shape [H >= 1, W >= 1, {last}], got {view.shape}"
            raise ShapeError(message)
    shape = (3, *shown.shape[:2])
    if out is None:
        out = DeviceArray(shape, "float32", device=device, stream=stream)
    output = device_view(out, name=f"{_OP}: out", stream=stream)
    check_output(output, shape, "float32", device=device, name=f"{_OP}: out")
    cuda.composite_places(
        sizes=(*shown.shape[:2], *pixels.shape[:2]),
        places=shown.address,
        photo=pixels.address,
        screening=screening,
        softness=softness,
        steps=[(float(keep), float(take)) for keep, take in relaxation],
        out=output.address,
        device=device,
        stream=stream,
    )
    return out
