"""Agreement of the ways to train, then their times in turns. Imports no torch."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from petsgan_sdk._arrays import Array
from shared.command import note
from shared.harness import BenchmarkError, Turn, Worker, summarize, take_turns

__all__ = [
    "FORMS",
    "LOSSES",
    "OURS",
    "OURS_FLOAT32",
    "PUBLIC",
    "STEP",
    "TRANSFER",
    "USUAL",
    "agreement_of",
    "check_agreement",
    "fit_forms",
    "measure_phase",
    "ratios_of",
    "whole_run",
]

OURS, OURS_FLOAT32, USUAL, PUBLIC = "ours", "ours_float32", "usual", "public"
"""As `petsgan-sdk train` does it; without bfloat16; in the public way with our settings of patch
transfer; in the public way with its own."""

FORMS = (OURS, OURS_FLOAT32, USUAL, PUBLIC)
"""`_forms` has them, and imports torch."""

STEP, LOSSES, TRANSFER = 0, 1, 2
"""What a form is asked for: a training step, its losses, or transferred layouts."""

_TRANSFER_TOLERANCE = 1e-3
"""Of transferred pixels and weights: a temperature of 0.01 multiplies the rounding of float32
cosines by a hundred."""
_LEAST_SHARE = 0.99
"""Of pixels within the tolerance: of two almost equal matches, the order of the sums decides."""
_LOSS_TOLERANCE = {USUAL: 0.01, OURS: 0.05}
"""Of each loss, relative to it and absolute below 1: two steps apart, critics have been updated in
between. bfloat16 has 8 bits."""


def fit_forms(workers: dict[str, Worker]) -> None:
    """End the float32 form where it would be the same as ours."""
    ours = workers.get(OURS)
    if ours is not None and ours.facts["precision"] == "float32" and OURS_FLOAT32 in workers:
        note("note: float32 is what this device trains in: one row")
        workers.pop(OURS_FLOAT32).__exit__(None, None, None)


def check_agreement(
    workers: Mapping[str, Worker], phases: Mapping[str, Mapping[str, int]]
) -> dict[str, Any]:
    """Compare patch transfer and the losses of every form that has our settings with float32's.

    Each form takes the same steps from the same weights, so that the second step of a phase also
    shows that the first one changed them alike.

    Raises:
        BenchmarkError: Two forms that must agree do not.
    """
    base = OURS_FLOAT32 if OURS_FLOAT32 in workers else OURS
    report: dict[str, Any] = {"base": base}
    if base not in workers:
        return report
    with tempfile.TemporaryDirectory(prefix="petsgan-bench-") as name:

        def ask(form: str, what: int, step: int) -> Array:
            return workers[form].save(Path(name) / "answer.npy", what=what, step=step)

        others = [form for form in _LOSS_TOLERANCE if form in workers and form != base]
        expected = ask(base, TRANSFER, 0)
        for form in others:
            report[f"{form}_transfer"] = agreement_of(
                ask(form, TRANSFER, 0), expected, _TRANSFER_TOLERANCE, f"{form}: patch transfer"
            )
        for phase, facts in phases.items():
            steps = [facts["at"], facts["at"] + 1]
            expected = np.concatenate([ask(base, LOSSES, step) for step in steps])
            for form in others:
                found = np.concatenate([ask(form, LOSSES, step) for step in steps])
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
        note(f"{phase}: {text}")

    request = {"what": STEP, "step": at["at"]}
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
    pairs = [(OURS, OURS_FLOAT32), *((o, t) for o in FORMS[:2] for t in FORMS[2:])]
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
