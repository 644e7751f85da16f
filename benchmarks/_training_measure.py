"""Agreement of the ways to train, then their times in turns. Imports no torch."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from _harness import BenchmarkError, Turn, Worker, summarize, take_turns

__all__ = [
    "FORMS",
    "agreement_of",
    "check_agreement",
    "fit_forms",
    "measure_phase",
    "ratios_of",
    "whole_run",
]

FORMS = ("ours", "ours_float32", "usual", "public")
"""See `_training_forms`, which imports torch."""
_STEP, _LOSSES, _TRANSFER = 0, 1, 2
_TRANSFER_TOLERANCE = 1e-3
"""Of transferred pixels and weights: a temperature of 0.01 multiplies the rounding of float32
cosines by a hundred."""
_LEAST_SHARE = 0.99
"""Of pixels within the tolerance: of two almost equal matches, the order of the sums decides."""
_LOSS_TOLERANCE = {"usual": 0.01, "ours": 0.05}
"""Of each loss, relative to it and absolute below 1: two steps apart, critics have been updated in
between. bfloat16 has 8 bits."""

Array = np.ndarray[Any, np.dtype[np.float32]]


def fit_forms(workers: dict[str, Worker]) -> None:
    """End the float32 form where it would be the same as ours."""
    ours = workers.get("ours")
    if ours is not None and ours.facts["precision"] == "float32" and "ours_float32" in workers:
        print("note: float32 is what this device trains in: one row", file=sys.stderr, flush=True)
        workers.pop("ours_float32").__exit__(None, None, None)


def check_agreement(
    workers: Mapping[str, Worker], phases: Mapping[str, Mapping[str, int]]
) -> dict[str, Any]:
    """Compare patch transfer and the losses of every form that has our settings with float32's.

    Each form takes the same steps from the same weights, so that the second step of a phase also
    shows that the first one changed them alike.

    Raises:
        BenchmarkError: Two forms that must agree do not.
    """
    base = "ours_float32" if "ours_float32" in workers else "ours"
    report: dict[str, Any] = {"base": base}
    if base not in workers:
        return report
    with tempfile.TemporaryDirectory(prefix="petsgan-bench-") as name:

        def ask(form: str, what: int, step: int) -> Array:
            return workers[form].save(Path(name) / "answer.npy", what=what, step=step)

        others = [form for form in _LOSS_TOLERANCE if form in workers and form != base]
        expected = ask(base, _TRANSFER, 0)
        for form in others:
            report[f"{form}_transfer"] = agreement_of(
                ask(form, _TRANSFER, 0), expected, _TRANSFER_TOLERANCE, f"{form}: patch transfer"
            )
        for phase, facts in phases.items():
            steps = [facts["at"], facts["at"] + 1]
            expected = np.concatenate([ask(base, _LOSSES, step) for step in steps])
            for form in others:
                found = np.concatenate([ask(form, _LOSSES, step) for step in steps])
                report[f"{form}_{phase}"] = agreement_of(
                    found, expected, _LOSS_TOLERANCE[form], f"{form}: losses of {phase}", share=1.0
                )
    return report


def agreement_of(
    found: Array, expected: Array, tolerance: float, what: str, *, share: float = _LEAST_SHARE
) -> float:
    """Return the largest difference, where one counts relative to values above 1.

    Raises:
        BenchmarkError: Too many values differ by more than the tolerance.
    """
    difference = np.abs(found - expected) / np.maximum(1, np.abs(expected))
    close = float((difference <= tolerance).mean())
    if not close >= share:
        msg = (
            f"{what} must be within {tolerance:g} in {share:.0%} of the values, got {close:.2%} "
            f"and a difference of {difference.max():.3g}; nothing was timed"
        )
        raise BenchmarkError(msg, exit_code=4)
    return float(difference.max())


def measure_phase(
    turns: Sequence[Turn], phase: str, *, rounds: int, threads: int
) -> list[dict[str, Any]]:
    """Time the steps of one phase, all forms in turns: one row a form."""
    at = turns[0].worker.facts["phases"][phase]

    def progress(text: str) -> None:
        print(f"{phase}: {text}", file=sys.stderr, flush=True)

    request = {"what": _STEP, "step": at["at"]}
    take_turns(turns, rounds=rounds, request=request, progress=progress)
    return [_row(turn, phase, at["steps"], threads) for turn in turns]


def _row(turn: Turn, phase: str, steps: int, threads: int) -> dict[str, Any]:
    summary = summarize(turn.times_ms)
    return {
        "name": turn.worker.name,
        "phase": phase,
        "precision": turn.worker.facts["precision"],
        "size_px": turn.worker.facts["size_px"],
        "threads": threads,
        "steps": steps,
        "samples": summary["samples"],
        **{f"{k}_s": summary[f"{k}_ms"] / 1e3 for k in ("min", "p50", "cpu_min", "cpu_p50")},
        **turn.contention(threads),
    }


def whole_run(rows: Sequence[Mapping[str, Any]], row: Mapping[str, Any]) -> float:
    """CPU seconds of all phases of a run of the form of `row`, by its medians."""
    return float(sum(r["steps"] * r["cpu_p50_s"] for r in rows if r["name"] == row["name"]))


def ratios_of(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """How many times faster our forms are than the others, phase by phase, in the same run."""
    ratios = []
    pairs = [("ours", "ours_float32"), *((o, t) for o in FORMS[:2] for t in FORMS[2:])]
    found = {(row["preset"], row["phase"], row["name"]): row for row in rows}
    for preset, phase in dict.fromkeys((row["preset"], row["phase"]) for row in rows):
        for ours, other in pairs:
            a, b = found.get((preset, phase, ours)), found.get((preset, phase, other))
            if a is not None and b is not None:
                keys = {"wall": "p50", "wall_min": "min", "cpu": "cpu_p50", "cpu_min": "cpu_min"}
                ratio = {name: b[f"{key}_s"] / a[f"{key}_s"] for name, key in keys.items()}
                contended = a["contended"] or b["contended"]
                names = {"preset": preset, "phase": phase, "name": ours, "against": other}
                ratios.append({**names, **ratio, "contended": contended})
    return ratios
