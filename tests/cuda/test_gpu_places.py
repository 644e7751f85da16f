"""Coordinate synthesis on a CUDA device, against the CPU's kernels."""

from __future__ import annotations

import numpy as np
import pytest
from support.place_cases import (
    COSTS,
    correction,
    guides,
    level_of,
    pieces,
    projection,
    random_photo,
)

from petsgan_sdk import kernels
from petsgan_sdk.errors import ShapeError
from petsgan_sdk.kernels import PlaceCosts

CUDA = kernels.build_info()["cuda"]

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not CUDA["usable"], reason=f"CUDA kernels: {CUDA.get('reason')}"),
]
COMPOSITE = {"screening": 0.03, "slowest": 0.06, "steps": 40, "softness": 30.0}


@pytest.fixture(scope="module")
def torch():
    module = pytest.importorskip("torch")
    if not module.cuda.is_available():
        pytest.skip("this torch has no CUDA, so there are no CUDA arrays to pass")
    return module


def on_device(torch, call):
    def moved(array):
        return None if array is None else torch.from_numpy(array).cuda()

    level = call["level"]
    arrays = {
        name: moved(call.get(name)) for name in ("places", "row_guides", "column_guides", "fixed")
    }
    of_level = kernels.CudaPlaceLevel(
        moved(level.features), moved(level.alike), shift=level.shift, prices=moved(level.prices)
    )
    return call | arrays | {"level": of_level, "backend": "cuda"}


def to_numpy(torch, result):
    return torch.from_dlpack(result).cpu().numpy()


def large_correction():
    rng = np.random.default_rng(3)
    photo = random_photo(rng, 90, 120)
    size = (150, 203)
    return {
        "places": np.stack([rng.integers(0, n, size) for n in (90, 120)], -1).astype(np.int16),
        "level": level_of(rng, photo, shift=1, alike=8, prices=False),
        "costs": PlaceCosts(**COSTS, repeat=20_000, most_repeats=6, repeat_radius=16),
        "passes": 3,
        **guides(rng, size),
        "fixed": (rng.random(size) < 0.1).astype(np.uint8),
    }


@pytest.mark.parametrize("wraps", [False, True])
@pytest.mark.parametrize("seed", [0, 1, 2, None])
def test_the_places_of_the_cpu(torch, seed, wraps):
    call = large_correction() if seed is None else correction(seed)
    call["wraps"] = wraps
    found = to_numpy(torch, kernels.correct_places(**on_device(torch, call)))
    np.testing.assert_array_equal(found, kernels.correct_places(**call))


@pytest.mark.parametrize("size", [(5, 7), (150, 203)])
def test_the_composites_and_features_of_the_cpu(torch, size):
    rng = np.random.default_rng(4)
    photo = random_photo(rng, 90, 120)
    places = pieces(rng, size, photo)
    basis, bias = projection(rng)
    pixels = torch.from_numpy(photo).cuda()
    found = kernels.composite_places(
        torch.from_numpy(places).cuda(), pixels, **COMPOSITE, backend="cuda"
    )
    wanted = kernels.composite_places(places, photo, **COMPOSITE)
    assert to_numpy(torch, found).tobytes() == wanted.tobytes()
    found = kernels.place_features(pixels, basis, bias, shift=11, backend="cuda")
    wanted = kernels.place_features(photo, basis, bias, shift=11)
    np.testing.assert_array_equal(to_numpy(torch, found), wanted)


def test_out_and_capture(torch):
    call = correction(2)
    given = on_device(torch, call)
    photo = random_photo(np.random.default_rng(5), 11, 13)
    pixels = torch.from_numpy(photo).cuda()
    places = torch.zeros(14, 9, 2, dtype=torch.int16, device="cuda")
    image = torch.zeros(3, 14, 9, device="cuda")
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        stream = torch.cuda.current_stream().cuda_stream
        kernels.correct_places(**given, out=places, stream=stream)
        kernels.composite_places(
            places, pixels, **COMPOSITE, backend="cuda", out=image, stream=stream
        )
    graph.replay()
    wanted = kernels.correct_places(**call)
    np.testing.assert_array_equal(places.cpu().numpy(), wanted)
    assert image.cpu().numpy().tobytes() == (
        kernels.composite_places(wanted, photo, **COMPOSITE).tobytes()
    )


def test_numbers_out_of_range(torch):
    given = on_device(torch, correction(2))
    given["places"][3, 4] = 11
    assert (to_numpy(torch, kernels.correct_places(**given)) == -1).all()
    pixels = torch.zeros(11, 13, 3, dtype=torch.uint8, device="cuda")
    found = kernels.composite_places(given["places"], pixels, **COMPOSITE, backend="cuda")
    assert np.isnan(to_numpy(torch, found)).all()
    call = correction(1)
    call["level"].prices[5, 6] = 1 << 25
    with pytest.raises(ShapeError, match=r"prices must be within 2\^24 of 0, .* index \[5, 6\]"):
        on_device(torch, call)
