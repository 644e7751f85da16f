"""What the CUDA backend says where it was not built, or where there is no device."""

from __future__ import annotations

import subprocess
import sys
from importlib.util import find_spec

import numpy as np
import pytest

from petsgan_sdk import kernels
from petsgan_sdk.errors import (
    BackendUnavailableError,
    ConfigError,
    DTypeError,
    InputError,
    KernelError,
    ShapeError,
)
from petsgan_sdk.kernels import (
    _cuda_array,
    _cuda_module,
    _patch_transfer_cuda,
    _resize_window_cuda,
)

CUDA = kernels.build_info()["cuda"]
needs_build = pytest.mark.skipif(not CUDA["built"], reason=f"CUDA kernels: {CUDA.get('reason')}")
needs_no_device = pytest.mark.skipif(CUDA["usable"], reason="this machine has a CUDA device")

FEATURES = np.ones((2, 4, 5), dtype=np.float32)
QUERY = np.ones((1, 2, 3, 3), dtype=np.float32)


class OnDevice:
    """Looks like an array of another library on a CUDA device."""

    def __init__(self, array, *, device=(2, 0)):
        self._array = array
        self._device = device

    def __dlpack_device__(self):
        return self._device

    def __dlpack__(self, *, stream=None):
        self.stream = stream
        return self._array.__dlpack__()


class WithInterface:
    """Looks like an array with `__cuda_array_interface__`."""

    def __init__(self, **changes):
        self.__cuda_array_interface__ = {
            "shape": (2, 4, 5),
            "typestr": "<f4",
            "data": (0, False),
            "version": 3,
            **changes,
        }


def test_build_info_says_what_cuda_can_do():
    assert CUDA["built"] == (find_spec("petsgan_sdk._cuda") is not None)
    if CUDA["built"]:
        assert CUDA["runtime"].split(".")[0].isdigit()
        assert "80" in CUDA["architectures"]
    assert CUDA["usable"] or CUDA["reason"]


