"""Patch transfer on a CUDA device, against the dense float64 form and the CPU kernel."""

from __future__ import annotations

import importlib

import numpy as np
import pytest
from support.cuda_cases import Case, check_against_dense, random_inputs, smooth_inputs
from support.cuda_emulation import decode
from support.tolerances import assert_close

from petsgan_sdk import kernels
from petsgan_sdk.errors import DTypeError, InputError, KernelError, ShapeError

CUDA = kernels.build_info()["cuda"]

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not CUDA["usable"], reason=f"CUDA kernels: {CUDA.get('reason')}"),
]

CASES = [
    Case((12, 16), (16, 12), channels=64),
    Case((21, 37), (19, 32), batch=2),
    Case((1, 1), (1, 1), channels=1, value_channels=1),
    Case((5, 4), (3, 9), value_channels=5),
    Case((8, 8), (9, 7), channels=65, window=9, batch=2),
    Case((40, 70), (37, 66), channels=7, images=2),
    Case((6, 5), (7, 5), window=41, batch=3),
    Case((3, 70), (4, 69), channels=2, window=65),
]
# The oracle sees the same features, and products of 16-bit numbers are exact in float32. But tensor
# cores add up without rounding to the nearest, which over 65 * 81 terms of a patch may lose some
# 1e-5 of a cosine, and a weight at temperature 0.01 a hundred times that.
HALF_TIE, HALF_TOLERANCE = 1e-3, "float16"


@pytest.fixture(scope="module")
def torch():
    module = pytest.importorskip("torch")
    if not module.cuda.is_available():
        pytest.skip("this torch has no CUDA, so there are no CUDA arrays to pass")
    return module


def on_device(torch, encoded, dtype):
    if dtype == "bfloat16":
        return torch.from_numpy(decode(encoded, dtype)).to(torch.bfloat16).cuda()
    return torch.from_numpy(encoded).cuda()


def device_inputs(torch, case, inputs, **arguments):
    query, features, values = inputs
    reference = kernels.CudaPatchReference(
        on_device(torch, features, case.dtype),
        torch.from_numpy(values).cuda(),
        window=case.window,
        **arguments,
    )
    return on_device(torch, query, case.dtype), reference


def to_numpy(torch, result):
    return tuple(
        torch.from_dlpack(array).cpu().numpy()
        for array in (result.values, result.index, result.weight)
    )


def run(torch, case, inputs, *, temperature=0.01, normalize=True):
    query, reference = device_inputs(torch, case, inputs)
    result = kernels.patch_transfer(
        query, reference, temperature=temperature, normalize=normalize, backend="cuda"
    )
    return to_numpy(torch, result)


@pytest.mark.parametrize("make_inputs", [random_inputs, smooth_inputs])
@pytest.mark.parametrize("temperature", [0.0, 0.01, 1.0])
@pytest.mark.parametrize("case", CASES, ids=str)
def test_against_the_dense_form(torch, case, temperature, make_inputs):
    if make_inputs is smooth_inputs and case.channels < 3:
        case = Case(case.query, case.reference, 3, case.window)
    inputs = make_inputs(case)
    for normalize in (True, False):
        result = run(torch, case, inputs, temperature=temperature, normalize=normalize)
        check_against_dense(case, inputs, result, temperature=temperature, normalize=normalize)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
@pytest.mark.parametrize("case", CASES, ids=str)
def test_sixteen_bit_features(torch, case, dtype):
    case = Case(**{**vars(case), "dtype": dtype})
    inputs = random_inputs(case)
    check_against_dense(
        case,
        inputs,
        run(torch, case, inputs),
        temperature=0.01,
        normalize=True,
        tie=HALF_TIE,
        tolerance=HALF_TOLERANCE,
    )


@pytest.mark.parametrize("size", [(64, 64), (128, 128), (33, 200)])
def test_against_the_cpu_kernel(torch, size):
    case = Case(size, (64, 64), channels=64)
    inputs = random_inputs(case)
    out, index, weight = run(torch, case, inputs)
    reference = kernels.PatchReference(inputs[1], inputs[2])
    expected = kernels.patch_transfer(inputs[0], reference, temperature=0.01)
    assert (index != expected.index).mean() < 1e-3  # ties in either order
    assert_close(weight, expected.weight, tolerance="runtimes")
    if (index == expected.index).all():
        assert_close(out, expected.values, tolerance="runtimes")


def test_every_run_gives_the_same_bits(torch):
    case = Case((40, 50), (45, 37), channels=64, batch=3)
    inputs = random_inputs(case)
    expected = run(torch, case, inputs)
    for _ in range(5):
        for a, b in zip(run(torch, case, inputs), expected, strict=True):
            np.testing.assert_array_equal(a, b)


def test_an_image_of_a_batch_is_the_image_alone(torch):
    case = Case((20, 30), (25, 17), channels=5, batch=3)
    inputs = random_inputs(case)
    together = run(torch, case, inputs)
    alone = Case((20, 30), (25, 17), channels=5)
    for n in range(case.batch):
        single = run(torch, alone, (inputs[0][n : n + 1], *inputs[1:]))
        for whole, part in zip(together, single, strict=True):
            np.testing.assert_array_equal(whole[n], part[0])


def test_empty_batch(torch):
    case = Case((3, 4), (5, 6), batch=0)
    out, index, weight = run(torch, case, random_inputs(case))
    assert out.shape == (0, 3, 3, 4)
    assert index.shape == weight.shape == (0, 3, 4)


