from __future__ import annotations

import importlib
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch", reason="the benchmark trains")

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "training" / "bench_training.py"

pytestmark = pytest.mark.bench


def run(*options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(SCRIPT), *options], capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize("preset", ["fast", "paper"])
def test_quick_run_prints_one_object(preset):
    result = run("--quick", "--json", "--preset", preset)
    assert result.returncode == 0, result.stderr
    report = json.loads(result.stdout)
    names = [row["name"] for row in report["rows"]]
    assert {"ours", "usual", "public"} <= set(names) <= {"ours", "ours_float32", "usual", "public"}
    phases = {row["phase"]: row["steps"] for row in report["rows"]}
    expected = {"fast": (["layouts", "texture"], 1000), "paper": (["warm-up", "joint"], 5000)}
    assert (list(phases), sum(phases.values())) == expected[preset]
    for row in report["rows"]:
        assert 0 < row["cpu_min_s"] <= row["cpu_p50_s"] <= row["run_cpu_s"]
        assert row["peak_rss_mb"] > 0
        assert row["contended"] in (True, False, None)
    assert all(ratio["cpu"] > 0 for ratio in report["ratios"])
    (check,) = report["checks"]
    assert check["usual_transfer"] < 1e-3
    assert {f"usual_{phase}" for phase in phases} <= set(check)
    assert {"cpu", "cores", "versions", "command", "commit"} <= set(report["host"])


@pytest.fixture
def measure(monkeypatch):
    monkeypatch.syspath_prepend(str(SCRIPT.parents[1]))
    return importlib.import_module("training._measure")


def test_disagreement_is_exit_code_4(measure):
    expected = np.array([0.1, 100.0], dtype=np.float32)
    assert measure.agreement_of(expected * 1.004, expected, 0.01, "x") == pytest.approx(
        0.004, rel=1e-2
    )
    for wrong in (expected * 1.1, expected * np.float32("nan")):
        with pytest.raises(
            measure.BenchmarkError, match=r"must be within .* nothing was"
        ) as caught:
            measure.agreement_of(wrong, expected, 0.01, "x")
        assert caught.value.exit_code == 4


def test_a_few_ties_are_no_disagreement(measure):
    expected = np.zeros(1000, dtype=np.float32)
    found = expected.copy()
    found[:10] = 1
    assert measure.agreement_of(found, expected, 1e-3, "x") == 1
    found[:11] = 1
    with pytest.raises(measure.BenchmarkError):
        measure.agreement_of(found, expected, 1e-3, "x")


def test_ratios_and_whole_runs(measure):
    def row(name, phase, seconds, steps):
        times = dict.fromkeys(("min_s", "p50_s", "cpu_min_s", "cpu_p50_s"), seconds)
        key = {"preset": "paper", "phase": phase, "name": name}
        return {**key, **times, "steps": steps, "contended": False}

    rows = [row("ours", "joint", 2.0, 10), row("public", "joint", 7.0, 10)]
    rows += [row("ours", "warm-up", 1.0, 5), row("public", "warm-up", 3.0, 5)]
    ratios = measure.ratios_of(rows)
    assert [(r["phase"], r["against"], r["cpu"]) for r in ratios] == [
        ("joint", "public", 3.5),
        ("warm-up", "public", 3.0),
    ]
    assert measure.whole_run(rows, rows[0]) == 25.0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--threads", "0"], "--threads must be an integer from 1"),
        (["--preset", "slow"], "must be one of fast, paper"),
        (["missing.png"], "missing.png"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(options, message):
    result = run(*options)
    assert result.returncode == 2
    errors = [line for line in result.stderr.splitlines() if line.startswith("error: ")]
    assert len(errors) == 1
    assert message in errors[0]
    assert "Traceback" not in result.stderr
