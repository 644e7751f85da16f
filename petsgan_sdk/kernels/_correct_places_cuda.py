"""The correction of places on CUDA devices: the checks around the compiled kernels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from petsgan_sdk.errors import ConfigError, DTypeError, ShapeError
from petsgan_sdk.kernels._cuda_array import (
    DeviceArray,
    check_output,
    device_input,
    device_view,
    refuse_numpy,
)
from petsgan_sdk.kernels._cuda_module import usable_module

__all__ = ["CudaPlaceLevel", "correct_places"]

_OP = "correct_places"
_BORDER = 2
_MOST_SHIFT = 14


class CudaPlaceLevel:
    """The photo at one level on a CUDA device, as `correct_places` reads it; see `PlaceLevel`.

    It copies nothing: the arrays are kept alive, and must not be written to while this object is in
    use. Creating it waits for the device, to check what `alike` and `prices` hold.

    Args:
        features: `[h + 4, w + 4, 8]` int8, see `place_features`; any object on a CUDA device with
            `__dlpack__` or `__cuda_array_interface__`.
        alike: `[h', w', K, 2]` int16 on the same device.
        shift: How much coarser the level of `alike` is: 0 for this level's own.
        prices: `[h, w]` int32 on the same device, within 2^24 of 0, or None.
        stream: Handle of the CUDA stream to work on, 0 for the default stream.

    Raises:
        ShapeError: An array has another shape, or numbers that are out of range.
        DTypeError: An array is not on a CUDA device, of another dtype, or not C-contiguous.
        ConfigError: `shift` is not from 0 to 14, or features do not begin at a multiple of 8 bytes.
        BackendUnavailableError: The CUDA kernels are not built, or there is no usable device.
        KernelError: A CUDA call failed.
    """

    __slots__ = ("_alike", "_features", "_prices", "device", "shift")

    def __init__(
        self, features: Any, alike: Any, *, shift: int = 0, prices: Any = None, stream: int = 0
    ) -> None:
        """Check."""
        op = "CudaPlaceLevel"
        if not isinstance(shift, (int, np.integer)) or not 0 <= shift <= _MOST_SHIFT:
            message = f"{op}: shift must be an integer from 0 to {_MOST_SHIFT}, got {shift!r}"
            raise ConfigError(message)
        refuse_numpy({f"{op}: features": features, f"{op}: alike": alike, f"{op}: prices": prices})
        cuda = usable_module()
        self._features = device_input(
            features, name=f"{op}: features", axes="h + 4, w + 4, 8", dtype="int8", stream=stream
        )
        self.device = self._features.device
        self.shift = int(shift)
        others = {"stream": stream, "device": self.device}
        self._alike = device_input(
            alike, name=f"{op}: alike", axes="h, w, K, 2", dtype="int16", **others
        )
        self._prices = None
        if prices is not None:
            self._prices = device_input(
                prices, name=f"{op}: prices", axes="h, w", dtype="int32", **others
            )
        for name, view, last in (("features", self._features, 8), ("alike", self._alike, 2)):
            if view.shape[-1] != last:
                message = f"{op}: {name} must have a last axis of {last}, got shape {view.shape}"
                raise ShapeError(message)
        if self._prices is not None and self._prices.shape != self.size:
            message = f"{op}: prices must have the photo's shape {self.size}, got "
            raise ShapeError(message + str(self._prices.shape))
        for name, array in (("alike", self._alike), ("prices", self._prices)):
            if array is None:
                continue
            position = cuda.first_wrong(
                photo=self._sizes(),
                addresses=self._addresses(),
                in_prices=name == "prices",
                device=self.device,
                stream=stream,
            )
            if position >= 0:
                rule = {"alike": "lie within its level", "prices": "be within 2^24 of 0"}[name]
                index = [int(k) for k in np.unravel_index(position, array.shape[:3])]
                message = f"{op}: {name} must {rule}, got one that does not at index {index}"
                raise ShapeError(message)

    @property
    def size(self) -> tuple[int, int]:
        """`(h, w)` of the photo at this level."""
        return self._features.shape[0] - 2 * _BORDER, self._features.shape[1] - 2 * _BORDER

    def __repr__(self) -> str:
        """Sizes only."""
        return f"CudaPlaceLevel(size={self.size}, shift={self.shift}, device={self.device})"

    def _sizes(self) -> tuple[int, int, int, int, int, int]:
        height, width, count, _ = self._alike.shape
        return (*self.size, height, width, count, self.shift)

    def _addresses(self) -> tuple[int, int, int]:
        prices = 0 if self._prices is None else self._prices.address
        return self._features.address, self._alike.address, prices


def correct_places(
    places: Any,
    level: object,
    costs: Sequence[int],
    *,
    passes: int,
    guides: tuple[Any, Any],
    corner: tuple[int, int],
    open_sides: tuple[bool, bool, bool, bool],
    wraps: bool,
    fixed: Any,
    stream: int,
    out: Any,
) -> Any:
    """See `petsgan_sdk.kernels.correct_places` with `backend="cuda"`; costs are its fields."""
    names = (f"{_OP}: row_guides", f"{_OP}: column_guides")
    named = dict(zip(names, guides, strict=True))
    refuse_numpy({f"{_OP}: places": places, **named, f"{_OP}: fixed": fixed})
    cuda = usable_module()
    if not isinstance(level, CudaPlaceLevel):
        message = (
            f'{_OP}: level must be a CudaPlaceLevel for backend "cuda", got {type(level).__name__}'
        )
        raise DTypeError(message)
    others = {"stream": stream, "device": level.device}
    shown = device_input(places, name=f"{_OP}: places", axes="H, W, 2", dtype="int16", **others)
    if 0 in shown.shape or shown.shape[2] != 2:
        message = f"{_OP}: places must have shape [H >= 1, W >= 1, 2], got {shown.shape}"
        raise ShapeError(message)
    size = shown.shape[:2]
    asked = [
        device_input(array, name=name, axes=axis, dtype="int32", **others)
        for (name, array), axis in zip(named.items(), "HW", strict=True)
    ]
    for name, view, side in zip(names, asked, size, strict=True):
        if view.shape != (side,):
            message = f"{name} must have shape [{side}], got {view.shape}"
            raise ShapeError(message)
    kept = None
    if fixed is not None:
        kept = device_input(fixed, name=f"{_OP}: fixed", axes="H, W", dtype="uint8", **others)
        if kept.shape != size:
            message = f"{_OP}: fixed must have shape {size}, got {kept.shape}"
            raise ShapeError(message)
    if out is None:
        out = DeviceArray(shown.shape, "int16", device=level.device, stream=stream)
    output = device_view(out, name=f"{_OP}: out", stream=stream)
    check_output(output, shown.shape, "int16", device=level.device, name=f"{_OP}: out")
    cuda.correct_places(
        photo=level._sizes(),
        addresses=level._addresses(),
        window=(corner[0] & 1, corner[1] & 1, *size),
        open=tuple(open_sides),
        wraps=wraps,
        arrays=(
            shown.address,
            asked[0].address,
            asked[1].address,
            0 if kept is None else kept.address,
        ),
        costs=list(costs),
        passes=passes,
        out=output.address,
        device=level.device,
        stream=stream,
    )
    return out
