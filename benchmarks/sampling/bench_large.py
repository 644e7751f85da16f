"""How time and memory grow with the size of an image that is streamed.

    python benchmarks/sampling/bench_large.py [MODEL.petsgan] [--size 1024x1024] [--json]

Each size is streamed band by band by a process of its own, which keeps only the last band: seconds
are those of sampling, without encoding or a disk. Before that, regions of a canvas must be the same
bytes as those parts of its stream. benchmarks/README.md says what the numbers mean.
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
from petsgan_sdk.runtime.checks import check_canvas, check_int
from sampling._agreement import check_regions
from shared.command import note, parse_size, parser, print_facts, print_table, run_command
from shared.harness import Turn, Worker, serve
from shared.host import host_facts
from shared.models import add_train_option, train_briefly

_PACKAGES = ("petsgan-sdk", "numpy", "onnxruntime")
_SIDES = (1024, 2048, 4096, 8192)
_QUICK_SIDES = (512, 1024)
_REPEATED_PX = 4_000_000
"""A size is streamed as often as this takes, 2 to 8 times; a large one averages over itself."""

_COLUMNS = {
    "size": "s",
    "threads": "d",
    "s_per_megapixel": ".3f",
    "cpu_s_per_megapixel": ".3f",
    "peak_rss_mb": ".0f",
    "samples": "d",
    "others_cores": ".2f",
    "contended": "",
}


class _Streamed:
    """One sampler."""

    def __init__(self, bundle: Path, threads: int) -> None:
        self._sampler = petsgan_sdk.load(bundle, provider="cpu", threads=threads)

    def sample(self, *, width: int, height: int, seed: int, index: int) -> ImageArray:
        last: ImageArray | None = None
        for band in self._sampler.stream(height, width, seed, index=index):
            last = band
        assert last is not None  # every canvas has a band
        return last

    def facts(self) -> dict[str, Any]:
        return {}


def main() -> int:
    """Run, and return the exit code."""
    options = _parse()
    return run_command(lambda: _result(options), _print, as_json=options.json)


def _result(options: argparse.Namespace) -> dict[str, Any] | None:
    if options.serve:
        serve(lambda: _Streamed(options.bundle, options.threads))
        return None
    for width, height in options.size:
        check_canvas(height, width)
    check_int(options.threads, "--threads", low=1, high=256)
    return _run(options)


def _parse() -> argparse.Namespace:
    asked = parser(__doc__, quick="512 and 1024 squared only")
    asked.add_argument("bundle", nargs="?", type=Path, metavar="MODEL.petsgan")
    add_train_option(asked)
    asked.add_argument(
        "--size", nargs="+", type=parse_size, metavar="WxH", help="1024 to 8192 squared"
    )
    asked.add_argument("--threads", type=int, default=1)
    asked.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    options = asked.parse_args()
    sides = _QUICK_SIDES if options.quick else _SIDES
    options.size = options.size or [(side, side) for side in sides]
    return options


def _run(options: argparse.Namespace) -> dict[str, Any]:
    host = host_facts(_PACKAGES)
    with tempfile.TemporaryDirectory(prefix="petsgan-bench-") as name:
        bundle, source = _bundle(options, Path(name))
        note("checking regions")
        checked = check_regions(bundle, options.threads)
        rows = _measure(bundle, options)
    costs = [row["cpu_s_per_megapixel"] for row in rows]
    peaks = [row["peak_rss_mb"] for row in rows]
    return {
        "rows": rows,
        "ratios": {
            "cpu_s_per_megapixel": max(costs) / min(costs),
            "peak_rss_mb": max(peaks) / min(peaks),
        },
        "checks": checked,
        "model": {"file": bundle.name, "source": source},
        "host": host,
    }


def _bundle(options: argparse.Namespace, folder: Path) -> tuple[Path, str]:
    if options.bundle is not None:
        return options.bundle, "given"
    from petsgan_sdk.export import export_bundle  # noqa: PLC0415 - torch

    model = folder / "model.pt"
    source = train_briefly(model, name=options.train, quick=options.quick)
    return export_bundle(model, folder / "model.petsgan").bundle, source


def _measure(bundle: Path, options: argparse.Namespace) -> list[dict[str, Any]]:
    """Stream the sizes in turns, so that a busy moment of the machine falls on all of them."""
    command = [__file__, str(bundle), "--serve", "--threads", str(options.threads)]
    with ExitStack() as stack:
        turns: list[tuple[tuple[int, int], Turn]] = []
        for size in options.size:
            worker = stack.enter_context(Worker(f"stream {size[0]}x{size[1]}", command))
            turns.append((size, Turn(worker, warmups=0, settle=0, repeats=1)))
        most = max(_rounds(size) for size in options.size)
        for number in range(most):
            for size, turn in turns:
                if number < _rounds(size):
                    note(f"streaming {size[0]}x{size[1]}")
                    turn.take({"width": size[0], "height": size[1], "seed": 1, "index": 0})
        return [_row(size, turn, options.threads) for size, turn in turns]


def _rounds(size: tuple[int, int]) -> int:
    return min(8, max(2, _REPEATED_PX // (size[0] * size[1])))


def _row(size: tuple[int, int], turn: Turn, threads: int) -> dict[str, Any]:
    megapixels = size[0] * size[1] / 1e6
    return {
        "width": size[0],
        "height": size[1],
        "threads": threads,
        "s_per_megapixel": min(wall for wall, _ in turn.times_ms) / 1e3 / megapixels,
        "cpu_s_per_megapixel": min(cpu for _, cpu in turn.times_ms) / 1e3 / megapixels,
        "peak_rss_mb": turn.worker.peak()["peak_rss_mb"],
        "samples": len(turn.times_ms),
        **turn.contention(threads),
    }


def _print(result: dict[str, Any]) -> None:
    print_table(result["rows"], _COLUMNS)
    print()
    ratios = {name: format(value, ".2f") for name, value in result["ratios"].items()}
    print_facts("largest against smallest", ratios)
    for key in ("checks", "model", "host"):
        print_facts(key, result[key])


if __name__ == "__main__":
    sys.exit(main())
