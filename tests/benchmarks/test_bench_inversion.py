from __future__ import annotations

import json
from functools import cache

import pytest
from support import benchmarks

pytest.importorskip("torch", reason="the benchmark inverts with torch")

NAME = "training.bench_inversion"

pytestmark = pytest.mark.bench


@pytest.fixture(scope="module")
def measured():
    """What the script prints of one measurement, as an object and as a table."""
    script = benchmarks.load(NAME)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(script, "measure", cache(script.measure))
        runs = [benchmarks.run_here(NAME, "--quick", *words) for words in (["--json"], [])]
    assert [code for code, _, _ in runs] == [0, 0]
    return [printed for _, printed, _ in runs]


def test_the_table_has_a_row(measured):
    head, row = measured[1].splitlines()
    assert head.split()[0] == "size_px"
    assert row.split()[:3] == ["128", "8", "cpu"]


def test_parts_add_up(measured):
    report = json.loads(measured[0])
    (row,) = report["rows"]
    parts = ("candidate_s", "first_step_s", "last_step_s", "layout_s")
    assert all(row[part] > 0 for part in parts)
    # 500 candidates, 350 steps, 500 layouts.
    outer = 500 * row["candidate_s"] + 500 * row["layout_s"]
    steps = [row["first_step_s"], row["last_step_s"]]
    assert row["total_s"] > outer + 200 * min(steps)
    assert report["host"]
