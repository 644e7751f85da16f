from __future__ import annotations

import ctypes

import pytest

from petsgan_sdk.errors import BackendUnavailableError, ConfigError, KernelError
from petsgan_sdk.runtime.device import driver
from petsgan_sdk.runtime.device.driver import Driver, Gpu, find_gpu, open_driver
from petsgan_sdk.runtime.device.onnx_cuda import memory_options, provider_options
from petsgan_sdk.runtime.options import ProviderOptions


class FakeLibrary:
    """Answers as libcuda does: results through pointers, a code as the value."""

    def __init__(self, failing=()):
        self.failing = set(failing)
        self.calls = []

    def __getattr__(self, name):
        def call(*arguments):
            self.calls.append(name)
            return 700 if name in self.failing else self.answer(name, arguments)

        return call

    def answer(self, name, arguments):
        if name == "cuDeviceGetName":
            arguments[0].value = b"NVIDIA Example"
        elif name == "cuDeviceGetAttribute":
            ctypes.cast(arguments[0], ctypes.POINTER(ctypes.c_int))[0] = arguments[1] - 66
        elif name == "cuGetErrorName":
            text = ctypes.cast(arguments[1], ctypes.POINTER(ctypes.c_char_p))
            text[0] = b"CUDA_ERROR_ILLEGAL_ADDRESS"
        return 0


@pytest.fixture(autouse=True)
def _fresh():
    open_driver.cache_clear()
    yield
    open_driver.cache_clear()


def test_what_the_device_is(monkeypatch):
    monkeypatch.setattr(driver.ctypes, "CDLL", lambda _: FakeLibrary())
    assert find_gpu() == Gpu("NVIDIA Example", "9.10")


def test_no_driver(monkeypatch):
    def missing(name):
        msg = f"{name}: cannot open shared object file"
        raise OSError(msg)

    monkeypatch.setattr(driver.ctypes, "CDLL", missing)
    with pytest.raises(
        BackendUnavailableError, match=r"no CUDA driver.*libcuda\.so\.1.*nvidia-smi"
    ):
        open_driver()
    assert find_gpu() is None


@pytest.mark.parametrize(
    ("call", "problem"),
    [("cuInit", "no usable CUDA device"), ("cuDeviceGet", "no CUDA device 0 on this machine")],
)
def test_no_device(monkeypatch, call, problem):
    monkeypatch.setattr(driver.ctypes, "CDLL", lambda _: FakeLibrary([call]))
    with pytest.raises(BackendUnavailableError, match=f"{problem}.*CUDA_ERROR_ILLEGAL_ADDRESS"):
        open_driver()


def test_a_failed_call_has_cudas_name():
    cuda = Driver(FakeLibrary(["cuStreamSynchronize"]), 0)
    with pytest.raises(KernelError, match="cuStreamSynchronize failed: CUDA_ERROR_ILLEGAL_ADDRESS"):
        cuda.synchronize(1)


def test_a_recording_that_fails_is_ended():
    library = FakeLibrary()
    cuda = Driver(library, 0)
    with pytest.raises(ZeroDivisionError):
        cuda.capture(lambda: 1 // 0, 1)
    assert library.calls[-2:] == ["cuStreamBeginCapture_v2", "cuStreamEndCapture"]
    launch = cuda.capture(lambda: None, 1)
    launch()
    assert library.calls[-3:] == ["cuGraphInstantiateWithFlags", "cuGraphDestroy", "cuGraphLaunch"]
    del launch
    assert library.calls[-1] == "cuGraphExecDestroy"


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
