from __future__ import annotations

import importlib
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "sampling" / "bench_large.py"

pytestmark = pytest.mark.bench


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    pytest.importorskip("onnxruntime", reason="sampling needs onnxruntime")
    from bundle_factory import write_bundle  # noqa: PLC0415 - skips where onnx is absent

    return write_bundle(tmp_path_factory.mktemp("bundle") / "tiny.petsgan")


def run(*options):
    command = [sys.executable, str(SCRIPT), *map(str, options)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_quick_run_prints_one_object(bundle):
    result = run(bundle, "--quick", "--json")
    assert result.returncode == 0, result.stderr
    report = json.loads(result.stdout)
    assert [(row["width"], row["height"]) for row in report["rows"]] == [(512, 512), (1024, 1024)]
    for row in report["rows"]:
        assert row["s_per_megapixel"] > 0
        assert row["cpu_s_per_megapixel"] > 0
        assert 0 < row["peak_rss_mb"] < 1000
        assert row["samples"] >= 2
    assert report["ratios"]["cpu_s_per_megapixel"] >= 1
    assert report["checks"]["regions_equal"] == 4
    assert {"cpu", "cores", "load_average", "versions", "command", "commit"} <= set(report["host"])


def test_regions_that_differ_are_exit_code_4(bundle, monkeypatch):
    monkeypatch.syspath_prepend(str(SCRIPT.parents[1]))
    script = importlib.import_module("sampling._agreement")
    sampler = script.petsgan_sdk.load(bundle, provider="cpu", threads=1)
    monkeypatch.setattr(
        type(sampler), "region", lambda *where, **_: np.zeros((where[5], where[6], 3), np.uint8)
    )
    with pytest.raises(script.BenchmarkError, match="nothing was timed") as caught:
        script.check_regions(bundle, 1)
    assert caught.value.exit_code == 4


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--size", "8x8"], "height must be an integer from 16"),
        (["--threads", "0"], "--threads must be an integer from 1"),
        (["missing.petsgan", "--quick"], "missing.petsgan"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(options, message):
    result = run(*options)
    assert result.returncode == 2
    errors = [line for line in result.stderr.splitlines() if not line.startswith("checking")]
    assert len(errors) == 1
    assert message in errors[0]
