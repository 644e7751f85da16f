from __future__ import annotations

import json

import pytest
from support import benchmarks

NAME = "sampling.bench_high_res"

pytestmark = pytest.mark.bench


def check_report(report, widths):
    assert [(row["name"], row["width"]) for row in report["rows"]] == [
        ("ordinary", widths[0]),
        ("large", widths[1]),
    ]
    assert all(row["cpu_min_ms"] > 0 for row in report["rows"])
    assert report["ratios"]["cpu_min"] > 1
    assert report["checks"]["regions_equal"] == 4


@pytest.mark.slow
def test_quick_run_trains_both_and_prints_one_object():
    pytest.importorskip("torch", reason="the bundles are trained")
    pytest.importorskip("onnx", reason="the bundles are exported")
    result = benchmarks.run(NAME, "--quick", "--json")
    assert result.returncode == 0, result.stderr
    report = json.loads(result.stdout)
    check_report(report, (64, 256))
    assert report["rows"][1]["peak_rss_mb"] < report["training_peak_rss_mb"] < 1500


def test_quick_run_of_given_bundles(bundle, copier):
    result = benchmarks.run(NAME, bundle, copier, "--quick", "--json")
    assert result.returncode == 0, result.stderr
    report = json.loads(result.stdout)
    check_report(report, (64, 192))
    assert all(0 < row["peak_rss_mb"] < 1000 for row in report["rows"])
    assert report["training_peak_rss_mb"] is None


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
    assert message in benchmarks.refused(NAME, *options)
