"""Folders of the repository, and of the research data that may lie beside it."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).parents[2]
TESTS = ROOT / "tests"
BENCHMARKS = ROOT / "benchmarks"
DATA = ROOT.parent / "shared" / "data"
WEIGHTS = DATA / "weights"
