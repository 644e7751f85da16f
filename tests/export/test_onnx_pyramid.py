"""One file for a model with several grids: noise of each level in, image out."""

from __future__ import annotations

import json

import numpy as np
import onnx
import pytest
import torch
from onnx import numpy_helper
from support.composed_graphs import run_builder, run_model
from support.pyramid_bundles import write_enlarger
from support.tolerances import assert_close
from support.torch_pyramid import LEVELS

from petsgan_sdk import kernels
from petsgan_sdk.errors import ExportError, ParityError
from petsgan_sdk.export.onnx_file import Form, Precision, compose, export_onnx, metadata, write
from petsgan_sdk.export.onnx_file.builder import GraphBuilder
from petsgan_sdk.export.onnx_file.check import FileChecker
from petsgan_sdk.export.onnx_file.grids import Grids, canvas_of_noise
from petsgan_sdk.export.parity.limits import HALF_PSNR_DB, STEP_TOLERANCE
from petsgan_sdk.manifest import BundleManifest, GraphStep, NoiseStep, PositionStep, level_size
from petsgan_sdk.runtime.bundle import open_bundle
from petsgan_sdk.runtime.rendering.pipeline import build_pipeline

SIZES = ((24, 31), (18, 47), (61, 33))


@pytest.fixture(params=["by torch", "enlarger"])
def any_pyramid(request, pyramid_bundle, tmp_path):
    """Also one of another factor, with several pixels for one of a level."""
    if request.param == "enlarger":
        return open_bundle(write_enlarger(tmp_path / "enlarger.petsgan"))
    return pyramid_bundle


def checker_of(bundle, *, batch):
    return FileChecker(bundle, build_pipeline(bundle, provider="cpu", threads=1), batch=batch)


def noises_of(manifest, size, *, batch=1, seed=3):
    noises = {}
    for step in manifest.steps:
        if isinstance(step, NoiseStep):
            grid = level_size(manifest, step.level, *size)
            shape = (batch, step.channels, *(side + 2 * step.margin for side in grid))
            at = {"top": -step.margin, "left": -step.margin}
            noises[step.output] = kernels.normal_noise(shape, seed=seed, stage=step.stage, **at)
    return noises


def test_run_at_any_size_and_batch(pyramid, pyramid_bundle):
    model = compose.compose(pyramid_bundle, Form.standard).model
    onnx.checker.check_model(model, full_check=True)
    for wanted, batch in zip(SIZES, (1, 3, 2), strict=True):
        size = canvas_of_noise(pyramid.manifest, *wanted)
        noises = noises_of(pyramid.manifest, size, batch=batch)
        (image,) = run_model(model, noises)
        assert image.shape == (batch, 3, *size)
        assert_close(image, pyramid.images(noises, size), tolerance="runtimes")


def test_inputs_and_metadata_say_how_to_size_them(pyramid, pyramid_bundle):
    manifest = pyramid.manifest
    model = compose.compose(pyramid_bundle, Form.standard).model
    says = metadata.describe(manifest, Form.standard, Precision.fp32, checkpoint="")
    for size in SIZES:
        height, width = canvas_of_noise(manifest, *size)
        sides = {"N": 2, "h": height, "w": width}
        for key, text in says.items():
            if key.startswith("petsgan.size.level_"):
                exec(text.replace(", w", "; w"), {"max": max}, sides)
        if "petsgan.size.canvas" in says:
            del sides["h"], sides["w"]
            exec(
                says["petsgan.size.canvas"].split(":")[0].replace(", w", "; w"), {"max": max}, sides
            )
        assert (sides["h"], sides["w"]) == (height, width)
        for value in model.graph.input:
            shape = [
                dim.dim_value or eval(dim.dim_param, {}, sides)
                for dim in value.type.tensor_type.shape.dim
            ]
            expected = noises_of(manifest, (height, width), batch=2)[value.name]
            assert shape == list(expected.shape)
            call = says[f"petsgan.input.{value.name}"].split("on ")[1]
            made = eval(call, {"kernels": kernels}, {**sides, "s": 3, "k": 0})
            np.testing.assert_array_equal(made, expected)


def manifest_of(*steps, factor=1):
    return BundleManifest(
        family="f",
        preset="p",
        factor=factor,
        image_size_px=(168 * factor - 1, 256 * factor),
        min_canvas_px=8,
        levels=((32, 48), (42, 64), (113, 173)),
        steps=steps,
        output="noise",
    )


@pytest.mark.parametrize("factor", [1, 8])
def test_sizes_that_follow_from_noise_are_those_of_the_runtime(factor):
    """Where the base grid has no noise: every size of the level that has, and back."""
    low, high = NoiseStep("low", 1, level=0, margin=2), NoiseStep("noise", 1, level=1)
    manifest = manifest_of(low, high, factor=factor)
    graph = GraphBuilder()
    grids = Grids(graph, manifest)
    wanted = [grids.size(level) for level in (None, 0, 1, 2)]
    for height, width in ((1, 1), (42, 64), (40, 97), (301, 13)):
        feeds = {
            "noise": np.zeros((1, 1, height, width), np.float32),
            "low": np.zeros((1, 1, 7 + 4, 9 + 4), np.float32),
        }
        names = dict.fromkeys((side for sides in wanted for side in sides), "int64")
        found = dict(zip(names, run_builder(graph, feeds, names), strict=True))
        base, low, known, high = (tuple(int(found[s][0]) for s in sides) for sides in wanted)
        assert known == (height, width)
        assert low == (7, 9)  # what it was given
        assert level_size(manifest, 1, *base) == known
        assert high == level_size(manifest, 2, *base)
        assert canvas_of_noise(manifest, *base) == base


