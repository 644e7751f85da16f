"""Export's checks of bundles of several grids, with torch forms of the same random weights."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("onnxruntime", reason="the checks run bundles")
pytest.importorskip("onnx", reason="the test bundles are made with onnx.helper")
pytest.importorskip("torch", reason="export needs torch")

import onnx
import torch
from support import pyramid_bundles
from torch import Tensor
from torch.nn import functional

from petsgan_sdk import kernels
from petsgan_sdk.errors import ParityError
from petsgan_sdk.export.parity.limits import Differences
from petsgan_sdk.export.parity.steps import compare_with_torch
from petsgan_sdk.export.parity.windows import check_windows
from petsgan_sdk.export.tiling.halo import with_halos
from petsgan_sdk.manifest import Entry, GraphStep
from petsgan_sdk.runtime import load
from petsgan_sdk.runtime.bundle import Bundle, open_bundle
from petsgan_sdk.runtime.rendering.pipeline import build_pipeline

SIZES = [(45, 58), (31, 77), (64, 33)]


@pytest.fixture(scope="module")
def pyramid(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    path = tmp_path_factory.mktemp("bundle") / "pyramid.petsgan"
    return open_bundle(pyramid_bundles.write_pyramid(path))


def torch_forms(bundle: Bundle) -> dict[str, Callable[..., Tensor]]:
    def form(graph: bytes) -> Callable[..., Tensor]:
        held = onnx.load_model_from_string(graph).graph.initializer
        w = {item.name: torch.tensor(onnx.numpy_helper.to_array(item)) for item in held}

        def two_convolutions(x: Tensor) -> Tensor:
            hidden = functional.leaky_relu(functional.conv2d(x, w["w0"], padding=1), 0.2)
            return functional.conv2d(hidden, w["w1"], padding=1)

        def stage(
            noise: Tensor, position: Tensor | None = None, previous: Tensor | None = None
        ) -> Tensor:
            if previous is None:
                return torch.tanh(two_convolutions(torch.cat([noise, position], 1)))
            return torch.tanh(two_convolutions(previous + w["amplitude"] * noise) + previous)

        return stage

    return {member: form(graph) for member, graph in bundle.graphs.items()}


def compare(bundle: Bundle) -> float:
    pipeline = build_pipeline(bundle, provider="cpu", threads=1)
    forms = torch_forms(bundle)
    return max(compare_with_torch(bundle, pipeline, forms, size).largest for size in SIZES)


def windows_of(bundle: Bundle) -> float:
    return check_windows(bundle.manifest, build_pipeline(bundle, provider="cpu", threads=1))


def test_graphs_and_resizes_are_compared_with_torch(
    pyramid: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    compared: Counter[str] = Counter()
    add_step = Differences.add_step

    def count(self: Differences, what: str, *given: float, **limit: float) -> None:
        compared[what] += 1
        add_step(self, what, *given, **limit)

    monkeypatch.setattr(Differences, "add_step", count)
    assert compare(pyramid) < 1e-5
    names = [f"graphs/stage_{n}.onnx" for n in range(3)] + ["resize 'up_1'", "resize 'up_2'"]
    assert compared == dict.fromkeys((*names, "position 'position'"), len(SIZES))


def test_a_resize_that_is_not_torchs_is_found(
    pyramid: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = kernels.resize_window

    def shifted(source: np.ndarray, **given: object) -> np.ndarray:
        return whole(np.ascontiguousarray(np.roll(source, 1, -1)), **given)

    monkeypatch.setattr(kernels, "resize_window", shifted)
    with pytest.raises(ParityError, match="resize 'up_1' at 58x45 must be within"):
        compare(pyramid)


def test_every_graph_says_how_far_it_sees_on_its_own_grid(pyramid: Bundle) -> None:
    unknown = tuple(
        replace(step, halo=None) if isinstance(step, GraphStep) else step
        for step in pyramid.manifest.steps
    )
    notes: list[str] = []
    steps = with_halos(unknown, pyramid.graphs, factor=1, note=notes.append)
    found = [(s.halo, s.live_values) for s in steps if isinstance(s, GraphStep)]
    assert [halo for halo, _ in found] == [pyramid_bundles.HALO] * 3
    assert all(live is not None and live >= 16 for _, live in found)
    assert notes == []


def test_a_map_with_several_pixels_for_one_is_resized_to_one(tmp_path: Path) -> None:
    bundle = open_bundle(pyramid_bundles.write_enlarger(tmp_path / "b.petsgan"))
    steps = with_halos(
        bundle.manifest.steps, bundle.graphs, factor=pyramid_bundles.FACTOR, note=str
    )
    assert [s.halo for s in steps if isinstance(s, GraphStep)] == [1, 1]
    assert windows_of(bundle) < 1e-5


@pytest.mark.parametrize("number", [0, 1, 2])
def test_a_halo_that_is_too_small_is_found_on_every_grid(pyramid: Bundle, number: int) -> None:
    assert windows_of(pyramid) < 1e-5
    member = f"graphs/stage_{number}.onnx"
    steps = tuple(
        replace(step, halo=1) if isinstance(step, GraphStep) and step.member == member else step
        for step in pyramid.manifest.steps
    )
    wrong = replace(pyramid, manifest=replace(pyramid.manifest, steps=steps))
    with pytest.raises(ParityError, match=f"{member} must see at most 1 low-resolution pixels"):
        windows_of(wrong)


def test_a_trained_model_can_start_from_a_layout(exported: Path) -> None:
    sampler = load(exported, provider="cpu", threads=1)
    assert sampler.manifest.entries == (Entry("patch transfer", "layout"),)
    rng = np.random.default_rng(0)
    heard: list[str] = []
    image = sampler.refine(
        rng.integers(0, 256, (30, 40, 3)).astype(np.uint8),
        observer=lambda name, _: heard.append(name),
    )
    assert image.shape == (30, 40, 3)
    assert "patch_transfer" in heard
    assert "depnet" not in heard
