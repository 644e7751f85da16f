"""One file for the way by places: these in, image out, in standard operators alone."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import onnx
import pytest
from support.composed_graphs import run_model
from support.pictures import write_picture
from support.synthesis_bundle import photo, write_synthesis_bundle
from support.tolerances import assert_close
from typer.testing import CliRunner

from petsgan_sdk import kernels
from petsgan_sdk.cli import app
from petsgan_sdk.errors import BundleError, ConfigError, ParityError
from petsgan_sdk.export.onnx_file import Form, Precision, compose, export_onnx
from petsgan_sdk.export.onnx_file.check import open_session
from petsgan_sdk.export.parity.limits import STEP_TOLERANCE
from petsgan_sdk.export.steps import composite
from petsgan_sdk.runtime import load
from petsgan_sdk.runtime.bundle import open_bundle
from petsgan_sdk.stations.train import train


def export(*words):
    return CliRunner().invoke(app, ["export", *map(str, words)])


@pytest.fixture(scope="module")
def file(trained, tmp_path_factory):
    path = tmp_path_factory.mktemp("places") / "model.onnx"
    return export_onnx(trained, path, layout="synthesis")


@pytest.mark.parametrize("softness", [0, 30])
def test_any_places_are_what_the_kernel_makes_of_them(tmp_path, softness):
    bundle = open_bundle(write_synthesis_bundle(tmp_path / "model.petsgan"))
    drawn, closed = bundle.manifest.steps
    settings = replace(closed.settings, softness=float(softness))
    manifest = replace(bundle.manifest, steps=(drawn, replace(closed, settings=settings)))
    model = compose.compose(replace(bundle, manifest=manifest), Form.standard).model
    onnx.checker.check_model(model, full_check=True)
    shown, rng = photo(), np.random.default_rng(0)
    for size in ((1, 1), (9, 14), (33, 2)):
        places = rng.integers(0, shown.shape[:2], (2, *size, 2)).astype(np.int16)
        expected = [
            kernels.composite_places(
                one,
                shown,
                screening=settings.screening,
                slowest=settings.slowest,
                steps=settings.steps,
                softness=softness,
            )
            for one in places
        ]
        (image,) = run_model(model, {"places": places.astype(np.int32)})
        assert_close(image, np.clip(expected, -1, 1))


def test_written_and_run_as_the_bundle(file, exported):
    assert len(file.checks) == 2
    for found in file.checks:
        assert found.batch == 2
        assert found.max_step_diff <= STEP_TOLERANCE
        assert found.max_abs_diff <= STEP_TOLERANCE
    model = onnx.load(file.path)
    assert {entry.domain for entry in model.opset_import} == {""}
    assert [value.name for value in model.graph.input] == ["places"]
    assert file.size_bytes < open_bundle(exported).size_bytes
    session, sampler = open_session(file.path.read_bytes(), Form.standard), load(exported)
    places = sampler.places(80, 120, seed=3)
    (image,) = session.run(None, {"places": places[None]})
    pixels = (image[0].transpose(1, 2, 0) * 127.5 + 128).clip(0, 255).astype(int)
    expected = sampler.sample(height=80, width=120, seed=3, layout="synthesis")[0]
    assert np.abs(pixels - expected).max() <= 1  # where a value lies on the edge of two bytes


def test_windows_of_a_canvas_are_its_pixels(file, exported):
    session, sampler = open_session(file.path.read_bytes(), Form.standard), load(exported)
    halo = int(file.properties["petsgan.halo_px"])
    (whole,) = session.run(None, {"places": sampler.places(96, 160, seed=3)[None]})
    top, left, rows, columns = 30, halo + 7, 96 - 30, 20
    seen = sampler.places(96, 160, top - halo, 7, rows + halo, columns + 2 * halo, seed=3)
    (part,) = session.run(None, {"places": seen[None]})
    kept = part[..., halo:, halo : halo + columns]
    assert_close(kept, whole[..., top:, left : left + columns], tolerance="runtimes")
    assert not np.allclose(part[..., :2, :], whole[..., top - halo : top - halo + 2, 7:][..., :68])


def test_a_model_without_networks(tmp_path):
    model = tmp_path / "cat.pt"
    train(write_picture(tmp_path / "cat.png", 64, 48), model, model="instant")
    result = export(model, "--format", "onnx", "--layout", "synthesis", "--json")
    assert result.exit_code == 0, result.output
    report = json.loads(result.stdout)
    assert report["onnx"] == str(tmp_path / "cat.places.onnx")
    assert report["checks"][0]["max_abs_diff"] <= STEP_TOLERANCE
    refused = export(model, "--format", "onnx")
    assert refused.exit_code == 2
    assert "an ONNX file takes its places with --layout synthesis" in refused.stderr


def test_what_is_refused(trained, tmp_path):
    path = tmp_path / "model.onnx"
    with pytest.raises(ConfigError, match="precision must be fp32 with layout synthesis, got fp16"):
        export_onnx(trained, path, layout="synthesis", precision=Precision.fp16)
    for form in ("bundle", "tensorrt"):
        result = export(trained, "--format", form, "--layout", "synthesis")
        assert result.exit_code == 2
        assert f"--layout must be network with --format {form}" in result.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_model_without_a_fit_is_refused(before, tmp_path):
    with pytest.raises(BundleError, match="its layouts come from its network alone"):
        export_onnx(before, tmp_path / "model.onnx", layout="synthesis")
    assert list(tmp_path.iterdir()) == []


def test_a_graph_that_differs_is_not_written(trained, tmp_path, monkeypatch):
    right = composite._relaxed
    monkeypatch.setattr(
        composite, "_relaxed", lambda *a, screening: right(*a, screening=screening + 1)
    )
    with pytest.raises(ParityError, match=r"composite 'composite' at \d+x\d+ must be within"):
        export_onnx(trained, tmp_path / "model.onnx", layout="synthesis")
    assert list(tmp_path.iterdir()) == []
