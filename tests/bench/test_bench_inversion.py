from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("torch", reason="the benchmark inverts with torch")

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "training" / "bench_inversion.py"

pytestmark = pytest.mark.bench


def run(*options):
    words = [sys.executable, str(SCRIPT), "--quick", *options]
    return subprocess.run(words, capture_output=True, text=True, check=False)


def test_the_table_has_a_row():
    result = run()
    assert result.returncode == 0, result.stderr
    head, row = result.stdout.splitlines()
    assert head.split()[0] == "size_px"
    assert row.split()[:3] == ["128", "8", "cpu"]


def test_parts_add_up():
    result = run("--json")
    assert result.returncode == 0, result.stderr
    report = json.loads(result.stdout)
    (row,) = report["rows"]
    parts = ("candidate_s", "first_step_s", "last_step_s", "layout_s")
    assert all(row[part] > 0 for part in parts)
    # 500 candidates, 350 steps, 500 layouts.
    outer = 500 * row["candidate_s"] + 500 * row["layout_s"]
    steps = [row["first_step_s"], row["last_step_s"]]
    assert row["total_s"] > outer + 200 * min(steps)
    assert report["host"]
