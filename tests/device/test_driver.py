from __future__ import annotations

import os
import shutil
import subprocess
import sys
from enum import IntEnum
from pathlib import Path

import pytest

from petsgan_sdk.errors import BackendUnavailableError, ConfigError, KernelError
from petsgan_sdk.runtime.device.driver import Driver, Gpu, find_gpu, open_driver
from petsgan_sdk.runtime.device.onnx_cuda import memory_options, provider_options
from petsgan_sdk.runtime.options import ProviderOptions


class FakeBindings:
    """Answers as `cuda.bindings.driver` does: tuples of a code and perhaps a result."""

    class CUresult(IntEnum):
        CUDA_SUCCESS = 0
        CUDA_ERROR_ILLEGAL_ADDRESS = 700

    class CUdevice_attribute(IntEnum):
        CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR = 75
        CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR = 76

    class CUstreamCaptureMode(IntEnum):
        CU_STREAM_CAPTURE_MODE_THREAD_LOCAL = 1

    NOTHING = ("cuInit", "cuStreamSynchronize", "cuStreamBeginCapture", "cuGraphDestroy")
    NOTHING += ("cuGraphLaunch", "cuGraphExecDestroy")

    def __init__(self, failing=(), error=None):
        self.failing = set(failing)
        self.error = error
        self.calls = []

    def __getattr__(self, name):
        def call(*arguments):
            self.calls.append(name)
            if name in self.failing:
                if self.error is not None:
                    raise self.error
                nothing = () if name in self.NOTHING else (None,)
                return (self.CUresult.CUDA_ERROR_ILLEGAL_ADDRESS, *nothing)
            return (self.CUresult.CUDA_SUCCESS, *self.answer(name, arguments))

        return call

    def answer(self, name, arguments):
        if name in self.NOTHING:
            return ()
        if name == "cuDeviceGetName":
            return (b"NVIDIA Example".ljust(arguments[0], b"\0"),)
        return (arguments[0] - 66,) if name == "cuDeviceGetAttribute" else (1,)


@pytest.fixture(autouse=True)
def _fresh():
    open_driver.cache_clear()
    yield
    open_driver.cache_clear()


@pytest.fixture
def installed(monkeypatch):
    """Stands for the package; gives what importing it gives."""

    def install(*arguments, **named):
        fake = FakeBindings(*arguments, **named)
        monkeypatch.setitem(sys.modules, "cuda.bindings.driver", fake)
        return fake

    return install


def test_what_the_device_is(installed):
    installed()
    assert find_gpu() == Gpu("NVIDIA Example", "9.10")


@pytest.mark.parametrize("call", [open_driver, find_gpu])
def test_no_package(monkeypatch, call):
    monkeypatch.setitem(sys.modules, "cuda.bindings.driver", None)
    with pytest.raises(
        BackendUnavailableError,
        match=r'cuda-bindings, which cannot be imported .*petsgan-sdk\[gpu\].*pip install "cuda-b',
    ) as caught:
        call()
    assert caught.value.exit_code == 3


@pytest.mark.parametrize("error", [RuntimeError, ValueError])
def test_no_driver(installed, error):
    installed(["cuInit"], error("libcuda.so.1 cannot\nbe found."))
    with pytest.raises(
        BackendUnavailableError,
        match=r"no CUDA driver.*: libcuda\.so\.1 cannot be found; hint: .*nvidia-smi",
    ):
        open_driver()
    assert find_gpu() is None


@pytest.mark.parametrize(
    ("call", "problem"),
    [("cuInit", "no usable CUDA device"), ("cuDeviceGet", "no CUDA device 0 on this machine")],
)
def test_no_device(installed, call, problem):
    installed([call])
    with pytest.raises(BackendUnavailableError, match=f"{problem}.*CUDA_ERROR_ILLEGAL_ADDRESS"):
        open_driver()


def test_a_failed_call_has_cudas_name():
    cuda = Driver(FakeBindings(["cuStreamSynchronize"]), 0)
    with pytest.raises(KernelError, match="cuStreamSynchronize failed: CUDA_ERROR_ILLEGAL_ADDRESS"):
        cuda.synchronize(1)


