"""Measure the three forms of one size and thread count: agreement first, then times in turns.

Every form runs in a worker process of its own, made by the script that calls this module.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
from _baselines import PUBLIC_FORM, RUNTIME, SAME_WEIGHTS
from _harness import BenchmarkError, Turn, Worker, summarize, take_turns

__all__ = [
    "agreement",
    "check_agreement",
    "measure",
    "note",
    "ratios_of",
    "refuse_disagreement",
]

_NUM_CHECKED = 4
"""Images that the runtime and torch must agree on, per size."""
_LEAST_CLOSE = 0.99
"""Share of pixels that may differ by one level at most. Between two patches that are almost equally
similar, float32 sums of another order choose the other one: then a small region differs visibly."""
_LEAST_EQUAL = 0.95
"""Share of pixels that must be the same; weights that are wrong by 2 % leave 0.8 and would pass
the other test."""
_PLAIN_TOLERANCE = 1e-4
"""Of what the public form computes by other means than torch's layers, against float64."""
_THREAD_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
"""Of pools that are sized when a library is loaded; torch and the runtime are told as well."""


def measure(
    command: Sequence[str],
    *,
    size: tuple[int, int],
    threads: int,
    rounds: int,
    is_quick: bool,
    folder: Path,
) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Time the forms of one size and thread count in fresh processes.

    Args:
        command: Script and arguments of a worker, to which `--serve NAME` is added.
        size: `(width, height)` in pixels.
        threads: Of each form.
        rounds: How often each form has its turn.
        is_quick: Whether turns are short: to see that it runs.
        folder: For images that are compared.

    Returns:
        One row a form, and what was checked before.

    Raises:
        BenchmarkError: The forms do not agree, or a worker failed.
    """
    environment = dict.fromkeys(_THREAD_VARIABLES, str(threads))
    label = f"{size[0]}x{size[1]}, threads {threads}"
    with ExitStack() as stack:
        workers: dict[str, Worker] = {}
        for name in (RUNTIME, SAME_WEIGHTS, PUBLIC_FORM):
            note(f"{label}: starting {name}")
            worker = Worker(name, [*command, "--serve", name], environment=environment)
            workers[name] = stack.enter_context(worker)
        checked = {"width": size[0], "height": size[1], "threads": threads}
        checked |= check_agreement(workers, size, folder)
        # The faster a form, the more of its samples fit into a turn.
        many, few = (2, 1) if is_quick else (5, 1)
        turns = [
            Turn(workers[RUNTIME], warmups=many * 4, settle=few, repeats=many),
            Turn(workers[SAME_WEIGHTS], warmups=many * 2, settle=few, repeats=many),
            Turn(workers[PUBLIC_FORM], warmups=few, settle=0, repeats=few),
        ]
        request = {"width": size[0], "height": size[1], "seed": 1, "index": 0}
        take_turns(
            turns,
            rounds=rounds,
            request=request,
            progress=lambda text: note(f"{label}: {text}"),
        )
        rows = [_row(turn, size=size, threads=threads) for turn in turns]
    return rows, checked


def _row(turn: Turn, *, size: tuple[int, int], threads: int) -> dict[str, Any]:
    peak = turn.worker.peak()
    if turn.worker.name == RUNTIME and peak["torch"]:
        msg = "the runtime's process must not import torch, but it did"
        raise BenchmarkError(msg)
    return {
        "name": turn.worker.name,
        "width": size[0],
        "height": size[1],
        "threads": threads,
        **summarize(turn.times_ms),
        **turn.contention(threads),
        "first_ms": turn.first_ms,
        "peak_rss_mb": peak["peak_rss_mb"],
        "ready_s": turn.worker.ready_s,
        **turn.worker.facts,
    }


def check_agreement(
    workers: dict[str, Worker], size: tuple[int, int], folder: Path
) -> dict[str, Any]:
    """Compare what will be timed.

    Raises:
        BenchmarkError: The runtime and torch make different images, or the public form does not
            compute what it should.
    """
    error = workers[PUBLIC_FORM].facts["largest_error"]
    if not error <= _PLAIN_TOLERANCE:
        msg = f"{PUBLIC_FORM}: must be within {_PLAIN_TOLERANCE:g} of float64, got {error:.3g}"
        raise BenchmarkError(msg, exit_code=4)
    differences = []
    for index in range(_NUM_CHECKED):
        request = {"width": size[0], "height": size[1], "seed": 7, "index": index}
        images = [
            workers[name].save(folder / f"{name}.npy", **request).astype(np.int16)
            for name in (RUNTIME, SAME_WEIGHTS)
        ]
        differences.append(np.abs(images[0] - images[1]).max(axis=2))
    checked = {**agreement(differences), "public_form_error": error}
    note(f"agreement of {RUNTIME} and {SAME_WEIGHTS}: {checked}")
    refuse_disagreement(checked, RUNTIME, SAME_WEIGHTS)
    return checked


def agreement(differences: Sequence[np.ndarray[Any, np.dtype[np.int16]]]) -> dict[str, Any]:
    """How alike images are.

    Args:
        differences: Of each pair, `[H, W]`: the largest of the three channels, in levels of 255.
    """
    return {
        "images": len(differences),
        "least_share_within_1_level": min(float((d <= 1).mean()) for d in differences),
        "share_equal": float(np.mean([d == 0 for d in differences])),
        "max_levels": int(max(d.max() for d in differences)),
    }


def refuse_disagreement(checked: dict[str, Any], name: str, other: str) -> None:
    """Judge what `agreement` found.

    Raises:
        BenchmarkError: The two forms make different images.
    """
    close, equal = checked["least_share_within_1_level"], checked["share_equal"]
    if close < _LEAST_CLOSE or equal < _LEAST_EQUAL:
        msg = (
            f"{name} and {other} must agree within one level on {_LEAST_CLOSE:.0%} of "
            f"the pixels of every image and exactly on {_LEAST_EQUAL:.0%}, got {close:.2%} "
            f"and {equal:.2%}; nothing was timed"
        )
        raise BenchmarkError(msg, exit_code=4)


def ratios_of(rows: Sequence[dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    """How many times faster the runtime is than each other form, in the same run.

    `wall` and `cpu` are ratios of medians; `wall_min` of the fastest samples, which other programs
    disturb least. None of them means anything where `contended` is true.
    """
    ratios: dict[str, list[dict[str, Any]]] = {}
    keys = ("width", "height", "threads")
    base = {tuple(r[k] for k in keys): r for r in rows if r["name"] == RUNTIME}
    for row in rows:
        if row["name"] != RUNTIME:
            same = base[tuple(row[key] for key in keys)]
            ratio = {key: row[key] for key in keys}
            ratio["wall"] = row["p50_ms"] / same["p50_ms"]
            ratio["wall_min"] = row["min_ms"] / same["min_ms"]
            ratio["cpu"] = row["cpu_p50_ms"] / same["cpu_p50_ms"]
            ratio["contended"] = row["contended"] or same["contended"]
            ratios.setdefault(row["name"], []).append(ratio)
    return ratios


def note(text: str) -> None:
    """Print one line that is no result to stderr."""
    print(text, file=sys.stderr, flush=True)