@needs_build
def test_the_module_loads_without_a_driver():
    code = "import petsgan_sdk._cuda as c; print(c.status()['architectures'])"
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={"CUDA_VISIBLE_DEVICES": "", "PATH": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.split() == CUDA["architectures"], done.stderr


def test_where_it_was_not_built(monkeypatch):
    monkeypatch.setattr(_cuda_module, "_load", lambda: None)
    info = kernels.build_info()["cuda"]
    assert info["built"] is info["usable"] is False
    assert "not built" in info["reason"]
    array = OnDevice(FEATURES)
    with pytest.raises(BackendUnavailableError, match=r"not built .* hint: PETSGAN_ENABLE_CUDA=ON"):
        kernels.CudaPatchReference(array, array)
    reference = kernels.PatchReference(FEATURES, FEATURES)
    with pytest.raises(BackendUnavailableError, match="not built"):
        kernels.patch_transfer(array, reference, temperature=0.01, backend="cuda")


@needs_build
@needs_no_device
def test_where_there_is_no_device():
    match = "no usable device: .*cuda.*; hint: a driver for CUDA"
    array = OnDevice(FEATURES)
    with pytest.raises(BackendUnavailableError, match=match):
        kernels.CudaPatchReference(array, array)
    reference = kernels.PatchReference(FEATURES, FEATURES)
    with pytest.raises(BackendUnavailableError, match=match):
        kernels.patch_transfer(array, reference, temperature=0.01, backend="cuda")
    with pytest.raises(KernelError, match=r"cudaError\w+ \(.*\); hint: "):
        kernels.DeviceArray((2, 3), "float32", device=0, stream=0)


def test_numpy_arrays_are_refused_before_anything_is_copied():
    match = r"must be an array on a CUDA device, got numpy.ndarray; hint: torch.from_numpy"
    with pytest.raises(DTypeError, match=f"CudaPatchReference: features {match}"):
        kernels.CudaPatchReference(FEATURES, FEATURES)
    with pytest.raises(DTypeError, match=f"CudaPatchReference: values {match}"):
        kernels.CudaPatchReference(OnDevice(FEATURES), FEATURES)
    reference = kernels.PatchReference(FEATURES, FEATURES)
    with pytest.raises(DTypeError, match=f"patch_transfer: query {match}"):
        kernels.patch_transfer(QUERY, reference, temperature=0.01, backend="cuda")


def resize_on_cuda(source, **options):
    sizes = {"source_size": (3, 3), "target_size": (5, 6)}
    return kernels.resize_window(source, **sizes, backend="cuda", **options)


@pytest.mark.skipif(CUDA["usable"], reason="this machine has a CUDA device")
def test_a_resize_without_cuda():
    with pytest.raises(DTypeError, match="resize_window: source must be an array on a CUDA device"):
        resize_on_cuda(QUERY)
    with pytest.raises(BackendUnavailableError, match=r"not built|no usable device"):
        resize_on_cuda(OnDevice(QUERY))


class FakeModule:
    """The compiled module with its resize on the host, which gets what the checks let through."""

    def __init__(self):
        self.calls = []

    def borrow(self, capsule):
        return _cuda_module.module().borrow(capsule)

    def resize_window(self, **arguments):
        self.calls.append(arguments)


@needs_build
def test_a_resize_is_handed_on(monkeypatch):
    fake = FakeModule()
    monkeypatch.setattr(_resize_window_cuda, "usable_module", lambda: fake)
    memory = np.zeros((1, 2, 5, 6), dtype=np.float32)
    out = OnDevice(memory)
    assert resize_on_cuda(OnDevice(QUERY), wrap=True, stream=7, out=out) is out
    expected = {"maps": 2, "wrap": True, "device": 0, "stream": 7, "source": QUERY.ctypes.data}
    expected |= {"rows": (3, 5, 0, 5, 0, 3), "columns": (3, 6, 0, 6, 0, 3)}
    assert fake.calls == [expected | {"out": memory.ctypes.data}]
    for source, message in (
        (QUERY.astype(np.float16), "source must be float32, got float16"),
        (QUERY[0], r"source must have shape \[N, C, h, w\], got \(2, 3, 3\)"),
        (QUERY[:, :, :2].copy(), "rows: source must hold pixels 0 to 2"),
    ):
        with pytest.raises((DTypeError, ShapeError), match=message):
            resize_on_cuda(OnDevice(source), out=out)
    for wrong, error in ((memory[:, :, 1:].copy(), ShapeError), (memory.astype("i4"), DTypeError)):
        with pytest.raises(error, match=r"out must be float32 of shape \(1, 2, 5, 6\) on device 0"):
            resize_on_cuda(OnDevice(QUERY), out=OnDevice(wrong))
    assert len(fake.calls) == 1


@pytest.mark.parametrize("window", [0, 4, 7.0])
def test_window_must_be_odd(window):
    with pytest.raises(ConfigError, match="window must be an odd integer"):
        kernels.CudaPatchReference(OnDevice(FEATURES), OnDevice(FEATURES), window=window)


def test_backends_do_not_mix(monkeypatch):
    reference = object.__new__(kernels.CudaPatchReference)
    with pytest.raises(DTypeError, match="must be a PatchReference, got CudaPatchReference"):
        kernels.patch_transfer(QUERY, reference, temperature=0.01)
    monkeypatch.setattr(_patch_transfer_cuda, "usable_module", lambda: None)
    reference = kernels.PatchReference(FEATURES, FEATURES)
    with pytest.raises(DTypeError, match='must be a CudaPatchReference for backend "cuda"'):
        kernels.patch_transfer(OnDevice(QUERY), reference, temperature=0.01, backend="cuda")


def view(array, *, stream=0):
    return _cuda_array.device_view(array, name="op: x", stream=stream)


def test_what_is_no_cuda_array():
    with pytest.raises(DTypeError, match=r"op: x must be an array on .*, got list"):
        view([[1.0]])
    with pytest.raises(DTypeError, match="must be on a CUDA device, got an array on the CPU"):
        view(OnDevice(FEATURES, device=(1, 0)))
    with pytest.raises(DTypeError, match="got an array on a device of DLPack type 10"):
        view(OnDevice(FEATURES, device=(10, 0)))


@needs_build
def test_dlpack_is_read_in_place():
    array = np.arange(40, dtype=np.float32).reshape(2, 4, 5)
    lender = OnDevice(array)
    seen = view(lender, stream=0)
    assert lender.stream == 1  # the protocol's name of the default stream
    assert (seen.address, seen.shape, seen.dtype) == (array.ctypes.data, (2, 4, 5), "float32")
    lender = OnDevice(array[1:])
    assert view(lender, stream=7).address == array.ctypes.data + 80
    assert lender.stream == 7
    assert view(OnDevice(array.astype(np.float16))).dtype == "float16"
    assert view(OnDevice(array.astype(np.int64))).dtype == "DLPack type 0 of 64 bits"
    assert view(OnDevice(array[:1, :1])).shape == (1, 1, 5)  # strides of one element do not count
    with pytest.raises(DTypeError, match="must be C-contiguous"):
        view(OnDevice(array[:, ::2]))


@needs_build
def test_dlpack_capsules_are_taken_once():
    capsule = FEATURES.__dlpack__()
    module = _cuda_module.module()
    module.borrow(capsule)
    with pytest.raises(DTypeError, match="new capsule named dltensor, got used_dltensor"):
        module.borrow(capsule)


def test_an_owner_that_does_not_lend():
    class Refuses(OnDevice):
        def __dlpack__(self, *, stream=None):
            message = "requires grad"
            raise BufferError(message)

    with pytest.raises(InputError, match="cannot be read through DLPack: requires grad"):
        view(Refuses(FEATURES))


def test_the_array_interface_is_read_in_place():
    seen = view(WithInterface())
    assert (seen.shape, seen.dtype, seen.address) == ((2, 4, 5), "float32", 0)
    assert view(WithInterface(strides=(80, 20, 4))).shape == (2, 4, 5)
    assert view(WithInterface(typestr="<f8")).dtype == "<f8"
    with pytest.raises(DTypeError, match="must be C-contiguous"):
        view(WithInterface(strides=(80, 4, 16)))


def described(shape, dtype="float32", device=0):
    return _cuda_array.DeviceView(1, device, shape, dtype, None)


@pytest.mark.parametrize(
    ("features", "values", "error", "match"),
    [
        (described((2, 3, 4), "float64"), described((1, 3, 4)), DTypeError, "features must be fl"),
        (described((2, 3, 4)), described((1, 3, 4), "float16"), DTypeError, "values must be float"),
        (described((3, 4)), described((1, 3, 4)), ShapeError, r"\[C, h, w\] or .* got \(3, 4\)"),
        (described((0, 3, 4)), described((1, 3, 4)), ShapeError, "not be empty"),
        (described((2, 3, 4)), described((1, 3, 5)), ShapeError, r"\[V >= 1, 3, 4\] like features"),
        (described((2, 3, 4)), described((0, 3, 4)), ShapeError, "V >= 1"),
        (described((5, 2, 3, 4)), described((4, 1, 3, 4)), ShapeError, r"\[5, V >= 1, 3, 4\]"),
        (
            described((2, 3, 4)),
            described((1, 3, 4), device=1),
            DTypeError,
            "device 0 like features",
        ),
    ],
)
def test_reference_checks(features, values, error, match):
    with pytest.raises(error, match=match):
        _patch_transfer_cuda._check_reference(features, values, op="op")


@pytest.mark.parametrize(
    ("query", "error", "match"),
    [
        (described((1, 2, 3, 3), "float16"), DTypeError, "must be float32 .* got float16"),
        (described((1, 2, 3, 3), device=1), DTypeError, "on device 0 like the reference"),
        (described((2, 3, 3)), ShapeError, r"\[N, 2, h >= 1, w >= 1\], got \(2, 3, 3\)"),
        (described((1, 3, 3, 3)), ShapeError, r"got \(1, 3, 3, 3\)"),
        (described((1, 2, 0, 3)), ShapeError, "h >= 1"),
    ],
)
def test_query_checks(query, error, match):
    reference = object.__new__(kernels.CudaPatchReference)
    reference.shape, reference.dtype, reference.device = (2, 4, 5), "float32", 0
    with pytest.raises(error, match=match):
        _patch_transfer_cuda._check_query(query, reference, op="op")
