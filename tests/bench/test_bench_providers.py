from __future__ import annotations

import importlib
import importlib.util
import json
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "sampling" / "bench_providers.py"
ROWS = [
    ("pipeline", "cpu"),
    ("onnx", "cpu"),
    ("onnx-custom", "cpu"),
    ("pipeline", "cuda"),
    ("onnx", "cuda"),
    ("onnx-custom", "cuda"),
    ("pipeline", "tensorrt"),
]

pytestmark = pytest.mark.bench


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("onnxruntime", reason="the benchmark runs models")
    from bundle_factory import write_bundle  # noqa: PLC0415 - skips where onnx is absent

    return write_bundle(tmp_path_factory.mktemp("bundle") / "tiny.petsgan")


def run(*options: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(SCRIPT), *map(str, options)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_every_form_has_a_row_with_a_status(bundle: Path) -> None:
    result = run(bundle, "--quick", "--json", "--threads", 1, "--iterations", 1)
    assert result.returncode == 0, result.stderr
    report = json.loads(result.stdout)
    assert [(row["form"], row["provider"]) for row in report["rows"]] == ROWS
    by_row = {(row["form"], row["provider"]): row for row in report["rows"]}
    assert by_row["pipeline", "cpu"]["status"] == "ok"
    can_export = importlib.util.find_spec("petsgan_sdk.export.onnx_file") is not None
    for name in ("onnx", "onnx-custom"):
        assert by_row[name, "cpu"]["status"] == ("ok" if can_export else "absent")
    for row in report["rows"]:
        assert (row["width"], row["height"], row["batch"]) == (256, 256, 1)
        if row["status"] == "ok":
            assert row["reason"] is None
            assert 0 < row["min_ms"] <= row["p50_ms"] <= row["p95_ms"]
            assert row["images_per_s"] == pytest.approx(1e3 / row["p50_ms"])
            assert row["peak_rss_mb"] > row["idle_rss_mb"] > 0
        else:
            assert row["status"] == "absent"
            assert row["reason"]
            assert "p50_ms" not in row
    compared = [row for row, found in by_row.items() if found["status"] == "ok"][1:]
    assert [(check["form"], check["provider"]) for check in report["checks"]] == compared
    assert all(check["images"] == 2 for check in report["checks"])
    for ratio in report["ratios"]:
        assert all(ratio[key] > 0 for key in ("wall", "wall_min", "cpu", "memory", "peak_rss"))


def test_a_form_that_needs_too_much_memory_has_failed(bundle: Path) -> None:
    options = ("--size", "1024x1024", "--batch", 16, "--iterations", 1, "--memory-mb", 100)
    result = run(bundle, "--json", "--threads", 1, *options)
    assert result.returncode == 0, result.stderr
    row = json.loads(result.stdout)["rows"][0]
    assert (row["form"], row["provider"], row["status"]) == ("pipeline", "cpu", "failed")
    assert row["reason"]


def test_disagreement_is_exit_code_4(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.syspath_prepend(str(SCRIPT.parents[1]))
    script = importlib.import_module("sampling.bench_providers")
    image = np.full((2, 20, 10, 3), 100, dtype=np.uint8)
    other = image.copy()
    other[1, :2] += 2
    ours, theirs = (
        SimpleNamespace(save=lambda path, pixels=pixels, **_: pixels)  # noqa: ARG005
        for pixels in (image, other)
    )
    case = script._Case(tmp_path, (10, 20), 2, 1, 1000)
    with pytest.raises(script.BenchmarkError, match="onnx on cpu and pipeline on cpu") as caught:
        case._check({("pipeline", "cpu"): ours, ("onnx", "cpu"): theirs}, tmp_path)
    assert caught.value.exit_code == 4
    (check,) = case._check({("pipeline", "cpu"): ours, ("onnx", "cpu"): ours}, tmp_path)
    assert check["share_equal"] == 1


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--size", "8x8"], "height must be an integer from 16"),
        (["--batch", "0"], "--batch must be an integer from 1"),
        (["--threads", "0"], "threads must be an integer from 1"),
        (["missing.petsgan"], "missing.petsgan"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(options: list[str], message: str) -> None:
    result = run(*options)
    assert result.returncode == 2
    errors = [line for line in result.stderr.splitlines() if line.startswith("error: ")]
    assert len(errors) == 1
    assert message in errors[0]
    assert "Traceback" not in result.stderr
