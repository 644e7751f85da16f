"""How fast the presets train, next to the same networks trained the way the public code does it.

    python benchmarks/training/bench_training.py [PHOTO] [--preset fast paper] [--json]

Seconds of a step in each phase of training, of a whole run (steps times that), and peak memory. All
forms must compute the same step before anything is timed. benchmarks/README.md says what the
numbers mean.
"""

from __future__ import annotations

import argparse
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))  # benchmarks/, whose folders are packages

from petsgan_sdk.imaging import load_image
from petsgan_sdk.runtime.checks import check_int
from petsgan_sdk.settings.presets import load_preset
from shared.command import note, parser, print_facts, print_table, run_command
from shared.harness import Form, Turn, Worker, serve, thread_variables
from shared.host import host_facts
from shared.models import PHOTO
from training._measure import (
    FORMS,
    check_agreement,
    fit_forms,
    measure_phase,
    ratios_of,
    whole_run,
)

_PACKAGES = ("petsgan-sdk", "numpy", "torch")
_COLUMNS = {
    "preset": "s",
    "phase": "s",
    "name": "s",
    "precision": "s",
    "threads": "d",
    "min_s": ".3f",
    "p50_s": ".3f",
    "cpu_min_s": ".3f",
    "cpu_p50_s": ".3f",
    "steps": "d",
    "run_cpu_s": ".0f",
    "peak_rss_mb": ".0f",
    "samples": "d",
    "others_cores": ".2f",
    "contended": "",
}
_RATIO_COLUMNS = {
    "preset": "s",
    "phase": "s",
    "name": "s",
    "against": "s",
    "wall": ".2f",
    "wall_min": ".2f",
    "cpu": ".2f",
    "cpu_min": ".2f",
    "contended": "",
}


def main() -> int:
    """Run, and return the exit code."""
    options = _parse()
    return run_command(lambda: _result(options), _print, as_json=options.json)


def _result(options: argparse.Namespace) -> dict[str, Any] | None:
    if options.serve is not None:
        serve(lambda: _create(options))
        return None
    check_int(options.threads, "--threads", low=1, high=256)
    check_int(options.rounds, "--rounds", low=1, high=1000)
    for preset in options.preset:
        load_preset(preset)
    load_image(options.photo)
    return _run(options)


def _parse() -> argparse.Namespace:
    asked = parser(__doc__, quick="64 px: to see that it runs")
    asked.add_argument("photo", nargs="?", type=Path, default=PHOTO, help="default chelsea.png")
    asked.add_argument("--preset", nargs="+", default=["fast", "paper"])
    asked.add_argument("--form", nargs="+", choices=FORMS, default=list(FORMS))
    asked.add_argument("--size", type=int, metavar="PX", help="longest side; default 256")
    asked.add_argument("--threads", type=int, default=1)
    asked.add_argument("--rounds", type=int, help="of turns; default 5")
    asked.add_argument("--serve", help=argparse.SUPPRESS)
    options = asked.parse_args()
    options.size = options.size or (64 if options.quick else 256)
    options.rounds = options.rounds or (1 if options.quick else 5)
    return options


def _create(options: argparse.Namespace) -> Form:
    from training._forms import TrainingForm  # noqa: PLC0415 - torch

    return TrainingForm(
        options.serve,
        preset=options.preset[0],
        photo=options.photo,
        max_size_px=options.size,
        threads=options.threads,
    )


def _run(options: argparse.Namespace) -> dict[str, Any]:
    host = host_facts(_PACKAGES)
    rows: list[dict[str, Any]] = []
    checks: list[dict[str, Any]] = []
    for preset in options.preset:
        measured, check = _measure(preset, options)
        rows += measured
        checks.append(check)
    return {
        "rows": rows,
        "ratios": ratios_of(rows),
        "checks": checks,
        "photo": options.photo.name,
        "host": host,
    }


def _measure(
    preset: str, options: argparse.Namespace
) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Rows of one preset, and what was checked before."""
    threads = options.threads
    command = [__file__, str(options.photo), "--preset", preset]
    command += ["--threads", str(threads), "--size", str(options.size)]
    environment = thread_variables(threads)
    with ExitStack() as stack:
        workers: dict[str, Worker] = {}
        for name in options.form:
            note(f"{preset}: starting {name}")
            worker = Worker(name, [*command, "--serve", name], environment=environment)
            workers[name] = stack.enter_context(worker)
        fit_forms(workers)
        phases = next(iter(workers.values())).facts["phases"]
        check = {"preset": preset, **check_agreement(workers, phases)}
        rows = []
        for phase in phases:
            turns = [Turn(w, warmups=1, settle=0, repeats=1) for w in workers.values()]
            rows += measure_phase(turns, phase, rounds=options.rounds, threads=threads)
        for row in rows:
            row["preset"] = preset
            row["peak_rss_mb"] = workers[row["name"]].peak()["peak_rss_mb"]
    return [{**row, "run_cpu_s": whole_run(rows, row)} for row in rows], check


def _print(result: dict[str, Any]) -> None:
    print_table(result["rows"], _COLUMNS)
    print()
    print_table(result["ratios"], _RATIO_COLUMNS)
    print()
    for check in result["checks"]:
        print_facts("check", check)
    print_facts("host", result["host"])


if __name__ == "__main__":
    sys.exit(main())
