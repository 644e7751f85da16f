from __future__ import annotations

import gc
import weakref
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import petsgan_sdk
from petsgan_sdk import kernels, noise
from petsgan_sdk.container import unpack_array
from petsgan_sdk.errors import BundleError, ConfigError
from petsgan_sdk.runtime import Sampler, load, loading
from petsgan_sdk.runtime.rendering import renderer
from petsgan_sdk.runtime.rendering.noise_fields import between

pytest.importorskip("onnxruntime", reason="sampling needs onnxruntime")


def reference_image(*, seed: int, index: int, grid: tuple[int, int]) -> np.ndarray:
    """The steps of the test bundle by hand; the oracle of the graphs is onnx's own evaluator."""
    from onnx.reference import ReferenceEvaluator  # noqa: PLC0415
    from support import bundles  # noqa: PLC0415 - skips where onnx is absent

    held = bundles.members()

    def graph(name: str, feeds: dict[str, np.ndarray]) -> np.ndarray:
        return ReferenceEvaluator(held[f"graphs/{name}.onnx"]).run(None, feeds)[0]

    margin = bundles.MARGIN
    shape = (1, 1, grid[0] + 2 * margin, grid[1] + 2 * margin)
    z = noise.normal_noise(shape, seed=seed, first_image=index, top=-margin, left=-margin)
    position = noise.positional_encoding(
        *grid, frequencies=(1.0,), extent=bundles.REFERENCE_GRID, margin=margin
    )
    layout = graph("depnet", {"noise": z, "position": position})
    features = graph("features", {"image": layout})
    reference = kernels.PatchReference(
        unpack_array(held["arrays/reference_features.npy"]),
        unpack_array(held["arrays/reference_values.npy"]),
        window=bundles.WINDOW,
    )
    transfer = kernels.patch_transfer(features, reference, temperature=0.01, backend="numpy")
    texture = kernels.texture_transfer(
        transfer.index, unpack_array(held["arrays/texture.npy"]), factor=8, backend="numpy"
    )
    image = graph("restoration", {"low": transfer.values, "texture": texture})
    return np.clip(np.floor(image[0].transpose(1, 2, 0) * 127.5 + 127.5 + 0.5), 0, 255)


@pytest.mark.parametrize(
    ("height", "width", "grid"),
    [(48, 64, (6, 8)), (41, 57, (6, 8)), (16, 16, (4, 4)), (16, 90, (4, 12))],
)
def test_image_is_what_the_steps_say(
    sampler: Sampler, height: int, width: int, grid: tuple[int, int]
) -> None:
    image = sampler.sample(height=height, width=width, seed=3, start=5)[0]
    expected = reference_image(seed=3, index=5, grid=grid)[:height, :width]
    assert np.abs(image.astype(np.float64) - expected).max() <= 1
    assert image.std() > 5


def test_the_package_offers_load(bundle: Path) -> None:
    assert petsgan_sdk.load is load
    assert petsgan_sdk.Sampler is Sampler
    assert isinstance(petsgan_sdk.load(str(bundle)), Sampler)


def test_default_size_is_that_of_the_photo(sampler: Sampler) -> None:
    images = sampler.sample(2)
    assert images.shape == (2, 48, 64, 3)
    assert images.dtype == np.uint8
    assert images.flags.c_contiguous
    assert sampler.sample(width=20).shape == (1, 48, 20, 3)


def test_what_is_returned_is_the_callers_own(sampler: Sampler) -> None:
    for size in (48, 700):  # in one piece, and in blocks
        first = sampler.sample(height=size, width=size, seed=5)
        kept = first.copy()
        assert first.flags.c_contiguous
        first[...] = 0
        np.testing.assert_array_equal(sampler.sample(height=size, width=size, seed=5), kept)


def test_images_by_index_are_those_of_the_stream(sampler: Sampler) -> None:
    sampled = sampler.images_of(9, height=33, width=50)
    wanted = sampler.sample(3, height=33, width=50, seed=9, start=4)
    for index in (6, 4, 5):
        np.testing.assert_array_equal(sampled(index), wanted[index - 4])
    for wrong in ({"seed": -1}, {"height": 3}, {"height": 33, "width": 32, "seamless": True}):
        with pytest.raises(ConfigError, match="must"):
            sampler.images_of(**wrong)


def test_an_image_does_not_depend_on_its_company(sampler: Sampler) -> None:
    together = sampler.sample(4, height=33, width=50, seed=9)
    for k in range(4):
        alone = sampler.sample(1, height=33, width=50, seed=9, start=k)
        np.testing.assert_array_equal(alone[0], together[k])
    tail = sampler.sample(2, height=33, width=50, seed=9, start=2)
    np.testing.assert_array_equal(tail, together[2:])
    assert len({image.tobytes() for image in together}) == 4


def test_seeds_differ_and_repeat(sampler: Sampler, bundle: Path) -> None:
    first = sampler.sample(seed=1)
    assert (first != sampler.sample(seed=2)).any()
    assert (first != sampler.sample(seed=1 + 2**32)).any()
    np.testing.assert_array_equal(load(bundle, provider="cpu", threads=2).sample(seed=1), first)


def test_the_crop_is_a_part_of_the_canvas(sampler: Sampler) -> None:
    whole = sampler.sample(height=40, width=40, seed=4)
    np.testing.assert_array_equal(sampler.sample(height=37, width=33, seed=4), whole[:, :37, :33])
    # 16 px is less than the least canvas, 32 px.
    small = sampler.sample(height=32, width=32, seed=4)
    np.testing.assert_array_equal(sampler.sample(height=16, width=16, seed=4), small[:, :16, :16])


