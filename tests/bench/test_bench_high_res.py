from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "sampling" / "bench_high_res.py"

pytestmark = pytest.mark.bench


def run(*options):
    command = [sys.executable, str(SCRIPT), *map(str, options)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_quick_run_trains_both_and_prints_one_object():
    pytest.importorskip("torch", reason="the bundles are trained")
    pytest.importorskip("onnx", reason="the bundles are exported")
    result = run("--quick", "--json")
    assert result.returncode == 0, result.stderr
    report = json.loads(result.stdout)
    assert [(row["name"], row["width"]) for row in report["rows"]] == [
        ("ordinary", 64),
        ("large", 256),
    ]
    assert all(row["cpu_min_ms"] > 0 for row in report["rows"])
    assert report["ratios"]["cpu_min"] > 1
    assert report["rows"][1]["peak_rss_mb"] < report["training_peak_rss_mb"] < 1500
    assert report["checks"]["regions_equal"] == 4


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["one.petsgan"], "bundles must be two"),
        (["a.petsgan", "missing.petsgan"], "missing.petsgan"),
        (["--threads", "0"], "--threads must be an integer from 1"),
        (["--rounds", "0"], "--rounds must be an integer from 1"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(options, message):
    result = run(*options)
    assert result.returncode == 2
    errors = [line for line in result.stderr.splitlines() if not line.startswith("checking")]
    assert len(errors) == 1
    assert message in errors[0]