def test_a_model_without_noise_is_refused():
    manifest = manifest_of(PositionStep("noise", (1.0,), level=0))
    with pytest.raises(ExportError, match=r"a step must make noise, .* got none"):
        canvas_of_noise(manifest, 24, 31)


def test_agrees_with_the_runtime_step_by_step(any_pyramid):
    composed = compose.compose(any_pyramid, Form.standard)
    factor = any_pyramid.manifest.factor
    wanted = [tuple(side * factor for side in size) for size in SIZES]
    checks = checker_of(any_pyramid, batch=2).check(composed, wanted)
    for size, found in zip(SIZES, checks, strict=True):
        canvas = canvas_of_noise(any_pyramid.manifest, *size)
        assert found.size_px == tuple(side * factor for side in canvas)
        assert found.max_step_diff <= STEP_TOLERANCE
        assert found.max_abs_diff <= STEP_TOLERANCE
        assert found.flipped_ties == 0
        assert found.half_psnr_db is None


@pytest.mark.parametrize(
    ("source", "target"),
    [((12, 16), (17, 22)), ((45, 45), (58, 30)), ((1, 5), (3, 7)), ((300, 511), (512, 800))],
)
def test_the_resize_operator_is_that_of_kernels_and_torch(source, target):
    pixels = np.random.default_rng(0).uniform(-1, 1, (2, 3, *source)).astype(np.float32)
    graph = GraphBuilder()
    settings = {"mode": "linear", "coordinate_transformation_mode": "half_pixel", "axes": [2, 3]}
    graph.op("Resize", "x", "", "", graph.ints(*target), result="y", **settings)
    (found,) = run_builder(graph, {"x": pixels}, {"y": "float32"})
    ours = kernels.resize_window(pixels, source_size=source, target_size=target)
    theirs = torch.nn.functional.interpolate(
        torch.from_numpy(pixels).double(), target, mode="bilinear", align_corners=False
    )
    assert_close(ours, theirs.numpy(), tolerance="float32")
    # Operators and torch find the place of a pixel in float32: it is off by its own last digit.
    assert_close(found, ours, tolerance="runtimes")


def test_half_precision_is_of_every_network(pyramid_bundle):
    """No match is decided by any of them."""
    full, half = (compose.compose(pyramid_bundle, Form.standard, p) for p in Precision)
    graphs = {n for n, s in enumerate(pyramid_bundle.manifest.steps) if isinstance(s, GraphStep)}
    assert half.half_steps == graphs
    assert half.model.ByteSize() < full.model.ByteSize()
    (kind,) = {
        i.type.tensor_type.elem_type for i in (*half.model.graph.input, *half.model.graph.output)
    }
    assert kind == onnx.TensorProto.FLOAT
    (found,) = checker_of(pyramid_bundle, batch=2).check(half, [(24, 31)])
    assert HALF_PSNR_DB <= found.half_psnr_db < 200
    assert HALF_PSNR_DB <= found.psnr_db < 200


def test_another_resize_is_refused(pyramid_bundle):
    composed = compose.compose(pyramid_bundle, Form.standard)
    for node in composed.model.graph.node:
        for attribute in node.attribute:
            if attribute.s == b"half_pixel":
                attribute.s = b"align_corners"
    with pytest.raises(ParityError, match=r"resize 'up_1' at 31x24 must be within .*, got 0\."):
        checker_of(pyramid_bundle, batch=1).check(composed, [(24, 31)])


def test_an_image_that_differs_though_its_steps_agree(pyramid_bundle):
    composed = compose.compose(pyramid_bundle, Form.standard)
    (clip,) = (node for node in composed.model.graph.node if node.op_type == "Clip")
    (most,) = (t for t in composed.model.graph.initializer if t.name == clip.input[2])
    most.CopyFrom(numpy_helper.from_array(np.float32(0.1), most.name))
    with pytest.raises(ParityError, match=r"whole image at 31x24 must be within 0\.001 of .*, got"):
        checker_of(pyramid_bundle, batch=1).check(composed, [(24, 31)])


@pytest.mark.parametrize("form", list(Form))
def test_exported_as_one_form_that_needs_nothing_of_ours(pyramid, form, tmp_path, monkeypatch):
    monkeypatch.setattr(write, "draft_bundle", lambda *_: pyramid.draft())
    (tmp_path / "model.pt").write_bytes(b"checkpoint")
    notes = []
    result = export_onnx(
        tmp_path / "model.pt", tmp_path / "model.onnx", form=form, note=notes.append
    )
    assert result.form is Form.standard
    assert len(result.checks) == 2
    remark = "the model has no patch transfer: its file holds standard operators alone"
    assert (remark in notes) == (form is Form.custom)
    model = onnx.load(tmp_path / "model.onnx")
    assert [entry.domain for entry in model.opset_import] == [""]
    assert json.loads(result.properties["petsgan.levels"]) == [list(level) for level in LEVELS]