def test_threads_share_a_sampler(sampler: Sampler) -> None:
    sizes = [(32, 32), (48, 64), (40, 56), (33, 65)]
    wanted = {
        (seed, size): sampler.sample(height=size[0], width=size[1], seed=seed)
        for seed in range(4)
        for size in sizes
    }
    with ThreadPoolExecutor(8) as pool:
        jobs = [
            (key, pool.submit(sampler.sample, height=key[1][0], width=key[1][1], seed=key[0]))
            for key in list(wanted) * 3
        ]
        for key, job in jobs:
            np.testing.assert_array_equal(job.result(), wanted[key])


def test_a_large_canvas_gives_its_memory_back_and_is_the_same(
    sampler: Sampler, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = sampler.sample(height=64, width=64, seed=6)
    monkeypatch.setattr(renderer, "_KEPT_PIXELS", 100)
    np.testing.assert_array_equal(sampler.sample(height=64, width=64, seed=6), kept)


def test_images_are_lazy_and_the_same(sampler: Sampler) -> None:
    stages: list[str] = []
    images = sampler.images(3, seed=2, observer=lambda name, _: stages.append(name))
    assert stages == []
    np.testing.assert_array_equal(np.stack(list(images)), sampler.sample(3, seed=2))
    assert stages[:8] == [
        "noise",
        "position",
        "depnet",
        "features",
        "patch_transfer",
        "texture_transfer",
        "restoration",
        "to_uint8",
    ]
    with pytest.raises(ConfigError):
        sampler.images(0)


def test_interpolation_ends_at_the_two_samples(sampler: Sampler) -> None:
    images = sampler.interpolate(1, 2, steps=5, height=40, width=56)
    assert images.shape == (5, 40, 56, 3)
    np.testing.assert_array_equal(images[0], sampler.sample(height=40, width=56, seed=1)[0])
    np.testing.assert_array_equal(images[-1], sampler.sample(height=40, width=56, seed=2)[0])
    assert len({image.tobytes() for image in images}) > 2


def test_interpolated_noise_stays_normal() -> None:
    for position in (0.25, 0.5, 0.8):
        z = between(1, 2, position)((1, 1, 64, 64), 0, 0, 0)
        assert z.dtype == np.float32
        assert abs(float(z.std()) - 1) < 0.05
    same = between(5, 5, 0.3)((1, 1, 8, 8), 0, 0, 0)
    np.testing.assert_allclose(same, noise.normal_noise((1, 1, 8, 8), seed=5), rtol=1e-6)


@pytest.mark.parametrize(
    "asked",
    [
        {"n": 0},
        {"n": -3},
        {"n": 2.0},
        {"start": -1},
        {"seed": -1},
        {"seed": 2**64},
        {"seed": "0"},
        {"height": 0},
        {"height": 15},
        {"width": -1},
        {"height": 10**9},
        {"height": 8000, "width": 8000},
        {"n": 10**9},
    ],
)
def test_impossible_requests_are_refused(sampler: Sampler, asked: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match="must be"):
        sampler.sample(**asked)


@pytest.mark.parametrize("asked", [{"steps": 1}, {"steps": 10**9}, {"height": 8}])
def test_impossible_interpolations_are_refused(sampler: Sampler, asked: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match="must be"):
        sampler.interpolate(0, 1, **asked)
    with pytest.raises(ConfigError, match="seed_b must be"):
        sampler.interpolate(0, -1)


def test_warmup_and_info(sampler: Sampler, bundle: Path) -> None:
    sampler.warmup()
    sampler.warmup([(16, 16), (40, 48)])
    with pytest.raises(ConfigError):
        sampler.warmup([(1, 1)])
    info = sampler.info()
    assert info["provider"] == "cpu"
    assert info["threads"] == 1
    assert info["size"] == [64, 48]
    assert info["path"] == str(bundle)


def test_the_bundle_is_not_kept(bundle: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[weakref.ref[Any]] = []
    real = loading.open_bundle

    class Tracked(dict):  # plain dicts take no weak reference
        pass

    def opened(path: Path) -> Any:
        held = real(path)
        graphs = Tracked(held.graphs)
        seen.append(weakref.ref(graphs))
        object.__setattr__(held, "graphs", graphs)
        return held

    monkeypatch.setattr(loading, "open_bundle", opened)
    loaded = load(bundle, provider="cpu", threads=1)
    gc.collect()
    assert loaded.threads == 1
    assert seen[0]() is None


@pytest.mark.parametrize("size", [(48, 64), (41, 57)])
def test_compiled_noise_and_conversion_give_the_bytes_of_numpy(
    sampler: Sampler, monkeypatch: pytest.MonkeyPatch, size: tuple[int, int]
) -> None:
    wanted = sampler.sample(2, height=size[0], width=size[1], seed=8)
    used: list[str] = []

    def twin(name: str) -> Any:
        real = getattr(kernels, name)

        def run(*args: Any, **options: Any) -> Any:
            used.append(name)
            return real(*args, **options, backend="numpy")

        return run

    for name in ("normal_noise", "signed_to_u8"):
        monkeypatch.setattr(kernels, name, twin(name))
    np.testing.assert_array_equal(sampler.sample(2, height=size[0], width=size[1], seed=8), wanted)
    assert used == ["normal_noise", "signed_to_u8"] * 2


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_numbers_that_are_not_finite_are_an_error(
    sampler: Sampler, monkeypatch: pytest.MonkeyPatch, bad: float
) -> None:
    canvas = np.zeros((1, 3, 48, 64), dtype=np.float32)
    canvas[0, 1, 2, 3] = bad
    monkeypatch.setattr(sampler._renderer._pipeline, "run", lambda *_, **__: canvas)
    with pytest.raises(BundleError, match="the model made values that are not finite"):
        sampler.sample()
