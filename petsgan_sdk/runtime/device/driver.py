"""The few calls of the CUDA driver that a pipeline needs, by NVIDIA's package `cuda-bindings`.

Built, not run on a GPU. The device's primary context is used, which is also that of TensorRT, ONNX
Runtime and our kernels. Imports the package at use only.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

from petsgan_sdk.errors import BackendUnavailableError, KernelError
from petsgan_sdk.runtime.exit_gate import exit_gate

__all__ = ["Driver", "Gpu", "GraphLaunch", "find_gpu", "open_driver"]

_BINDINGS = "cuda.bindings.driver"
_INSTALL = 'pip install "cuda-bindings>=13,<14"'
_HINT = "install NVIDIA's driver; nvidia-smi must list the GPU"
_MAX_NAME_BYTES = 256
_DEFAULT_STREAM_FLAGS = 0  # ordered with the legacy default stream, which others may use


@dataclass(frozen=True, slots=True)
class Gpu:
    """One CUDA device."""

    name: str
    """As the driver names it."""
    compute_capability: str
    """As `9.0`."""


class Driver:
    """CUDA's driver on one device; a failed call raises `KernelError` with CUDA's own name for it.

    Args:
        bindings: The module `cuda.bindings.driver`, its driver initialised.
        device: Number of the device.
    """

    def __init__(self, bindings: Any, device: int) -> None:
        """Find the device; makes no context."""
        self._bindings = bindings
        self.device = device
        self._handle = self._call("cuDeviceGet", device)
        self._context: Any = None

    def gpu(self) -> Gpu:
        """What the device is."""
        name: bytes = self._call("cuDeviceGetName", _MAX_NAME_BYTES, self._handle)
        attributes = self._bindings.CUdevice_attribute
        major, minor = (
            self._call("cuDeviceGetAttribute", attribute, self._handle)
            for attribute in (
                attributes.CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR,
                attributes.CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR,
            )
        )
        return Gpu(name.partition(b"\0")[0].decode(errors="replace"), f"{major}.{minor}")

    def enter(self) -> None:
        """Make the device's primary context current in this thread."""
        if self._context is None:
            self._context = self._call("cuDevicePrimaryCtxRetain", self._handle)
        self._call("cuCtxSetCurrent", self._context)

    def create_stream(self) -> int:
        """A new stream, kept for the life of the process."""
        return int(self._call("cuStreamCreate", _DEFAULT_STREAM_FLAGS))

    def upload(self, host: int, device: int, size: int, stream: int) -> None:
        """Copy `size` bytes to the device; pageable host memory may be reused at once."""
        self._call("cuMemcpyHtoDAsync", device, host, size, stream)

    def download(self, device: int, host: int, size: int, stream: int) -> None:
        """Copy `size` bytes to the host; wait for the stream before reading them."""
        self._call("cuMemcpyDtoHAsync", host, device, size, stream)

    def synchronize(self, stream: int) -> None:
        """Wait until the stream has done everything."""
        self._call("cuStreamSynchronize", stream)

    def capture(self, work: Callable[[], None], stream: int) -> GraphLaunch:
        """Record what `work` enqueues on the stream, without running it."""
        modes = self._bindings.CUstreamCaptureMode
        self._call("cuStreamBeginCapture", stream, modes.CU_STREAM_CAPTURE_MODE_THREAD_LOCAL)
        try:
            work()
        finally:
            # Also after a failure: a stream left in capture would refuse everything.
            graph = self._call("cuStreamEndCapture", stream)
        try:
            executable = self._call("cuGraphInstantiate", graph, 0)
        finally:
            self._call("cuGraphDestroy", graph)
        return GraphLaunch(self._call, executable, stream)

    def _call(self, name: str, *arguments: Any) -> Any:
        """Call a function of the driver; its result, where it has one."""
        try:
            with exit_gate:
                code, *results = getattr(self._bindings, name)(*arguments)
        except (RuntimeError, ValueError) as exc:  # a driver too old to have it, an unknown code
            msg = f"{name} failed: {exc}"
            raise KernelError(msg) from exc
        if code != self._bindings.CUresult.CUDA_SUCCESS:
            msg = f"{name} failed: {code.name}"
            raise KernelError(msg)
        return results[0] if results else None


class GraphLaunch:
    """A recorded graph that can be launched again and again on its stream."""

    def __init__(self, call: Callable[..., Any], executable: Any, stream: int) -> None:
        """Own the executable graph."""
        self._call = call
        self._executable = executable
        self._stream = stream

    def __call__(self) -> None:
        """Enqueue it."""
        self._call("cuGraphLaunch", self._executable, self._stream)

    def __del__(self) -> None:
        """Release it; the driver waits until it has run."""
        if not sys.is_finalizing():
            self._call("cuGraphExecDestroy", self._executable)


@cache
def open_driver(device: int = 0) -> Driver:
    """Load and initialise the driver.

    Raises:
        BackendUnavailableError: `cuda-bindings` is not installed, or there is no driver or no such
            device.
    """
    bindings = _import_bindings()
    try:
        (code,) = bindings.cuInit(0)
    except (RuntimeError, ValueError) as exc:
        # That its library is not found needs no words; an old one says which call it lacks.
        is_absent = type(exc).__name__ == "DynamicLibNotFoundError"
        reason = "" if is_absent else f": {' '.join(str(exc).split()).rstrip('.')}"
        msg = f"no CUDA driver on this machine{reason}"
        raise BackendUnavailableError(msg, hint=_HINT) from exc
    if code != bindings.CUresult.CUDA_SUCCESS:
        msg = f"no usable CUDA device: {code.name}"
        raise BackendUnavailableError(msg, hint=_HINT)
    try:
        return Driver(bindings, device)
    except KernelError as exc:
        msg = f"no CUDA device {device} on this machine: {exc}"
        raise BackendUnavailableError(msg, hint=_HINT) from exc


def find_gpu() -> Gpu | None:
    """The first CUDA device, or None where there is none.

    Raises:
        BackendUnavailableError: `cuda-bindings` is not installed, so that nothing is known.
    """
    _import_bindings()
    try:
        return open_driver().gpu()
    except BackendUnavailableError:
        return None


def _import_bindings() -> Any:
    try:
        return importlib.import_module(_BINDINGS)
    except ImportError as exc:
        msg = (
            f"CUDA's driver is called by cuda-bindings, which cannot be imported ({exc}); "
            "petsgan-sdk[gpu], [tensorrt] and [rtx] bring it"
        )
        raise BackendUnavailableError(msg, hint=_INSTALL) from exc
