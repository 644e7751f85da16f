"""A map on another grid, between two graphs on a device. Built, not run on a GPU."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from petsgan_sdk import kernels
from petsgan_sdk._arrays import Array
from petsgan_sdk.manifest import ResizeStep, Size
from petsgan_sdk.runtime.device.arrays import Device

__all__ = ["DeviceResize"]


class DeviceResize:
    """The CUDA kernel on whole maps, with results in arrays of their own for each size."""

    capturable = True
    takes_windows = False

    def __init__(
        self,
        step: ResizeStep,
        arrays: Mapping[str, Array],  # noqa: ARG002
        device: Device,
    ) -> None:
        """Keep the step."""
        self._step = step
        self._device = device
        self.reads, self.writes = step.reads, step.writes

    def prepare(
        self, tensors: Mapping[str, Any], sizes: Mapping[str, Size]
    ) -> tuple[dict[str, Any], Callable[[], None]]:
        """Make the map."""
        source, size = tensors[self._step.input], sizes[self._step.output]
        batch, channels, height, width = source.shape
        result = self._device.empty((batch, channels, *size), "float32")

        def enqueue() -> None:
            kernels.resize_window(
                source,
                source_size=(height, width),
                target_size=size,
                backend="cuda",
                stream=self._device.stream,
                out=result,
            )

        return {self._step.output: result}, enqueue