def test_on_a_stream_of_the_caller(torch):
    case = Case((64, 64), (64, 64), channels=64)
    inputs = random_inputs(case)
    expected = run(torch, case, inputs)
    query, reference = device_inputs(torch, case, inputs)
    stream = torch.cuda.Stream()
    late = torch.zeros_like(query)
    torch.cuda.synchronize()
    with torch.cuda.stream(stream):
        torch.cuda._sleep(50_000_000)  # so that work on another stream would read the zeros
        late.copy_(query)
        result = kernels.patch_transfer(
            late, reference, temperature=0.01, backend="cuda", stream=stream.cuda_stream
        )
    # Read on the default stream: the protocol makes it wait for the other one.
    for a, b in zip(to_numpy(torch, result), expected, strict=True):
        np.testing.assert_array_equal(a, b)


def test_in_a_captured_graph(torch):
    case = Case((32, 32), (32, 32), channels=64)
    inputs, others = random_inputs(case), random_inputs(case, seed=1)
    query, reference = device_inputs(torch, case, inputs)
    out = (
        torch.empty(1, case.value_channels, *case.query, device="cuda"),
        torch.empty(1, *case.query, dtype=torch.int32, device="cuda"),
        torch.empty(1, *case.query, device="cuda"),
    )

    def transfer():
        handle = torch.cuda.current_stream().cuda_stream
        kernels.patch_transfer(
            query, reference, temperature=0.01, backend="cuda", stream=handle, out=out
        )

    side = torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        transfer()
    torch.cuda.current_stream().wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        transfer()
    for array in (inputs[0], others[0]):
        query.copy_(torch.from_numpy(array))
        graph.replay()
        torch.cuda.synchronize()
        expected = run(torch, case, (array, *inputs[1:]))
        for a, b in zip(out, expected, strict=True):
            np.testing.assert_array_equal(a.cpu().numpy(), b)


def test_results_are_read_through_either_protocol(torch):
    case = Case((5, 6), (7, 8))
    query, reference = device_inputs(torch, case, random_inputs(case))
    weight = kernels.patch_transfer(query, reference, temperature=0.01, backend="cuda").weight
    through_dlpack = torch.from_dlpack(weight)
    interface = weight.__cuda_array_interface__
    assert interface["data"][0] == through_dlpack.data_ptr()
    assert torch.equal(torch.as_tensor(weight, device="cuda"), through_dlpack)
    expected = through_dlpack.cpu().clone()
    del weight  # the tensor keeps the memory
    assert torch.equal(through_dlpack.cpu(), expected)


def test_features_that_are_not_finite(torch):
    case = Case((4, 5), (6, 5), batch=2)
    query, features, values = random_inputs(case)
    query[1, 2, 3, 4] = np.nan
    weight = run(torch, case, (query, features, values))[2]
    assert np.isnan(weight[1]).all()
    assert np.isfinite(weight[0]).all()
    features[0, 2, 1, 3] = np.inf
    with pytest.raises(InputError, match=r"features must be finite, .* at index \[0, 2, 1, 3\]"):
        run(torch, case, (query, features, values))


def test_wrong_arrays(torch):
    case = Case((4, 5), (6, 5))
    inputs = random_inputs(case)
    query, reference = device_inputs(torch, case, inputs)
    settings = {"temperature": 0.01, "backend": "cuda"}
    with pytest.raises(DTypeError, match="got an array on the CPU"):
        kernels.patch_transfer(query.cpu(), reference, **settings)
    with pytest.raises(DTypeError, match=r"query must be float32 .* got float16"):
        kernels.patch_transfer(query.half(), reference, **settings)
    with pytest.raises(DTypeError, match="must be C-contiguous"):
        kernels.patch_transfer(query.transpose(2, 3), reference, **settings)
    with pytest.raises(ShapeError, match=r"\[N, 3, h >= 1, w >= 1\]"):
        kernels.patch_transfer(query[:, :2].contiguous(), reference, **settings)
    out = [torch.empty(1, device="cuda")] * 3
    with pytest.raises(ShapeError, match="out values must be float32 of shape"):
        kernels.patch_transfer(query, reference, **settings, out=out)


def test_a_failed_launch_names_the_cuda_error(torch):
    case = Case((4, 5), (6, 5))
    query, reference = device_inputs(torch, case, random_inputs(case))
    graph, stream = torch.cuda.CUDAGraph(), torch.cuda.Stream()
    # Memory for the results cannot be allocated while a graph is captured.
    match = r"cudaErrorStreamCapture\w+ .*hint: pass the output arrays"
    with torch.cuda.stream(stream):
        graph.capture_begin()
        with pytest.raises(KernelError, match=match):
            kernels.patch_transfer(
                query, reference, temperature=0.01, backend="cuda", stream=stream.cuda_stream
            )
        with pytest.raises(RuntimeError):
            graph.capture_end()  # the failed allocation has ended the capture


def test_the_operator_of_torch(torch):
    patch_transfer = importlib.import_module("petsgan_sdk.models").patch_transfer
    query, features, values = random_inputs(CASES[1])
    arguments = [torch.from_numpy(array) for array in (query, features, values)]
    on_cpu = patch_transfer(*arguments, window=7, temperature=0.01)
    found = patch_transfer(*[tensor.cuda() for tensor in arguments], window=7, temperature=0.01)
    assert torch.equal(found[1].cpu(), on_cpu[1])
    for tensor, expected in zip(found, on_cpu, strict=True):
        assert tensor.is_cuda
        assert_close(tensor.cpu().numpy(), expected.numpy())
