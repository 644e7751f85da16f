from __future__ import annotations

import json
from types import SimpleNamespace

import numpy as np
import pytest
from support import benchmarks

from petsgan_sdk.errors import ConfigError
from petsgan_sdk.settings.families import FAMILIES

NAME = "sampling.bench_sampling"
NAMES = ["runtime", "torch_same_weights", "torch_public_form"]

pytestmark = pytest.mark.bench


EACH_FAMILY = pytest.mark.parametrize("family", ["petsgan", "exsingan"])
QUICK = ("--quick", "--threads", "1", "--iterations", "1")


@pytest.fixture(autouse=True)
def _packages():
    for package in ("torch", "onnx", "onnxscript", "onnxruntime"):
        pytest.importorskip(package, reason="the benchmark compares the runtime with torch")


@pytest.mark.slow
@EACH_FAMILY
def test_quick_run_prints_one_object(family):
    result = benchmarks.run(NAME, "--train", family, *QUICK, "--json")
    assert result.returncode == 0, result.stderr
    check_report(json.loads(result.stdout), family)


@EACH_FAMILY
def test_quick_run_without_processes(family):
    report = benchmarks.report_here(NAME, "--train", family, *QUICK, workers="sampling._measure")
    check_report(report, family)


def check_report(report, family):
    assert [row["name"] for row in report["rows"]] == NAMES
    for row in report["rows"]:
        assert (row["width"], row["height"], row["threads"]) == (64, 64, 1)
        assert 0 < row["min_ms"] <= row["p50_ms"] <= row["p95_ms"]
        assert row["peak_rss_mb"] > 0
        assert row["load_s"] > 0
        assert row["contended"] in (True, False, None)
    assert report["rows"][0]["bundle_bytes"] > 0
    assert sorted(report["ratios"]) == sorted(NAMES[1:])
    for ratios in report["ratios"].values():
        assert [ratio["threads"] for ratio in ratios] == [1]
        assert all(ratio[key] > 0 for ratio in ratios for key in ("wall", "wall_min", "cpu"))
    assert {"cpu", "cores", "load_average", "versions", "command", "commit"} <= set(report["host"])
    (check,) = report["checks"]
    assert check["least_share_within_1_level"] >= 0.99
    assert report["model"]["family"] == family


def test_every_family_has_both_baselines():
    baselines = benchmarks.load("sampling._baselines")
    assert list(baselines.BASELINES) == [family.name for family in FAMILIES if family.has_networks]
    for forms in baselines.BASELINES.values():
        assert list(forms) == NAMES[1:]
    with pytest.raises(ConfigError, match="must be one of petsgan, exsingan to be compared"):
        baselines.baseline("torch_same_weights", SimpleNamespace(family="other"))


def test_the_public_pyramid_has_the_size_that_was_published(monkeypatch, tmp_path):
    torch = pytest.importorskip("torch", reason="the public form runs in torch")
    module = benchmarks.load("sampling._exsingan_public_form")
    checkpoint = SimpleNamespace(photo=np.zeros((168, 256, 3), np.uint8))
    monkeypatch.setattr(module, "load_checkpoint", lambda _: checkpoint)
    form = module.PublicForm(tmp_path, manifest=None, threads=torch.get_num_threads())
    facts = form.facts()
    assert facts["parameters"] == 377_731 + 6 * 114_307
    assert facts["largest_error"] < 1e-5
    assert form._sizes_on(168, 512)[0] == (32, 98)
    image = form.sample(width=40, height=36, seed=0, index=0)
    assert (image.shape, image.dtype) == ((36, 40, 3), np.uint8)


@pytest.fixture
def sampling():
    return benchmarks.load("sampling._measure")


def fake_workers(*, changed_rows: int = 0, levels: int = 2, plain_error: float = 0.0):
    image = np.full((100, 10, 3), 100, dtype=np.uint8)
    other = image.copy()
    other[:changed_rows, :, 0] += levels
    images = dict(zip(NAMES, (image, other, image), strict=True))
    facts = {"largest_error": plain_error}
    return {
        name: SimpleNamespace(facts=facts, save=lambda path, name=name, **_: images[name])  # noqa: ARG005
        for name in NAMES
    }


@pytest.mark.parametrize(("changed_rows", "levels"), [(0, 0), (1, 100), (5, 1)])
def test_small_differences_are_accepted(sampling, tmp_path, changed_rows, levels):
    workers = fake_workers(changed_rows=changed_rows, levels=levels)
    check = sampling.check_agreement(workers, (10, 100), tmp_path)
    assert check["max_levels"] == levels
    assert check["share_equal"] == pytest.approx(1 - changed_rows / 100)


@pytest.mark.parametrize(
    "difference", [{"changed_rows": 2}, {"changed_rows": 6, "levels": 1}, {"plain_error": 1e-3}]
)
def test_disagreement_is_exit_code_4(sampling, tmp_path, difference):
    with pytest.raises(sampling.BenchmarkError, match="must") as caught:
        sampling.check_agreement(fake_workers(**difference), (10, 100), tmp_path)
    assert caught.value.exit_code == 4


@pytest.mark.parametrize(
    ("others_s", "threads", "contended"),
    [(0.0, 2, False), (10.0, 1, False), (10.0, 2, True), (20.0, 1, True), (None, 2, None)],
)
def test_threads_without_a_core_each_are_contended(
    sampling, monkeypatch, others_s, threads, contended
):
    monkeypatch.setattr("os.cpu_count", lambda: 2)
    monkeypatch.setattr("shared.clocks.usable_cores", lambda: 2)
    turn = sampling.Turn(None, warmups=1, settle=0, repeats=1, wall_s=10.0, others_s=others_s)
    assert turn.contention(threads)["contended"] is contended


@pytest.mark.parametrize(
    ("others_s", "threads", "contended"),
    [(0.0, 2, False), (0.0, 3, True), (60.0, 2, False), (70.0, 2, True)],
)
@pytest.mark.usefixtures("sampling")
def test_a_quota_counts_as_the_cores_that_there_are(monkeypatch, others_s, threads, contended):
    monkeypatch.setattr("os.cpu_count", lambda: 8)
    monkeypatch.setattr("shared.clocks.usable_cores", lambda: 2)
    clocks = benchmarks.load("shared.clocks")
    found = clocks.contention(threads, wall_s=10.0, others_s=others_s)
    assert found["contended"] is contended


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--size", "8x8"], "height must be an integer from 16"),
        (["--threads", "0"], "--threads must be an integer from 1"),
        (["missing.pt"], "missing.pt"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(options, message):
    assert message in benchmarks.refused(NAME, *options)
