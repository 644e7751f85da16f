from __future__ import annotations

import importlib
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch", reason="the benchmark trains")
pytest.importorskip("onnx", reason="the benchmark exports")

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "quality" / "bench_quality.py"

pytestmark = pytest.mark.bench


@pytest.fixture
def bench(monkeypatch):
    monkeypatch.syspath_prepend(str(SCRIPT.parents[1]))
    return importlib.import_module("quality.bench_quality")


@pytest.fixture
def photo():
    rng = np.random.default_rng(0)
    return rng.integers(60, 200, (48, 64, 3), dtype=np.uint8)


def test_copies_of_the_photo_differ_in_nothing(bench, photo):
    row = bench.measure(photo, np.stack([photo] * 3), 8)
    to_mirror = row.pop("to_mirror")
    assert to_mirror > 0.1
    ones = ("sharpness", "sharpness_min", "sharpness_max")
    expected = {name: 1.0 if name in ones else 0.0 for name in row}
    assert row == pytest.approx(expected, abs=1e-9)


def test_faults_are_seen(bench, photo):
    seamed = photo.copy()
    seamed[:, 8::16] = 0
    seamed[:, 15::16] = 255
    dark = photo.copy()
    dark[:4] = 0
    flat = np.full_like(photo, 128)
    assert bench.measure(photo, np.stack([seamed, seamed]), 8)["seams"] > 0.1
    assert bench.measure(photo, np.stack([dark, dark]), 8)["border"] < -0.05
    assert bench.measure(photo, np.stack([flat, photo]), 8)["sharpness_min"] == 0


def test_a_model_without_blocks_has_no_seams(bench, photo):
    assert bench.measure(photo, np.stack([photo] * 2), 1)["seams"] is None
