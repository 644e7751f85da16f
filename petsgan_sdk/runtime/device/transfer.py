"""Patch transfer between two graphs, on their stream and memory. Built, not run on a GPU."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from petsgan_sdk import kernels
from petsgan_sdk._arrays import Array
from petsgan_sdk.manifest import PatchTransferStep, Size
from petsgan_sdk.runtime.device.arrays import Device

__all__ = ["DevicePatchTransfer"]


class DevicePatchTransfer:
    """The CUDA kernels, with results in arrays of their own for each size."""

    capturable = True
    takes_windows = True

    def __init__(self, step: PatchTransferStep, arrays: Mapping[str, Array], device: Device):
        """Upload the reference and pack it."""
        self._step = step
        self._device = device
        self.reads, self.writes = step.reads, step.writes
        features, values = (self._constant(arrays[n]) for n in (step.reference, step.values))
        self._value_channels = arrays[step.values].shape[0]
        self._reference = kernels.CudaPatchReference(
            features, values, window=step.window, stream=device.stream
        )

    def prepare(
        self,
        tensors: Mapping[str, Any],
        sizes: Mapping[str, Size],  # noqa: ARG002
    ) -> tuple[dict[str, Any], Callable[[], None]]:
        """Make values, index and weight."""
        query = tensors[self._step.query]
        batch, _, height, width = query.shape
        values = self._device.empty((batch, self._value_channels, height, width), "float32")
        index = self._device.empty((batch, height, width), "int32")
        weight = self._device.empty((batch, height, width), "float32")

        def enqueue() -> None:
            kernels.patch_transfer(
                query,
                self._reference,
                temperature=self._step.temperature,
                backend="cuda",
                stream=self._device.stream,
                out=(values, index, weight),
            )

        results = {self._step.output: values}
        if self._step.index_output is not None:
            results[self._step.index_output] = index
        return results, enqueue

    def _constant(self, host: Array) -> Any:
        array = self._device.empty(host.shape, "float32")
        self._device.upload(np.ascontiguousarray(host), array)
        return array
