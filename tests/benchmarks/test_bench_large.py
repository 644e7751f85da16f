from __future__ import annotations

import json

import numpy as np
import pytest
from support import benchmarks

NAME = "sampling.bench_large"

pytestmark = pytest.mark.bench
pytest.importorskip("onnxruntime", reason="the benchmark runs models")


def test_quick_run_prints_one_object(bundle):
    result = benchmarks.run(NAME, bundle, "--quick", "--json")
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
    script = benchmarks.load("sampling._agreement")
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
    assert message in benchmarks.refused(NAME, *options)
