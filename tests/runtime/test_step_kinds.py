"""A kind of step is files and one entry: what opens, limits, cuts or runs bundles knows none."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from pkgutil import resolve_name
from typing import Any, get_args

import numpy as np
import pytest
from support import bundles as factory
from support.toy_step import BlurStep

from petsgan_sdk.errors import BundleError, ExportError
from petsgan_sdk.manifest import Step
from petsgan_sdk.manifest import bundle as manifest_bundle
from petsgan_sdk.manifest.steps import AnyStep
from petsgan_sdk.runtime import load
from petsgan_sdk.runtime.bundle import open_bundle
from petsgan_sdk.runtime.rendering import blocks
from petsgan_sdk.runtime.rendering.pipeline import build_pipeline
from petsgan_sdk.runtime.rendering.steps.runner import StepRunner
from petsgan_sdk.settings import typed

KINDS: tuple[type[Step], ...] = get_args(AnyStep)


@pytest.fixture
def blurred(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A bundle with a step of the toy kind, which is entered for this test alone."""
    monkeypatch.setattr(manifest_bundle, "AnyStep", AnyStep | BlurStep)
    typed._hints.cache_clear()
    steps = factory.header()["steps"]
    steps[5:5] = [{"kind": "blur", "input": "transferred", "output": "soft"}]
    steps[-1]["inputs"]["low"] = "soft"
    yield factory.write_bundle(tmp_path / "blurred.petsgan", changes={"steps": steps})
    typed._hints.cache_clear()


def test_a_new_kind_is_opened_sampled_and_cut(
    blurred: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("onnxruntime", reason="sampling needs onnxruntime")
    sampler = load(blurred, provider="cpu", threads=1)
    assert [step["kind"] for step in sampler.info()["steps"]].count("blur") == 1
    whole = sampler.sample(height=97, width=131, seed=4)[0]
    plain = load(factory.write_bundle(tmp_path / "plain.petsgan"), provider="cpu", threads=1)
    assert not np.array_equal(whole, plain.sample(height=97, width=131, seed=4)[0])
    monkeypatch.setattr(blocks, "_BLOCK_PX", (24, 40))
    monkeypatch.setattr(blocks, "_KEPT_BLOCK_PX", 32)
    part = sampler.region(97, 131, 31, 40, 50, 60, 4)
    np.testing.assert_array_equal(part, whole[31:81, 40:100])
    torus = sampler.sample(height=96, width=128, seed=4, seamless=True)[0]
    across = sampler.region(96, 128, 80, 100, 32, 60, 4, seamless=True)
    np.testing.assert_array_equal(across, np.roll(torus, (-80, -100), (0, 1))[:32, :60])


def test_a_new_kind_goes_into_one_onnx_file(blurred: Path) -> None:
    pytest.importorskip("torch", reason="parity compares with it")
    from petsgan_sdk.export.onnx_file import Form, compose  # noqa: PLC0415 - needs torch
    from petsgan_sdk.export.onnx_file.check import FileChecker  # noqa: PLC0415
    from petsgan_sdk.export.steps.step_export import exported  # noqa: PLC0415

    opened = open_bundle(blurred)
    composed = compose.compose(opened, Form.standard)
    pipeline = build_pipeline(opened, provider="cpu", threads=1)
    (found,) = FileChecker(opened, pipeline, batch=1).check(composed, [(96, 136)])
    assert found.max_step_diff < 1e-5
    with pytest.raises(ExportError, match="a graft step must have a form in ONNX operators"):
        exported(GraftStep("a", "b")).add_to(composed, 0)


@dataclass(frozen=True, slots=True)
class GraftStep(BlurStep):
    """A kind that no export makes."""

    exporter = None
    kind: Any = "graft"


def test_without_its_entry_it_is_unknown(tmp_path: Path) -> None:
    steps = factory.header()["steps"]
    steps[0] = {"kind": "blur", "input": "noise", "output": "soft"}
    with pytest.raises(BundleError, match=r"steps\[0\]\.kind must be one of noise, position, "):
        load(factory.write_bundle(tmp_path / "b.petsgan", changes={"steps": steps}))


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_every_kind_names_what_runs_it(kind: Any) -> None:
    assert issubclass(resolve_name(kind.runner), StepRunner)
    if kind.exporter is not None:
        assert callable(resolve_name(kind.exporter).add_to)
    if kind.device_runner is not None:
        assert callable(resolve_name(kind.device_runner).prepare)
