"""What a pipeline asks of a device, and CUDA's answer. Built, not run on a GPU."""

from __future__ import annotations

from collections.abc import Callable
from threading import Lock
from typing import Any, Protocol

import numpy as np

from petsgan_sdk._arrays import Array
from petsgan_sdk.kernels import DeviceArray
from petsgan_sdk.runtime.device.driver import open_driver

__all__ = ["CudaDevice", "Device", "address_of"]


class Device(Protocol):
    """Memory and one stream, on which all work of a pipeline is enqueued."""

    stream: int
    """Handle of the stream."""
    lock: Lock
    """Held by who enqueues: a stream that records takes in whatever is enqueued meanwhile."""

    def enter(self) -> None:
        """Prepare the calling thread."""

    def empty(self, shape: tuple[int, ...], dtype: str) -> Any:
        """An array on the device, with `shape` and `dtype`."""

    def upload(self, host: Array, array: Any) -> None:
        """Enqueue a copy to the device; `host` may be written to afterwards."""

    def download(self, array: Any) -> Array:
        """Wait for the stream and copy from the device."""

    def synchronize(self) -> None:
        """Wait for the stream."""

    def capture(self, work: Callable[[], None]) -> Callable[[], None]:
        """Record what `work` enqueues; the result enqueues it again."""


class CudaDevice:
    """The first CUDA device.

    Raises:
        BackendUnavailableError: There is no driver or device, or our kernels are not built.
    """

    def __init__(self) -> None:
        """Make a stream."""
        self._driver = open_driver()
        self._driver.enter()
        self.stream = self._driver.create_stream()
        self.lock = Lock()

    def enter(self) -> None:
        """Make the device current in the calling thread."""
        self._driver.enter()

    def empty(self, shape: tuple[int, ...], dtype: str) -> DeviceArray:
        """Allocate."""
        return DeviceArray(shape, dtype, device=self._driver.device, stream=self.stream)

    def upload(self, host: Array, array: DeviceArray) -> None:
        """Copy to the device."""
        host = np.ascontiguousarray(host, dtype=array.dtype)
        self._driver.upload(host.ctypes.data, address_of(array), host.nbytes, self.stream)

    def download(self, array: DeviceArray) -> Array:
        """Copy from the device and wait."""
        host = np.empty(array.shape, dtype=array.dtype)
        self._driver.download(address_of(array), host.ctypes.data, host.nbytes, self.stream)
        self._driver.synchronize(self.stream)
        return host

    def synchronize(self) -> None:
        """Wait for the stream."""
        self._driver.synchronize(self.stream)

    def capture(self, work: Callable[[], None]) -> Callable[[], None]:
        """Record a CUDA graph."""
        return self._driver.capture(work, self.stream)


def address_of(array: DeviceArray) -> int:
    """Where an array lies."""
    address: int = array.__cuda_array_interface__["data"][0]
    return address
