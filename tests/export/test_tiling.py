"""A trained model in tiles: what export says of it, and images with and without a seam."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("onnxruntime", reason="sampling needs onnxruntime")
pytest.importorskip("torch", reason="export needs torch")

from petsgan_sdk.errors import ParityError
from petsgan_sdk.export.parity.windows import check_windows
from petsgan_sdk.export.tiling.halo import with_halos
from petsgan_sdk.manifest import GraphStep
from petsgan_sdk.runtime import Sampler, load
from petsgan_sdk.runtime.bundle import Bundle, open_bundle
from petsgan_sdk.runtime.rendering import blocks
from petsgan_sdk.runtime.rendering.pipeline import build_pipeline


@pytest.fixture(scope="module")
def sampler(exported: Path) -> Sampler:
    return load(exported, provider="cpu", threads=1)


def windows_of(bundle: Bundle) -> float:
    return check_windows(bundle.manifest, build_pipeline(bundle, provider="cpu", threads=1))


def test_export_says_how_far_each_graph_sees(exported: Path) -> None:
    halos = {
        step.member: step.halo
        for step in open_bundle(exported).manifest.steps
        if isinstance(step, GraphStep)
    }
    # DEPNet's margins hold all it looks at; IR: 2 px at full size, 6 at a quarter, 1 at an eighth.
    assert halos == {
        "graphs/depnet.onnx": 0,
        "graphs/features.onnx": 1,
        "graphs/restoration.onnx": 4,
    }


def test_a_halo_that_is_too_small_is_found(exported: Path) -> None:
    bundle = open_bundle(exported)
    assert windows_of(bundle) < 1e-5
    for member, halo in (("graphs/restoration.onnx", 3), ("graphs/features.onnx", 0)):
        steps = tuple(
            replace(step, halo=halo)
            if isinstance(step, GraphStep) and step.member == member
            else step
            for step in bundle.manifest.steps
        )
        wrong = replace(bundle, manifest=replace(bundle.manifest, steps=steps))
        with pytest.raises(ParityError, match=f"{member} must see at most {halo}"):
            windows_of(wrong)


def test_a_graph_that_cannot_be_tiled_is_no_error(exported: Path) -> None:
    from onnx import load_model_from_string  # noqa: PLC0415 - optional

    bundle = open_bundle(exported)
    steps = tuple(
        replace(step, halo=None) if isinstance(step, GraphStep) else step
        for step in bundle.manifest.steps
    )
    model = load_model_from_string(bundle.graphs["graphs/features.onnx"])
    model.graph.node[1].op_type = "Einsum"
    graphs = {**bundle.graphs, "graphs/features.onnx": model.SerializeToString()}
    notes: list[str] = []
    filled = with_halos(steps, graphs, factor=8, note=notes.append)
    assert [step.halo for step in filled if isinstance(step, GraphStep)] == [0, None, None, None]
    assert notes[0].startswith("graphs/features.onnx: this graph cannot be tiled: operator Einsum")
    assert with_halos(steps, bundle.graphs, factor=8, note=notes.append) == bundle.manifest.steps


@pytest.mark.parametrize("threads", [1, 2])
def test_every_way_to_make_a_pixel_gives_the_same_bytes(
    exported: Path, monkeypatch: pytest.MonkeyPatch, threads: int
) -> None:
    monkeypatch.setattr(blocks, "_BLOCK_PX", (64, 96))
    monkeypatch.setattr(blocks, "_KEPT_BLOCK_PX", 80)
    sampler = load(exported, provider="cpu", threads=threads)
    whole = sampler.sample(height=211, width=307, seed=5)[0]
    bands = list(sampler.stream(211, 307, 5, rows=29))
    np.testing.assert_array_equal(np.concatenate(bands), whole)
    for top, left, h, w in [(0, 0, 211, 1), (63, 95, 2, 2), (101, 7, 3, 300), (210, 306, 1, 1)]:
        region = sampler.region(211, 307, top, left, h, w, 5)
        np.testing.assert_array_equal(region, whole[top : top + h, left : left + w])


def test_blocks_have_no_seams(sampler: Sampler, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = sampler.sample(height=211, width=307, seed=5)[0].astype(int)
    monkeypatch.setattr(blocks, "_BLOCK_PX", (64, 96))
    monkeypatch.setattr(blocks, "_KEPT_BLOCK_PX", 80)
    apart = np.abs(sampler.sample(height=211, width=307, seed=5)[0].astype(int) - whole)
    # What is left: patches with two equally similar matches, where sums differ in the last bit.
    assert (apart.max(axis=2) > 1).mean() < 0.01


def steps_across(image: np.ndarray, axis: int) -> np.ndarray:
    """Mean step across each line between two low-resolution pixels, the wrap last."""
    signed = image.astype(float)
    return np.abs(np.roll(signed, -1, axis) - signed).mean(axis=(1 - axis, 2))[7::8]


def test_a_seamless_image_has_no_seam(sampler: Sampler) -> None:
    """Wherever it is rolled to, the old border is a line like any other; a plain one's is not."""
    ratios: dict[bool, list[float]] = {True: [], False: []}
    for seed in range(8):
        for seamless, found in ratios.items():
            image = sampler.sample(height=96, width=128, seed=seed, seamless=seamless)[0]
            for axis, offset in ((0, 40), (1, 72)):
                lines = steps_across(np.roll(image, offset, axis), axis)
                seam = lines[offset // 8 - 1]
                found.append(float(seam / np.median(lines)))
    assert 0.7 < np.median(ratios[True]) < 1.3
    assert np.median(ratios[False]) > 1.5 * np.median(ratios[True])


def test_a_seamless_image_can_be_rolled(sampler: Sampler) -> None:
    tile = sampler.sample(height=96, width=128, seed=1, seamless=True)[0]
    for down, across in ((8, 0), (0, 8), (56, 104)):
        moved = sampler.region(96, 128, down, across, 96, 128, 1, seamless=True)
        np.testing.assert_array_equal(moved, np.roll(tile, (-down, -across), (0, 1)))
