"""The few calls of the CUDA driver that a pipeline needs, by ctypes: no package, no toolkit.

Built, not run on a GPU. What each call takes and returns is the driver's documented C interface.
The device's primary context is used, which is also that of TensorRT, ONNX Runtime and our kernels.
"""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

from petsgan_sdk.errors import BackendUnavailableError, KernelError

__all__ = ["Driver", "Gpu", "GraphLaunch", "find_gpu", "open_driver"]

_HINT = "install NVIDIA's driver; nvidia-smi must list the GPU"
_CAPABILITY_MAJOR, _CAPABILITY_MINOR = 75, 76  # CUdevice_attribute
_CAPTURE_THREAD_LOCAL = 1  # CUstreamCaptureMode
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
        library: libcuda, loaded and initialised.
        device: Number of the device.
    """

    def __init__(self, library: Any, device: int) -> None:
        """Find the device; makes no context."""
        self._library = library
        self.device = device
        self._handle = ctypes.c_int()
        self._context: ctypes.c_void_p | None = None
        self._call("cuDeviceGet", ctypes.byref(self._handle), device)

    def gpu(self) -> Gpu:
        """What the device is."""
        name = ctypes.create_string_buffer(256)
        self._call("cuDeviceGetName", name, len(name), self._handle)
        parts = []
        for attribute in (_CAPABILITY_MAJOR, _CAPABILITY_MINOR):
            value = ctypes.c_int()
            self._call("cuDeviceGetAttribute", ctypes.byref(value), attribute, self._handle)
            parts.append(str(value.value))
        return Gpu(name.value.decode(errors="replace"), ".".join(parts))

    def enter(self) -> None:
        """Make the device's primary context current in this thread."""
        if self._context is None:
            context = ctypes.c_void_p()
            self._call("cuDevicePrimaryCtxRetain", ctypes.byref(context), self._handle)
            self._context = context
        self._call("cuCtxSetCurrent", self._context)

    def create_stream(self) -> int:
        """A new stream, kept for the life of the process."""
        stream = ctypes.c_void_p()
        self._call("cuStreamCreate", ctypes.byref(stream), _DEFAULT_STREAM_FLAGS)
        return stream.value or 0

    def upload(self, host: int, device: int, size: int, stream: int) -> None:
        """Copy `size` bytes to the device; pageable host memory may be reused at once."""
        self._call("cuMemcpyHtoDAsync_v2", *_pointers(device, host), size_t(size), pointer(stream))

    def download(self, device: int, host: int, size: int, stream: int) -> None:
        """Copy `size` bytes to the host; wait for the stream before reading them."""
        self._call("cuMemcpyDtoHAsync_v2", *_pointers(host, device), size_t(size), pointer(stream))

    def synchronize(self, stream: int) -> None:
        """Wait until the stream has done everything."""
        self._call("cuStreamSynchronize", pointer(stream))

    def capture(self, work: Callable[[], None], stream: int) -> GraphLaunch:
        """Record what `work` enqueues on the stream, without running it."""
        graph = ctypes.c_void_p()
        self._call("cuStreamBeginCapture_v2", pointer(stream), _CAPTURE_THREAD_LOCAL)
        try:
            work()
        finally:
            # Also after a failure: a stream left in capture would refuse everything.
            self._call("cuStreamEndCapture", pointer(stream), ctypes.byref(graph))
        executable = ctypes.c_void_p()
        try:
            self._call(
                "cuGraphInstantiateWithFlags",
                ctypes.byref(executable),
                graph,
                ctypes.c_ulonglong(0),
            )
        finally:
            self._call("cuGraphDestroy", graph)
        return GraphLaunch(self._call, executable, stream)

    def _call(self, name: str, *arguments: Any) -> None:
        code = getattr(self._library, name)(*arguments)
        if code != 0:
            msg = f"{name} failed: {_error_name(self._library, code)}"
            raise KernelError(msg)


class GraphLaunch:
    """A recorded graph that can be launched again and again on its stream."""

    def __init__(self, call: Callable[..., None], executable: ctypes.c_void_p, stream: int) -> None:
        """Own the executable graph."""
        self._call = call
        self._executable = executable
        self._stream = stream

    def __call__(self) -> None:
        """Enqueue it."""
        self._call("cuGraphLaunch", self._executable, pointer(self._stream))

    def __del__(self) -> None:
        """Release it; the driver waits until it has run."""
        if not sys.is_finalizing():
            self._call("cuGraphExecDestroy", self._executable)


pointer = ctypes.c_void_p
size_t = ctypes.c_size_t


def _pointers(target: int, source: int) -> tuple[ctypes.c_void_p, ctypes.c_void_p]:
    return pointer(target), pointer(source)


def _error_name(library: Any, code: int) -> str:
    text = ctypes.c_char_p()
    library.cuGetErrorName(code, ctypes.byref(text))
    return (text.value or b"").decode() or f"CUDA error {code}"


@cache
def open_driver(device: int = 0) -> Driver:
    """Load and initialise the driver.

    Raises:
        BackendUnavailableError: There is no driver, or no such device.
    """
    name = "nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1"
    try:
        library = ctypes.CDLL(name)
    except OSError as exc:
        msg = f"no CUDA driver on this machine: {exc}"
        raise BackendUnavailableError(msg, hint=_HINT) from exc
    code = library.cuInit(0)
    if code != 0:
        msg = f"no usable CUDA device: {_error_name(library, code)}"
        raise BackendUnavailableError(msg, hint=_HINT)
    try:
        return Driver(library, device)
    except KernelError as exc:
        msg = f"no CUDA device {device} on this machine: {exc}"
        raise BackendUnavailableError(msg, hint=_HINT) from exc


def find_gpu() -> Gpu | None:
    """The first CUDA device, or None where there is none."""
    try:
        return open_driver().gpu()
    except BackendUnavailableError:
        return None
