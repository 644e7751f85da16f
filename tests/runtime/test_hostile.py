"""Bundles whose numbers lie, each with digests that are right: refused in one line, or sampled."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from petsgan_sdk._arrays import FloatArray
from petsgan_sdk.container import pack_array
from petsgan_sdk.errors import BundleError
from petsgan_sdk.manifest import GraphStep, PatchTransferStep
from petsgan_sdk.runtime import load
from petsgan_sdk.runtime.bundle import open_bundle
from petsgan_sdk.runtime.rendering.canvas import Canvas, Window
from petsgan_sdk.runtime.rendering.pipeline import build_pipeline
from petsgan_sdk.runtime.rendering.steps.graph import RunGraph
from petsgan_sdk.runtime.rendering.steps.patch_transfer import RunPatchTransfer
from petsgan_sdk.runtime.rendering.steps.resize import RunResize

factory = pytest.importorskip("bundle_factory", reason="the test bundles are made with onnx")
pyramid = pytest.importorskip("pyramid_factory", reason="the test bundles are made with onnx")


def changed(number: int, **changes: Any) -> dict[str, Any]:
    steps = factory.header()["steps"]
    steps[number].update(changes)
    return {"steps": steps}


def refused(path: Path, message: str) -> None:
    with pytest.raises(BundleError, match=message) as caught:
        open_bundle(path)
    assert str(caught.value).isprintable()


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("name", ["reference_features", "reference_values", "texture"])
def test_constants_are_finite(tmp_path: Path, name: str, value: float) -> None:
    member = f"arrays/{name}.npy"
    raw = bytearray(factory.members()[member])
    raw[-4:] = np.float32(value).tobytes()
    path = factory.write_bundle(tmp_path / "b.petsgan", replaced={member: bytes(raw)})
    refused(path, f"'{member}' must hold finite numbers, got NaN or infinity")


def test_an_odd_factor_carries_no_texture(tmp_path: Path) -> None:
    texture = pack_array(np.zeros((3, 6 * 7, 8 * 7), np.float32))
    changes = {"factor": 7, "image_size_px": [6 * 7, 8 * 7]}
    replaced = {"arrays/texture.npy": texture}
    path = factory.write_bundle(tmp_path / "b.petsgan", changes=changes, replaced=replaced)
    refused(path, "factor must be even for a texture_transfer step, got 7")


@pytest.mark.parametrize(
    ("number", "changes", "message"),
    [
        (6, {"inputs": {"low": "index", "texture": "texture"}}, r"\(graph\) .*got 'index', the m"),
        (0, {"margin": 65}, r"'joined', must join maps of one size"),
        (0, {"margin": 5000}, r"margin must be 0 to 4096"),
        (0, {"margin": 4096}, r"must bring the least image to at most"),
        (4, {"query": "noise"}, r"steps\[4\] \(patch_transfer\) must read a map without a margin"),
        (6, {"inputs": {"low": "transferred", "texture": "noise"}}, "tensors that fit together"),
    ],
)
def test_tensors_that_do_not_fit(
    tmp_path: Path, number: int, changes: dict[str, Any], message: str
) -> None:
    path = factory.write_bundle(tmp_path / "b.petsgan", changes=changed(number, **changes))
    refused(path, message)


@pytest.mark.parametrize("size", [[1, 1], [1 << 20, 1 << 20], [48, 72], [49, 64]])
def test_the_image_is_as_large_as_its_reference(tmp_path: Path, size: list[int]) -> None:
    """It is the size of a sample, and of the canvas that tasks work on."""
    path = factory.write_bundle(tmp_path / "b.petsgan", changes={"image_size_px": size})
    refused(path, r"'arrays/reference_features\.npy' must be \(6, .*, got \(6, 6, 8\)")


@pytest.mark.parametrize("size", [[1 << 20, 58], [4096, 4097]])
def test_an_image_that_nobody_could_sample(tmp_path: Path, size: list[int]) -> None:
    path = pyramid.write_pyramid(tmp_path / "b.petsgan", changes={"image_size_px": size})
    refused(path, "image_size_px must be at most 16777216 pixels, got")


def test_matches_are_no_result(tmp_path: Path) -> None:
    path = factory.write_bundle(tmp_path / "b.petsgan", changes={"output": "index"})
    refused(path, "output must be a tensor that a step makes, got 'index'")


def test_wide_margins_are_for_noise_beside_positions(tmp_path: Path) -> None:
    steps = pyramid.header()["steps"]
    steps[4]["margin"] = 65
    path = pyramid.write_pyramid(tmp_path / "b.petsgan", changes={"steps": steps})
    refused(path, r"must read positions with a margin beside noise with one of more than 64")


def test_a_limit_holds_for_what_is_opened(tmp_path: Path) -> None:
    path = factory.write_bundle(tmp_path / "b.petsgan", changes={"min_canvas_px": 4096})
    open_bundle(path)
    steps = factory.header()["steps"]
    for step in steps:
        if step["kind"] == "graph":
            step["halo"] = None
    path = factory.write_bundle(
        tmp_path / "b.petsgan", changes={"min_canvas_px": 4096, "steps": steps}
    )
    refused(path, "must bring the least image to at most 2097152 pixels in its window")


class FakeSession:
    """A graph that gives back what it is told to."""

    def __init__(self, *arrays: Any) -> None:
        self.arrays = arrays

    def check_names(self, step: GraphStep) -> None:
        """Every name will do."""

    def run(self, feeds: dict[str, Any], *, release: bool) -> dict[str, Any]:  # noqa: ARG002
        return {f"out{n}": array for n, array in enumerate(self.arrays)}


def run_graph(*shapes: tuple[int, ...], window: Window, factor: int) -> dict[str, Any]:
    arrays = [np.zeros(shape, np.float32) for shape in shapes]
    names = {f"out{n}": f"tensor{n}" for n in range(len(shapes))}
    step = GraphStep("graphs/g.onnx", {}, names)
    tensors: dict[str, Any] = {}
    around: Any = SimpleNamespace(
        bundle=SimpleNamespace(manifest=SimpleNamespace(factor=factor)),
        levels=dict.fromkeys(names.values()),
        shared=lambda *_: FakeSession(*arrays),
    )
    RunGraph(step, around).run(tensors, Canvas(9, 9, no_noise), window)
    return tensors


def no_noise(shape: tuple[int, int, int, int], *_: int) -> FloatArray:
    return np.zeros(shape, np.float32)


@pytest.mark.parametrize(
    "shape",
    [
        (),
        (3,),
        (3, 4, 6),
        (1, 1, 3, 4, 6),
        (0, 3, 4, 6),
        (2, 3, 4, 6),
        (1, 0, 4, 6),
        (1, 3, 0, 0),
        (1, 3, 2, 3),
        (1, 3, 4, 7),
        (1, 3, 8, 6),
        (1, 3, 40, 60),
    ],
)
def test_a_graph_makes_maps_of_its_window(shape: tuple[int, ...]) -> None:
    window = Window(0, 0, 4, 6)
    assert set(run_graph((1, 3, 4, 6), (1, 1, 32, 48), window=window, factor=8)) == {
        "tensor0",
        "tensor1",
    }
    with pytest.raises(BundleError, match=r"tensor 'tensor1' must .*; export the model again"):
        run_graph((1, 3, 4, 6), shape, window=window, factor=8)


def test_a_resized_map_is_an_image_of_few_channels() -> None:
    step = open_resize()
    around: Any = SimpleNamespace(levels={step.input: 0, step.output: None}, threads=1)
    run = RunResize(step, around)
    canvas = Canvas(50, 60, no_noise, levels=((1, 1),))
    tensors: dict[str, Any] = {step.input: np.ones((1, 64, 1, 1), np.float32)}
    run.run(tensors, canvas, canvas.whole)
    assert tensors[step.output].shape == (1, 64, 50, 60)
    tensors = {step.input: np.ones((1, 65, 1, 1), np.float32)}
    with pytest.raises(BundleError, match="must have at most 64 channels to be resized, got 65"):
        run.run(tensors, canvas, canvas.whole)


def open_resize() -> Any:
    from petsgan_sdk.manifest import ResizeStep  # noqa: PLC0415 - used here only

    return ResizeStep("small", "large")


def test_features_that_are_no_numbers_are_an_error_of_the_bundle(bundle: Path) -> None:
    pytest.importorskip("onnxruntime", reason="it loads the graphs")
    pipeline = build_pipeline(open_bundle(bundle), provider="cpu", threads=1)
    (run,) = (step for step in pipeline.steps if isinstance(step, RunPatchTransfer))
    query = np.full((1, factory.FEATURES, 4, 4), np.nan, np.float32)
    canvas = Canvas(4, 4, no_noise)
    with pytest.raises(BundleError, match=r"the patch_transfer step cannot go on: .* finite"):
        run.run({"features": query}, canvas, canvas.whole)


def test_passes_share_one_packed_reference(tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime", reason="it loads the graphs")
    steps = factory.header()["steps"]
    again = {**steps[4], "output": "again", "index_output": None}
    steps[5:5] = [again, {**again, "output": "other", "window": 5}]
    path = factory.write_bundle(tmp_path / "b.petsgan", changes={"steps": steps})
    pipeline = build_pipeline(open_bundle(path), provider="cpu", threads=1)
    packed = [step._reference for step in pipeline.steps if isinstance(step, RunPatchTransfer)]
    assert len(packed) == 3
    assert packed[0] is packed[1]
    assert packed[0] is not packed[2]
    assert [step.step.window for step in pipeline.steps if is_transfer(step)] == [3, 3, 5]


def is_transfer(step: Any) -> bool:
    return isinstance(step.step, PatchTransferStep)


def test_noise_far_beyond_a_small_torus_is_drawn_once() -> None:
    """Pieces of the size of the canvas would be 250,000 calls here."""
    calls = []

    def noise(shape: tuple[int, int, int, int], stage: int, top: int, left: int) -> FloatArray:
        calls.append((top, left))
        at = np.arange(left, left + shape[3]) + 100 * np.arange(top, top + shape[2])[:, None]
        return np.broadcast_to(at + 10_000 * stage, shape).astype(np.float32)

    canvas = Canvas(3, 4, noise, seamless=True)
    window = Window(-7, -9, 1500, 2000)
    found = canvas.draw(window, channels=2, stage=1)
    assert calls == [(0, 0)]
    assert found.shape == (1, 2, 1500, 2000)
    for row, column in ((0, 0), (7, 9), (8, 14), (1499, 1999)):
        expected = 10_000 + 100 * ((row - 7) % 3) + (column - 9) % 4
        assert (found[0, :, row, column] == expected).all()
    calls.clear()
    part = canvas.draw(Window(-1, -1, 3, 3), channels=2, stage=1)
    assert len(calls) == 4
    assert np.array_equal(part, found[:, :, 6:9, 8:11])


def test_steps_that_ask_each_other_without_end_are_refused_at_use(tmp_path: Path) -> None:
    """255 graphs in a row: a whole canvas runs them in order, tiles ask from one to the next."""
    pytest.importorskip("onnxruntime", reason="it runs the graphs")
    steps = pyramid.header()["steps"]
    steps[-1]["outputs"] = {"image": "y0"}
    weights = np.zeros((3, 3, 3, 3), np.float32)
    weights[range(3), range(3), 1, 1] = 1
    graph = pyramid._model(
        [pyramid._conv("image", "w", "next")],
        [pyramid._value("image", 3)],
        [pyramid._value("next", 3)],
        {"w": weights},
    )
    count = 256 - len(steps)
    for n in range(count):
        names = {"inputs": {"image": f"y{n}"}, "outputs": {"next": f"y{n + 1}"}}
        steps.append({"kind": "graph", "member": "graphs/more.onnx", "halo": 0, **names})
    head = {**pyramid.header(), "steps": steps, "output": f"y{count}"}
    path = pyramid._write(
        tmp_path / "b.petsgan", head, {**pyramid.members(), "graphs/more.onnx": graph}
    )
    sampler = load(path, provider="cpu", threads=1)
    assert sampler.sample(height=16, width=16).shape == (1, 16, 16, 3)
    with pytest.raises(BundleError, match="must have fewer steps that read each other"):
        sampler.sample(height=16, width=16, seamless=True)
