from __future__ import annotations

import json

import pytest
from support import benchmarks
from support.pictures import write_picture
from support.synthesis_bundle import write_synthesis_bundle

NAME = "sampling.bench_synthesis"

pytestmark = pytest.mark.bench


def test_every_figure_is_measured_of_both(tmp_path, monkeypatch):
    script = benchmarks.load(NAME)
    monkeypatch.setattr(script, "Worker", benchmarks.InProcess)
    bundle = write_synthesis_bundle(tmp_path / "one.petsgan")
    plan = script._Plan((), 32, 3, 2, canvas=256, region=32, fresh=2, stream=64, large=300)
    rows = script._measure({"instant": bundle, "baseline": bundle}, plan, bands=1)
    assert [(row["figure"], row["name"], row["samples"]) for row in rows] == [
        (figure, name, count)
        for figure, count in (
            ("open", 2),
            ("sample 32x32", 3),
            ("region 32x32 of 256x256, cold", 2),
            ("region right of it", 2),
            ("stream 64x64", 1),
            ("stream 300x300, 256 rows", 1),
        )
        for name in ("instant", "baseline")
    ]
    for row, other in zip(rows[::2], rows[1::2], strict=True):
        assert row["times_baseline"] == row["cpu_ms"] / other["cpu_ms"]
        assert "times_baseline" not in other
    megapixels = {
        row["figure"]: row["cpu_ms"] / 1e3 / row["cpu_s_per_megapixel"] for row in rows[2:]
    }
    assert megapixels["stream 300x300, 256 rows"] == pytest.approx(0.0768)
    assert megapixels["region right of it"] == pytest.approx(0.001024)


@pytest.mark.slow
def test_quick_run_compares_with_another_bundle(tmp_path):
    photo = write_picture(tmp_path / "shore.png", 80, 64)
    baseline = write_synthesis_bundle(tmp_path / "other.petsgan")
    result = benchmarks.run(NAME, photo, "--baseline", baseline, "--quick", "--json")
    assert result.returncode == 0, result.stderr
    report = json.loads(result.stdout)
    figures = ("fit 64 px", "fit 96 px", "open", "sample 64x64")
    assert [row["figure"] for row in report["rows"] if row["name"] == "instant"] == [
        *figures,
        "region 64x64 of 4096x4096, cold",
        "region right of it",
        "stream 512x512",
        "stream 1024x1024, 256 rows",
    ]
    for row in report["rows"]:
        assert row["cpu_ms"] > 0
        compared = row["name"] == "instant" and not row["figure"].startswith("fit")
        assert ("times_baseline" in row) == compared
        if row["figure"].startswith(("fit", "stream")):
            assert 0 < row["peak_rss_mb"] < 1000
    assert report["photo"]["enlarged_to_px"] == [96]
    assert "is enlarged to 96 px" in result.stderr
    assert {who: found["regions_equal"] for who, found in report["checks"].items()} == {
        "instant": 4,
        "baseline": 4,
    }


def test_nothing_is_timed_where_regions_differ(monkeypatch):
    script = benchmarks.load(NAME)

    def refused(bundle, threads):
        assert (bundle.name, threads) == ("0.petsgan", 1)
        msg = "nothing was timed"
        raise benchmarks.load("shared.harness").BenchmarkError(msg, exit_code=4)

    monkeypatch.setattr(script, "_fits", lambda *_: ([], {}))
    monkeypatch.setattr(script, "_measure", lambda *_, **__: pytest.fail("timed"))
    monkeypatch.setattr(script, "check_regions", refused)
    code, printed, said = benchmarks.run_here(NAME, "--quick")
    assert (code, printed) == (4, "")
    assert said.endswith("error: nothing was timed\n")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["missing.png", "--quick"], "missing.png"),
        (["--baseline", "missing.petsgan"], "missing.petsgan"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(options, message):
    assert message in benchmarks.refused(NAME, *options)
