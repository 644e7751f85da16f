"""Measure the three forms of one size and thread count: agreement first, then times in turns.

Every form runs in a worker process of its own, made by the script that calls this module.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np

from sampling._agreement import agreement, refuse_disagreement
from sampling._baselines import PUBLIC_FORM, RUNTIME, SAME_WEIGHTS
from shared.command import note
from shared.harness import BenchmarkError, Turn, Worker, summarize, take_turns, thread_variables

__all__ = ["check_agreement", "measure", "ratios_of"]

_NUM_CHECKED = 4
"""Images that the runtime and torch must agree on, per size."""
_PLAIN_TOLERANCE = 1e-4
"""Of what the public form computes by other means than torch's layers, against float64."""


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
    environment = thread_variables(threads)
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
