"""The resize on a CUDA device, against the numpy twin."""

from __future__ import annotations

import numpy as np
import pytest

from petsgan_sdk import kernels
from petsgan_sdk.errors import DTypeError, ShapeError

CUDA = kernels.build_info()["cuda"]

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not CUDA["usable"], reason=f"CUDA kernels: {CUDA.get('reason')}"),
]

WINDOWS = [
    ((166, 125), (256, 193), None, False),
    ((45, 58), (32, 32), None, False),
    ((32, 32), (45, 32), (3, 1, 40, 30), False),
    ((33, 47), (58, 129), (-7, 12, 71, 300), True),
    ((5, 7), (5, 7), None, False),
]


@pytest.fixture(scope="module")
def torch():
    module = pytest.importorskip("torch")
    if not module.cuda.is_available():
        pytest.skip("this torch has no CUDA, so there are no CUDA arrays to pass")
    return module


def random_maps(*shape):
    return np.random.default_rng(9).uniform(-1, 1, shape).astype(np.float32)


@pytest.mark.parametrize(("source_size", "target_size", "window", "wrap"), WINDOWS)
def test_the_bits_of_numpy(torch, source_size, target_size, window, wrap):
    source = random_maps(2, 3, *source_size)
    sizes = {"source_size": source_size, "target_size": target_size, "window": window, "wrap": wrap}
    expected = kernels.resize_window(source, **sizes, backend="numpy")
    stream = torch.cuda.Stream()
    with torch.cuda.stream(stream):
        found = kernels.resize_window(
            torch.from_numpy(source).cuda(), **sizes, backend="cuda", stream=stream.cuda_stream
        )
        assert torch.from_dlpack(found).cpu().numpy().tobytes() == expected.tobytes()


def test_out_and_capture(torch):
    source, out = torch.zeros(1, 3, 12, 15, device="cuda"), torch.zeros(1, 3, 20, 31, device="cuda")
    sizes = {"source_size": (12, 15), "target_size": (20, 31)}
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        stream = torch.cuda.current_stream().cuda_stream
        result = kernels.resize_window(source, **sizes, backend="cuda", stream=stream, out=out)
    assert result is out
    values = random_maps(1, 3, 12, 15)
    source.copy_(torch.from_numpy(values))
    graph.replay()
    expected = kernels.resize_window(values, **sizes, backend="numpy")
    assert out.cpu().numpy().tobytes() == expected.tobytes()


def test_other_outputs_are_refused(torch):
    source = torch.zeros(1, 3, 12, 15, device="cuda")
    sizes = {"source_size": (12, 15), "target_size": (20, 31), "backend": "cuda"}
    with pytest.raises(ShapeError, match=r"out must be float32 of shape \(1, 3, 20, 31\)"):
        kernels.resize_window(source, **sizes, out=torch.zeros(1, 3, 20, 30, device="cuda"))
    with pytest.raises(DTypeError, match="out must be float32"):
        kernels.resize_window(source, **sizes, out=torch.zeros(1, 3, 20, 31, device="cuda").half())
    with pytest.raises(DTypeError, match="source must be float32, got float16"):
        kernels.resize_window(source.half(), **sizes)
