from __future__ import annotations

import numpy as np
import pytest

from petsgan_sdk import kernels
from petsgan_sdk.errors import DTypeError
from petsgan_sdk.kernels._checks import as_array, check_array

BACKENDS = kernels.available_backends()


class Dlpack:
    """An array of some other library."""

    def __init__(self, array, *, device=(1, 0), failure=None):
        self.array, self.device, self.failure = array, device, failure

    def __dlpack__(self, **arguments):
        if self.failure is not None:
            raise self.failure
        return self.array.__dlpack__(**arguments)

    def __dlpack_device__(self):
        return self.device


class Interface:
    def __init__(self, array, *, attribute="__array_interface__"):
        self.array = array  # keeps the memory
        setattr(self, attribute, array.__array_interface__)


class Recorder:
    """Stands for the packed reference, and remembers where the query was."""

    def transfer(self, query, **_):
        self.pointer = query.ctypes.data
        return None, None, None


def random_map(*shape):
    return np.random.default_rng(0).standard_normal(shape).astype(np.float32)


def torch_tensor(array):
    torch = pytest.importorskip("torch", reason="its tensors are what is tested")
    return torch.from_numpy(array)


EXPORTERS = [Dlpack, Interface, torch_tensor, lambda array: Dlpack(array, device=(3, 0))]
exporters = pytest.mark.parametrize(
    "export", EXPORTERS, ids=["dlpack", "interface", "torch", "pin"]
)


@exporters
def test_an_array_of_another_library_is_not_copied(export):
    array = random_map(2, 3, 4)
    view = check_array(export(array), name="op: array", axes="a, b, c")
    assert view.ctypes.data == array.ctypes.data
    np.testing.assert_array_equal(view, array)


def test_a_numpy_array_is_itself():
    array = random_map(2)
    assert as_array(array, name="op: array") is array


@pytest.mark.skipif("cpu" not in BACKENDS, reason="the C++ kernels are not built")
@exporters
def test_the_query_is_read_in_place(export):
    reference = kernels.PatchReference(random_map(2, 4, 4), random_map(1, 4, 4), window=3)
    recorder = Recorder()
    object.__setattr__(reference, "_packed", recorder)
    query = random_map(1, 2, 3, 5)
    kernels.patch_transfer(export(query), reference, temperature=0.1, backend="cpu")
    assert recorder.pointer == query.ctypes.data


@exporters
@pytest.mark.parametrize("backend", BACKENDS)
def test_every_op_takes_them(export, backend):
    features, values = random_map(2, 4, 5), random_map(3, 4, 5)
    query = random_map(1, 2, 6, 3)
    ours = kernels.PatchReference(features, values, window=3)
    theirs = kernels.PatchReference(export(features), export(values), window=3)
    expected = kernels.patch_transfer(query, ours, temperature=0.1, backend=backend)
    result = kernels.patch_transfer(export(query), theirs, temperature=0.1, backend=backend)
    np.testing.assert_array_equal(result.values, expected.values)
    texture = random_map(3, 8, 10)
    np.testing.assert_array_equal(
        kernels.texture_transfer(export(result.index), export(texture), factor=2, backend=backend),
        kernels.texture_transfer(expected.index, texture, factor=2, backend=backend),
    )


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (Dlpack(None, device=(2, 1)), r"op: array must be in CPU memory, got an array on cuda:1; "),
        (Dlpack(None, device=(10, 0)), "got an array on rocm:0; hint: "),
        (Dlpack(None, device=(99, 0)), "got an array on device type 99:0; hint: "),
        (Interface(random_map(2), attribute="__cuda_array_interface__"), "got an array on cuda"),
        (Dlpack(None, failure=BufferError("no")), "without a copy, but Dlpack says: no"),
        (Dlpack(random_map(2), device=None), "without a copy, but Dlpack says: "),
        ([1.0], "op: array must be a numpy array, got list; hint: "),
        (None, "op: array must be a numpy array, got NoneType; hint: "),
    ],
)
def test_what_cannot_be_read_is_refused(array, message):
    with pytest.raises(DTypeError, match=message):
        as_array(array, name="op: array")


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda t: t.requires_grad_(), r"must not require a gradient.*hint: tensor.detach\(\)"),
        (lambda t: t.bfloat16(), "op: array must be (float32, got|readable)"),
        (lambda t: t.double(), "op: array must be float32, got float64"),
        (lambda t: t.T, "op: array must be C-contiguous, got strides"),
        (lambda t: t.to_sparse(), "op: array must be readable without a copy"),
        (lambda t: t.to("meta"), "op: array must be"),
    ],
)
def test_tensors_that_are_refused(make, message):
    tensor = make(torch_tensor(random_map(2, 3)))
    with pytest.raises(DTypeError, match=message):
        check_array(tensor, name="op: array", axes="a, b")


def test_the_memory_of_a_tensor_outlives_it():
    view = as_array(torch_tensor(random_map(1000, 100)) + 1, name="op: array")
    torch_tensor(np.zeros((1000, 100), np.float32)) + 7  # would reuse the memory
    np.testing.assert_array_equal(view, random_map(1000, 100) + 1)