def test_a_call_that_the_driver_does_not_have():
    missing = RuntimeError('Function "cuGraphInstantiate" not found')
    cuda = Driver(FakeBindings(["cuGraphInstantiate"], missing), 0)
    with pytest.raises(KernelError, match=r"cuGraphInstantiate failed: Function .* not found"):
        cuda.capture(lambda: None, 1)


def test_a_recording_that_fails_is_ended():
    bindings = FakeBindings()
    cuda = Driver(bindings, 0)
    with pytest.raises(ZeroDivisionError):
        cuda.capture(lambda: 1 // 0, 1)
    assert bindings.calls[-2:] == ["cuStreamBeginCapture", "cuStreamEndCapture"]
    launch = cuda.capture(lambda: None, 1)
    launch()
    assert bindings.calls[-3:] == ["cuGraphInstantiate", "cuGraphDestroy", "cuGraphLaunch"]
    del launch
    assert bindings.calls[-1] == "cuGraphExecDestroy"


SCRIPT = """
import numpy as np
from petsgan_sdk.runtime.device.driver import open_driver
cuda = open_driver()
print(cuda.gpu())
cuda.enter()
stream = cuda.create_stream()
host, there, back = np.arange(4.0), np.zeros(4), np.zeros(4)
cuda.upload(host.ctypes.data, there.ctypes.data, host.nbytes, stream)
cuda.download(there.ctypes.data, back.ctypes.data, host.nbytes, stream)
cuda.synchronize(stream)
assert (back == host).all()
launch = cuda.capture(lambda: None, stream)
launch()
"""
CALLS = """
cuInit 0
cuDeviceGet 0
cuDeviceGetName 256 0
cuDeviceGetAttribute 75 0
cuDeviceGetAttribute 76 0
Gpu(name='NVIDIA Example', compute_capability='9.10')
cuDevicePrimaryCtxRetain 0
cuCtxSetCurrent 0x77
cuStreamCreate 0
cuMemcpyHtoDAsync_v2 32 0x1234
cuMemcpyDtoHAsync_v2 32 0x1234
cuStreamSynchronize 0x1234
cuStreamBeginCapture_v2 0x1234 1
cuStreamEndCapture 0x1234
cuGraphInstantiateWithFlags 0x55 0
cuGraphDestroy 0x55
cuGraphLaunch 0x66 0x1234
"""


@pytest.mark.skipif(shutil.which("cc") is None, reason="a C compiler makes the driver")
def test_what_reaches_the_driver_through_the_package(tmp_path):
    """The real package on a driver that says how it is called: arguments, order, versions."""
    pytest.importorskip("cuda.bindings.driver", reason="cuda-bindings is not installed")
    library = tmp_path / "libcuda.so.1"
    source = Path(__file__).with_name("libcuda.c")
    subprocess.run(["cc", "-shared", "-fPIC", source, "-o", library, "-ldl"], check=True)
    done = subprocess.run(
        [sys.executable, "-u", "-c", SCRIPT],
        env={**os.environ, "LD_LIBRARY_PATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == CALLS.split("\n")[1:-1]


def test_options_of_the_cuda_provider():
    options = ProviderOptions(gpu_mem_limit=1 << 30, arena_extend_strategy="next_power_of_two")
    assert provider_options(options, 4660) == {
        "user_compute_stream": "4660",
        "has_user_compute_stream": "1",
        "arena_extend_strategy": "kNextPowerOfTwo",
        "gpu_mem_limit": "1073741824",
    }
    assert "gpu_mem_limit" not in provider_options(ProviderOptions(), 1)
    # Where our kernels are not built there is no stream of ours.
    assert memory_options(options) == {
        "arena_extend_strategy": "kNextPowerOfTwo",
        "gpu_mem_limit": "1073741824",
    }


@pytest.mark.parametrize(
    ("wrong", "problem"),
    [
        ({"precision": "int8"}, "precision must be fp32 or fp16, got 'int8'"),
        ({"gpu_mem_limit": 1000}, "gpu_mem_limit must be at least 1048576 bytes, got 1000"),
        ({"arena_extend_strategy": "big"}, "must be next_power_of_two or same_as_requested"),
    ],
)
def test_options_that_do_not_exist(wrong, problem):
    with pytest.raises(ConfigError, match=problem):
        ProviderOptions(**wrong)
