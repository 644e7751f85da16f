from __future__ import annotations

import importlib
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "sampling" / "bench_throughput.py"

pytestmark = pytest.mark.bench


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("onnxruntime", reason="the benchmark runs models")
    from bundle_factory import write_bundle  # noqa: PLC0415 - skips where onnx is absent

    return write_bundle(tmp_path_factory.mktemp("bundle") / "tiny.petsgan")


def run(*options: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(SCRIPT), *map(str, options)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_quick_run_prints_one_object(bundle: Path) -> None:
    result = run(bundle, "--quick", "--json", "--threads", 2)
    assert result.returncode == 0, result.stderr
    report = json.loads(result.stdout)
    ways = [(r["at_once"], r["threads"], r["target"], r["format"]) for r in report["rows"]]
    assert ways == [
        (2, 1, "folder", "png"),
        (1, 2, "folder", "png"),
        (1, 1, "folder", "png"),
        (2, 1, "folder", "jpg"),
        (2, 1, "folder", "webp"),
        (2, 1, "tar", "png"),
    ]
    for row in report["rows"]:
        assert (row["width"], row["height"], row["images"]) == (64, 64, 12)
        assert row["images_per_s"] == pytest.approx(12 / row["seconds"])
        assert row["megapixels_per_s"] == pytest.approx(row["images_per_s"] * 64 * 64 / 1e6)
        assert row["cpu_ms_per_image"] > 0
        assert row["cores_busy"] > 0
        assert row["cores_asked"] is None or row["cores_asked"] > 0
        assert row["bytes_per_image"] > 100
        assert row["peak_rss_mb"] > 0
    assert report["check"] == {"rows_compared": 4, "images_compared": 8}
    assert report["model"]["file"] == "tiny.petsgan"


def test_disagreement_is_exit_code_4(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(SCRIPT.parents[1]))
    script = importlib.import_module("sampling.bench_throughput")
    images = [np.zeros((4, 4, 3), np.uint8)] * 2
    other = [images[0], images[0] + 1]
    rows = [{"format": kind} for kind in ("png", "jpg", "png")]
    assert script._check(rows, [images, other, images])["rows_compared"] == 2
    with pytest.raises(script.BenchmarkError, match="image 1 of row 2 differs") as caught:
        script._check(rows, [images, images, other])
    assert caught.value.exit_code == 4


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--size", "8x8"], "height must be an integer from 16"),
        (["-n", "3"], "-n must be an integer from 8"),
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
