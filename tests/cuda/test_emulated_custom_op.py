"""The op of the CUDA provider, with the emulated kernels and a fake runtime around it.

What a GPU and the real provider do with it is not tested here: it has not been run on one.
"""

from __future__ import annotations

import ctypes
import subprocess

import numpy as np
import pytest
from support import cuda_emulation
from support.fake_onnxruntime import FakeRuntime, RuntimeStatusError
from support.tolerances import assert_close

from petsgan_sdk import kernels

SOURCES = ("patch_transfer_cuda.cpp", "patch_transfer_op.cpp", "tensor.cpp")


@pytest.fixture(scope="session")
def op(emulation, tmp_path_factory):
    target = tmp_path_factory.mktemp("op") / "libop.so"
    root = cuda_emulation.ROOT
    command = [
        *(cuda_emulation.compiler(), "-std=c++17", "-O1", "-fPIC", "-shared"),
        *("-Wall", "-Wextra", "-Wconversion", "-Werror"),
        *(f"-I{root / 'csrc'}", f"-I{root / 'csrc/include'}"),
        *(str(root / "csrc/ort" / name) for name in SOURCES),
        str(root / "tests/cuda/emulated_op.cpp"),
        *(str(emulation.path), f"-Wl,-rpath,{emulation.path.parent}", "-o", str(target)),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    library = ctypes.CDLL(str(target))
    library.emulated_op.restype = ctypes.c_void_p
    return library.emulated_op()


def make_arrays(batch, channels, query, lead, reference, value_channels):
    rng = np.random.default_rng(0)
    return (
        rng.standard_normal((batch, channels, *query)).astype(np.float32),
        rng.standard_normal((*lead, channels, *reference)).astype(np.float32),
        rng.uniform(-1, 1, (*lead, value_channels, *reference)).astype(np.float32),
    )


@pytest.mark.parametrize("normalize", [0, 1])
@pytest.mark.parametrize("temperature", [0.01, 0.0])
@pytest.mark.parametrize(
    "sizes",
    [
        (1, 3, (9, 12), (), (8, 11), 3),
        (3, 5, (7, 6), (2,), (5, 9), 2),
        (0, 3, (4, 4), (), (5, 5), 1),
    ],
    ids=["one", "several references", "empty batch"],
)
def test_same_result_as_on_the_cpu(op, sizes, temperature, normalize):
    query, features, values = make_arrays(*sizes)
    node = FakeRuntime(op, {"window": 5, "temperature": temperature, "normalize": normalize})
    actual = node.run(query, features, values)
    expected = kernels.patch_transfer(
        query,
        kernels.PatchReference(features, values, window=5),
        temperature=float(np.float32(temperature)),
        normalize=normalize == 1,
    )
    np.testing.assert_array_equal(actual[1], expected.index)
    assert_close(actual[2], expected.weight)
    assert_close(actual[0], expected.values)
    node.close()
    assert not node.scratch
    assert node.allocators == 0


def test_index_and_weight_may_be_left_out(op):
    arrays = make_arrays(2, 3, (6, 7), (), (8, 5), 2)
    full = FakeRuntime(op, {}).run(*arrays)
    for outputs in ((0,), (0, 2)):
        node = FakeRuntime(op, {}, outputs=outputs)
        for i, array in enumerate(node.run(*arrays)):
            if i in outputs:
                np.testing.assert_array_equal(array, full[i])
            else:
                assert array is None
        assert not node.scratch


def test_features_that_are_not_finite_give_weights_that_are_not(op):
    query, features, values = make_arrays(2, 3, (6, 7), (), (8, 5), 2)
    query[1, 0, 2, 3] = np.nan
    weight = FakeRuntime(op, {}).run(query, features, values)[2]
    assert np.isfinite(weight[0]).all()
    assert np.isnan(weight[1]).all()


def test_wrong_shapes_and_attributes(op):
    query, features, values = make_arrays(1, 3, (6, 7), (), (8, 5), 2)
    node = FakeRuntime(op, {})
    with pytest.raises(RuntimeStatusError, match=r"2: PatchTransfer: query must have shape \[N, 3"):
        node.run(query[0], features, values)
    with pytest.raises(RuntimeStatusError, match="2: patch_transfer: query height must be"):
        node.run(query[:, :, :0], features, values)
    with pytest.raises(RuntimeStatusError, match="2: PatchTransfer: values must have the shape"):
        node.run(query, features, values[:, 1:])
    assert not node.scratch
    with pytest.raises(RuntimeStatusError, match="2: PatchTransfer: attribute window must be an"):
        FakeRuntime(op, {"window": 4})
    with pytest.raises(RuntimeStatusError, match="temperature must be a float, got another type"):
        FakeRuntime(op, {"temperature": 1})
