"""What large images of `train --high-res` take: sampling next to 256x256, and peak memory.

    python benchmarks/sampling/bench_high_res.py [ORDINARY.petsgan LARGE.petsgan] [--json]

Without bundles both are trained here for a moment on an image that is made for it, by a process
whose peak memory is the one of training. Regions of a canvas must first be the same bytes as those
parts of its stream. Then each bundle makes single images of its own size in a process of its own,
in turns. benchmarks/README.md says what the numbers mean.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))  # benchmarks/, whose folders are packages

import petsgan_sdk
from petsgan_sdk._arrays import ImageArray
from petsgan_sdk.diagnosis.host import peak_rss_mb
from petsgan_sdk.runtime.checks import check_int
from sampling._agreement import check_regions
from shared.command import note, parser, print_facts, print_table, run_command
from shared.harness import BenchmarkError, Turn, Worker, ask_script, serve, summarize
from shared.host import host_facts
from shared.models import make_photo

_PACKAGES = ("petsgan-sdk", "numpy", "onnxruntime", "torch")
_MOST_TIMES, _MOST_MB = 40.0, 1500.0
"""What sampling, in times of the ordinary image, and memory may take at 1024x1024."""

_COLUMNS = {
    "name": "s",
    "size": "s",
    "threads": "d",
    "p50_ms": ".1f",
    "min_ms": ".1f",
    "cpu_min_ms": ".1f",
    "peak_rss_mb": ".0f",
    "others_cores": ".2f",
    "contended": "",
}


class _Sampled:
    """One sampler."""

    def __init__(self, bundle: Path, threads: int) -> None:
        self._sampler = petsgan_sdk.load(bundle, provider="cpu", threads=threads)

    def sample(self, *, width: int, height: int, seed: int, index: int) -> ImageArray:
        image: ImageArray = self._sampler.sample(
            height=height, width=width, seed=seed, start=index, layout="network"
        )[0]
        return image

    def facts(self) -> dict[str, Any]:
        height, width = self._sampler.manifest.image_size_px
        return {"size_px": [width, height]}


def main() -> int:
    """Run, and return the exit code."""
    options = _parse()
    return run_command(lambda: _result(options), _print, as_json=options.json)


def _parse() -> argparse.Namespace:
    asked = parser(__doc__, quick="64 and 256 px instead of 256 and 1024")
    asked.add_argument("bundles", nargs="*", type=Path, metavar="BUNDLE.petsgan")
    asked.add_argument("--threads", type=int, default=1)
    asked.add_argument("--rounds", type=int, default=10)
    asked.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    asked.add_argument("--train", type=Path, help=argparse.SUPPRESS)
    options = asked.parse_args()
    options.rounds = 2 if options.quick else options.rounds
    return options


def _result(options: argparse.Namespace) -> dict[str, Any] | None:
    if options.serve:
        serve(lambda: _Sampled(options.bundles[0], options.threads))
        return None
    if options.train is not None:
        _train(options.train, quick=options.quick)
        return None
    check_int(options.threads, "--threads", low=1, high=256)
    check_int(options.rounds, "--rounds", low=1, high=1000)
    if len(options.bundles) not in (0, 2):
        msg = f"bundles must be two, ordinary and large, or none, got {len(options.bundles)}"
        raise BenchmarkError(msg, exit_code=2)
    return _run(options)


def _run(options: argparse.Namespace) -> dict[str, Any]:
    host = host_facts(_PACKAGES)
    training_mb: float | None = None
    with tempfile.TemporaryDirectory(prefix="petsgan-bench-") as name:
        bundles = options.bundles
        if not bundles:
            bundles, training_mb = _train_both(Path(name), options)
        note("checking regions")
        checks = check_regions(bundles[1], options.threads)
        rows = _measure(bundles, options)
    ordinary, large = rows
    ratios = {key: large[f"{key}_ms"] / ordinary[f"{key}_ms"] for key in ("min", "cpu_min", "p50")}
    peaks = [mb for mb in (large["peak_rss_mb"], training_mb) if mb is not None]
    kept = ratios["cpu_min"] <= _MOST_TIMES and max(peaks) <= _MOST_MB
    return {
        "rows": rows,
        "ratios": ratios,
        "training_peak_rss_mb": training_mb,
        "limits": {"times": _MOST_TIMES, "mb": _MOST_MB, "kept": kept},
        "checks": checks,
        "host": host,
    }


def _train_both(folder: Path, options: argparse.Namespace) -> tuple[list[Path], float]:
    """Train and export in a process of their own; returns the bundles and its peak memory."""
    note("training both, each for a moment")
    command = [__file__, "--train", str(folder), *(["--quick"] if options.quick else [])]
    peak_mb = float(ask_script("training", command))
    return [folder / "ordinary.petsgan", folder / "large.petsgan"], peak_mb


def _train(folder: Path, *, quick: bool) -> None:
    """Train both, print the peak memory so far in MB, then export."""
    from petsgan_sdk.export import export_bundle  # noqa: PLC0415 - torch
    from petsgan_sdk.training import train  # noqa: PLC0415 - torch

    own, large = (64, 256) if quick else (256, 1024)
    make_photo(folder / "photo.png", (large, large), wave_px=large / 6)
    runs: dict[str, dict[str, str]] = {"large": {"high-res": str(large)}, "ordinary": {}}
    for name, extra in runs.items():
        train(
            folder / "photo.png",
            folder / f"{name}.pt",
            max_size_px=own,
            steps=4 if quick else 40,
            options={"features": "filters", **extra},
            overrides={"enlargement.steps": 2 if quick else 20},
        )
    print(peak_rss_mb(), flush=True)
    for name in runs:
        export_bundle(folder / f"{name}.pt", folder / f"{name}.petsgan", verify=False)


def _measure(bundles: list[Path], options: argparse.Namespace) -> list[dict[str, Any]]:
    """Let the two take turns, each at its own size."""
    rows = []
    with ExitStack() as stack:
        turns = []
        for name, bundle in zip(("ordinary", "large"), bundles, strict=True):
            command = [__file__, str(bundle), "--serve", "--threads", str(options.threads)]
            worker = stack.enter_context(Worker(name, command))
            turns.append(Turn(worker, warmups=2, settle=1, repeats=4 if name == "ordinary" else 1))
        for number in range(options.rounds + 1):
            note("warming up" if number == 0 else f"round {number} of {options.rounds}")
            for turn in turns:
                width, height = turn.worker.facts["size_px"]
                request = {"width": width, "height": height, "seed": 1, "index": 0}
                if number == 0:
                    turn.worker.time(turn.warmups, **request)
                else:
                    turn.take(request)
        for turn in turns:
            width, height = turn.worker.facts["size_px"]
            rows.append(
                {
                    "name": turn.worker.name,
                    "width": width,
                    "height": height,
                    "threads": options.threads,
                    **summarize(turn.times_ms),
                    "peak_rss_mb": turn.worker.peak()["peak_rss_mb"],
                    **turn.contention(options.threads),
                }
            )
    return rows


def _print(result: dict[str, Any]) -> None:
    print_table(result["rows"], _COLUMNS)
    print()
    ratios = {key: format(value, ".1f") for key, value in result["ratios"].items()}
    print_facts("large against ordinary", ratios)
    peak = result["training_peak_rss_mb"]
    print("peak memory of training: " + ("not measured" if peak is None else f"{peak:.0f} MB"))
    for key in ("limits", "checks", "host"):
        print_facts(key, result[key])


if __name__ == "__main__":
    sys.exit(main())
