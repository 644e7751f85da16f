from __future__ import annotations

import importlib
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "tasks" / "bench_tasks.py"

pytestmark = pytest.mark.bench


@pytest.fixture(scope="module")
def copier(tmp_path_factory):
    pytest.importorskip("onnxruntime", reason="tasks run a model with onnxruntime")
    from task_bundle import cat, write_copier  # noqa: PLC0415 - skips where onnx is absent

    return write_copier(tmp_path_factory.mktemp("bundle") / "copier.petsgan", cat())


@pytest.fixture
def measures(monkeypatch):
    monkeypatch.syspath_prepend(str(SCRIPT.parents[1]))
    return importlib.import_module("tasks._measures")


def run(*options):
    command = [sys.executable, str(SCRIPT), *map(str, options)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_quick_run_prints_one_object(copier):
    result = run(copier, "--quick", "--json")
    assert result.returncode == 0, result.stderr
    report = json.loads(result.stdout)
    assert [row["kind"] for row in report["insertions"]] == ["own", "tinted", "foreign"]
    assert [row["task"] for row in report["summary"]] == ["edit", "harmonize", "harmonize", "paint"]
    for row in report["insertions"]:
        assert row["seam_before"] > 1.2
        assert row["colour_after"] >= 0
    assert all(-1 <= row["layout"] <= 1 for row in report["paintings"])
    assert min(report["cpu_seconds"][0][task] for task in ("edit", "paint", "stylize")) > 0


def test_tables(copier):
    result = run(copier, "--quick")
    assert result.returncode == 0, result.stderr
    assert "| harmonize | foreign (1) |" in result.stdout
    assert "paint: layout correlation" in result.stdout


def test_one_photo_for_each_model(copier):
    result = run(copier, "--quick", "--photos", copier, copier)
    assert result.returncode == 2
    assert result.stderr == "error: --photos must be one for each model, got 2 for 1\n"


def test_seams_are_seen(measures):
    rng = np.random.default_rng(0)
    noise = rng.integers(100, 156, (80, 90, 3), dtype=np.uint8)
    mask = np.zeros((80, 90), bool)
    mask[25:55, 30:60] = True
    assert measures.seam_ratio(noise, mask) == pytest.approx(1, abs=0.1)
    step = np.where(mask[:, :, None], noise + np.uint8(60), noise)
    assert measures.seam_ratio(step, mask) > 1.4


def test_lab_of_known_colours(measures):
    # Worked by hand from the standard: white, black, and pure red.
    lab = measures.to_lab(np.array([[255, 255, 255], [0, 0, 0], [255, 0, 0]], np.uint8))
    expected = [[100, 0, 0], [0, 0, 0], [53.24, 80.09, 67.20]]
    np.testing.assert_allclose(lab, expected, atol=0.05)


def test_distances_and_correlations(measures):
    rng = np.random.default_rng(0)
    image = rng.integers(0, 256, (64, 96, 3), dtype=np.uint8)
    assert measures.colour_distance(image.reshape(-1, 3), image) == pytest.approx(0)
    assert measures.colour_distance(image.reshape(-1, 3) // 2, image) > 10
    ramp = np.repeat(np.linspace(0, 255, 96).astype(np.uint8)[None, :, None], 64, axis=0)
    ramp = np.repeat(ramp, 3, axis=2)
    assert measures.layout_correlation(ramp, ramp) == pytest.approx(1)
    assert measures.layout_correlation(ramp, 255 - ramp) == pytest.approx(-1)
