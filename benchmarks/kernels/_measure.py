"""Measure the forms on every case for one number of threads: memory, agreement, then time.

All forms are timed in this process, in turns, so that what the machine does to one it does to all.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from kernels._agreement import check_agreement
from kernels._cases import Arrays, ArrayStore, Case, Form, Result
from kernels._forms import FORMS, OURS
from kernels._memory import run_alone
from petsgan_sdk import _core
from shared.clocks import Span, contention, timed_ms
from shared.harness import BenchmarkError

__all__ = ["Limits", "Measurement"]

_MOST_REPEATS = 50
_LEAST_REPEATS = 2
_PEAK_REPEATS = 5

_Times = list[tuple[float, float]]


@dataclass(frozen=True, slots=True)
class Limits:
    """What a form may take. Ours may take as long as it needs."""

    budget_s: float
    """Time for the repeats of one form in one row; a form that is slower runs twice."""
    longest_s: float
    """A form that would take longer for one run is left out."""
    most_mb: float
    """A form that would need more memory, constants included, is left out."""


class Measurement:
    """One number of threads.

    Args:
        folder: Of an `ArrayStore` that has the cases' arrays.
        threads: Of every form.
        limits: What a form may take.
        note: Told what happens.
    """

    def __init__(
        self, folder: Path, *, threads: int, limits: Limits, note: Callable[[str], None]
    ) -> None:
        """Size torch's pool."""
        torch.set_num_threads(threads)
        self._folder = folder
        self._threads = threads
        self._limits = limits
        self._note = note
        # Of the largest case so far: the work of every form is proportional to the pairs.
        self._seconds_per_pair: dict[tuple[str, int], float] = {}

    def row(self, case: Case) -> dict[str, Any]:
        """Measure one case; cases of fewer pairs should come before.

        Raises:
            BenchmarkError: The forms do not agree.
        """
        self._note(f"{case}, {self._threads} thread(s)")
        arrays = ArrayStore(self._folder).load(case)
        reasons, extra_mb, results = self._run_alone(case)
        if OURS.name in reasons:
            msg = f"{OURS.name}: must run on {case}, but {reasons[OURS.name]}"
            raise BenchmarkError(msg)
        agreement = check_agreement(arrays, results)
        times, facts = self._times([f for f in FORMS if f.name in results], arrays, case)
        facts["reference_ms"] = self._reference_ms(arrays, set(results))
        cpu_ms, wall_ms = (
            {form.name: _least(times.get(form.name), column) for form in FORMS} for column in (1, 0)
        )
        is_one = self._threads == 1
        ms = cpu_ms if is_one else wall_ms
        ours_ms = [pair[1 if is_one else 0] for pair in times[OURS.name]]
        flop = 2.0 * case.pairs * case.channels
        peak = facts["peak_gflops"] * self._threads
        return {
            "query": list(case.query),
            "reference": list(case.reference),
            "channels": case.channels,
            "threads": self._threads,
            "ms": ms,
            "extra_mb": {form.name: extra_mb.get(form.name) for form in FORMS},
            "peak_share": flop / (min(ours_ms) * 1e6) / peak,
            "clock": "cpu" if is_one else "wall",
            "cpu_ms": cpu_ms,
            "wall_ms": wall_ms,
            "repeats": {name: len(taken) for name, taken in times.items()},
            "reasons": reasons,
            **facts,
            **agreement,
        }

    def _run_alone(
        self, case: Case
    ) -> tuple[dict[str, str], dict[str, float | None], dict[str, Result]]:
        """Run every form that may run once: why others may not, extra memory, results."""
        reasons: dict[str, str] = {}
        extra_mb: dict[str, float | None] = {}
        results: dict[str, Result] = {}
        for form in FORMS:
            reason = self._reason(form, case)
            if reason is None:
                result, facts = run_alone(
                    form.name, case, folder=self._folder, threads=self._threads
                )
                reason = facts.get("reason")
                if result is not None:
                    results[form.name] = result
                    extra_mb[form.name] = facts["extra_mb"]
                    key = (form.name, case.channels)
                    self._seconds_per_pair[key] = facts["seconds"] / case.pairs
            if reason is not None:
                reasons[form.name] = reason
        return reasons, extra_mb, results

    def _reason(self, form: Form, case: Case) -> str | None:
        """Why a form is not run."""
        if missing := form.missing():
            return missing
        if form is OURS:
            return None
        memory_mb = form.memory_mb(case)
        if memory_mb > self._limits.most_mb:
            return f"needs about {memory_mb:.0f} MB, limit {self._limits.most_mb:.0f} MB"
        seconds = self._seconds(form, case)
        if seconds > self._limits.longest_s:
            return f"takes about {seconds:.0f} s, limit {self._limits.longest_s:.0f} s"
        return None

    def _seconds(self, form: Form, case: Case) -> float:
        """Expected time of one run; 0 where nothing is known yet."""
        return self._seconds_per_pair.get((form.name, case.channels), 0.0) * case.pairs

    def _times(
        self, forms: list[Form], arrays: Arrays, case: Case
    ) -> tuple[dict[str, _Times], dict[str, Any]]:
        """Wall and CPU milliseconds of every repeat by form, and facts about the time it took."""
        runs = {form.name: form.prepare(arrays, self._threads) for form in forms}
        repeats = {form.name: self._repeats(form, case) for form in forms}
        times: dict[str, _Times] = {name: [] for name in runs}
        rounds = max(repeats.values())
        peak = 0.0
        span = Span()
        for number in range(rounds):
            if number < _PEAK_REPEATS:
                peak = max(peak, _core.multiply_add_peak())
            for name, run in runs.items():
                # The repeats of a slow form are spread over the rounds.
                if number * repeats[name] // rounds == len(times[name]):
                    times[name].append(timed_ms(run))
        wall_s, _, others_s = span.read()
        return times, {
            "peak_gflops": peak,
            **contention(self._threads, wall_s=wall_s, others_s=others_s),
        }

    def _repeats(self, form: Form, case: Case) -> int:
        fitting = int(self._limits.budget_s / self._seconds(form, case))
        return min(max(fitting, _LEAST_REPEATS), _MOST_REPEATS)

    def _reference_ms(self, arrays: Arrays, names: set[str]) -> dict[str, float]:
        """Time of the part of a run that a constant reference would save, on the row's clock."""
        clock = 1 if self._threads == 1 else 0
        found = {}
        for form in FORMS:
            if form.reference_work is not None and form.name in names:
                work = form.reference_work(arrays)
                found[form.name] = min(timed_ms(work)[clock] for _ in range(_LEAST_REPEATS))
        return found


def _least(times: _Times | None, column: int) -> float | None:
    return min(pair[column] for pair in times) if times else None
