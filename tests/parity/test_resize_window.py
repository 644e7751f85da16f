from __future__ import annotations

import numpy as np
import pytest

from petsgan_sdk import kernels

BACKENDS = kernels.available_backends()
TOLERANCE = 1e-6  # values in [-1, 1], and torch rounds coordinates to float32

# Source and target heights and widths: levels of a pyramid, shrinking, single pixels.
SIZES = [
    ((32, 48), (45, 67)),
    ((166, 125), (256, 193)),
    ((45, 58), (32, 32)),
    ((7, 9), (1, 40)),
    ((1, 5), (9, 5)),
    ((64, 33), (192, 11)),
]


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize(("source_size", "target_size"), SIZES)
def test_the_whole_map_is_that_of_torch(backend, source_size, target_size):
    torch = pytest.importorskip("torch")
    values = np.random.default_rng(4).uniform(-1, 1, (2, 3, *source_size))
    source = values.astype(np.float32)
    # In float64, so that the tolerance is for our rounding alone.
    expected = torch.nn.functional.interpolate(
        torch.from_numpy(source.astype(np.float64)),
        size=target_size, mode="bilinear", align_corners=False,
    )  # fmt: skip
    out = kernels.resize_window(
        source, source_size=source_size, target_size=target_size, backend=backend
    )
    np.testing.assert_allclose(out, expected.numpy(), rtol=0, atol=TOLERANCE)


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_torus_is_the_middle_of_torch_s_tiles(backend):
    torch = pytest.importorskip("torch")
    source = np.random.default_rng(5).uniform(-1, 1, (1, 2, 13, 10)).astype(np.float32)
    tiles = torch.from_numpy(np.tile(source, (3, 3)).astype(np.float64))
    resized = torch.nn.functional.interpolate(
        tiles, size=(3 * 21, 3 * 16), mode="bilinear", align_corners=False
    )
    out = kernels.resize_window(
        source, source_size=(13, 10), target_size=(21, 16), wrap=True, backend=backend
    )
    middle = resized[:, :, 21:42, 16:32].numpy()
    np.testing.assert_allclose(out, middle, rtol=0, atol=TOLERANCE)
