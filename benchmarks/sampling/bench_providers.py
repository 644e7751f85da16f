"""How fast one model is in every form and on every provider that is here.

    python benchmarks/sampling/bench_providers.py [MODEL.petsgan|MODEL.pt] [--quick] [--json]

`pipeline` is `petsgan_sdk.load(...)`, `onnx` one graph of standard operators in plain ONNX Runtime,
`onnx-custom` the same graph with patch transfer as our kernel. Every form must make the same images
before anything is timed. benchmarks/README.md says what the numbers mean.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))  # benchmarks/, whose folders are packages

from petsgan_sdk.runtime.checks import check_int, check_size, default_threads
from sampling._agreement import agreement, refuse_disagreement
from sampling._provider_forms import CUSTOM, PIPELINE, ROWS, STANDARD, export_forms, start
from shared.command import note, parse_size, parser, print_facts, print_table, run_command
from shared.harness import BenchmarkError, Turn, Worker, serve, summarize, take_turns
from shared.host import host_facts
from shared.models import add_train_option, bundle_of

_PACKAGES = ("petsgan-sdk", "numpy", "onnxruntime", "onnxruntime-gpu", "onnx", "tensorrt")
_SIZES = ((256, 256), (512, 512), (1024, 1024), (2048, 2048))
_BATCHES = (1, 16)
_LEAST_CHECKED = 2
_COLUMNS = {
    "form": "s",
    "provider": "s",
    "size": "s",
    "batch": "d",
    "status": "s",
    "p50_ms": ".1f",
    "p95_ms": ".1f",
    "min_ms": ".1f",
    "cpu_p50_ms": ".1f",
    "images_per_s": ".2f",
    "megapixels_per_s": ".2f",
    "peak_rss_mb": ".0f",
    "idle_rss_mb": ".0f",
    "others_cores": ".2f",
    "contended": "",
}
_RATIO_COLUMNS = {
    "against": "s",
    "size": "s",
    "batch": "d",
    "wall": ".2f",
    "wall_min": ".2f",
    "cpu": ".2f",
    "memory": ".2f",
    "contended": "",
}


def main() -> int:
    """Run, and return the exit code."""
    options = _parse()
    return run_command(lambda: _result(options), _print, as_json=options.json)


def _result(options: argparse.Namespace) -> dict[str, Any] | None:
    if options.serve is not None:
        request = json.loads(options.serve)
        serve(lambda: start(**{**request, "bundle": Path(request["bundle"])}))
        return None
    for width, height in options.size:
        check_size(height, width)
    for batch in options.batch:
        check_int(batch, "--batch", low=1, high=1024)
    return _run(options)


def _parse() -> argparse.Namespace:
    asked = parser(__doc__, quick="256x256 and batch 1 only")
    asked.add_argument("model", nargs="?", type=Path, metavar="MODEL", help="bundle or checkpoint")
    add_train_option(asked)
    asked.add_argument(
        "--size", nargs="+", type=parse_size, metavar="WxH", help="default 256x256 on"
    )
    asked.add_argument("--batch", nargs="+", type=int, help="default 1 16")
    asked.add_argument("--threads", type=int, help="of each form; default as petsgan_sdk.load")
    asked.add_argument("--iterations", type=int, help="rounds of turns; default 10")
    asked.add_argument("--memory-mb", type=int, default=8000, help="of a CPU row; default 8000")
    asked.add_argument("--serve", help=argparse.SUPPRESS)
    options = asked.parse_args()
    options.size = options.size or (_SIZES[:1] if options.quick else _SIZES)
    options.batch = options.batch or (_BATCHES[:1] if options.quick else _BATCHES)
    if options.iterations is None:
        options.iterations = 3 if options.quick else 10
    return options


def _run(options: argparse.Namespace) -> dict[str, Any]:
    check_int(options.iterations, "--iterations", low=1, high=100_000)
    threads = default_threads(options.threads)
    host = host_facts(_PACKAGES)
    with tempfile.TemporaryDirectory(prefix="petsgan-bench-") as name:
        folder = Path(name)
        bundle, source = bundle_of(options.model, folder, train=options.train, quick=options.quick)
        export_forms(bundle)
        rows: list[dict[str, Any]] = []
        checks: list[dict[str, Any]] = []
        for size in options.size:
            for batch in options.batch:
                case = _Case(bundle, size, batch, threads, options.memory_mb)
                measured, checked = case.measure(rounds=options.iterations, folder=folder)
                rows += measured
                checks += checked
    return {
        "rows": rows,
        "ratios": _ratios(rows),
        "checks": checks,
        "model": source,
        "host": {**host, "threads": threads},
    }


class _Case:
    """One size and batch: all forms take turns."""

    def __init__(
        self, bundle: Path, size: tuple[int, int], batch: int, threads: int, memory_mb: int
    ) -> None:
        self._size = size
        self._batch = batch
        self._threads = threads
        self._settings = {
            "bundle": str(bundle),
            "threads": threads,
            "batch": batch,
            "size_px": size,
            "memory_mb": memory_mb,
        }

    def measure(
        self, *, rounds: int, folder: Path
    ) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
        """The rows, and what was checked before."""
        width, height = self._size
        label = f"{width}x{height}, batch {self._batch}"
        with ExitStack() as stack:
            workers: dict[tuple[str, str], Worker] = {}
            dead: dict[tuple[str, str], str] = {}
            for row in ROWS:
                note(f"{label}: starting {row[0]} on {row[1]}")
                try:
                    workers[row] = stack.enter_context(self._worker(*row))
                except BenchmarkError as exc:  # such as one that the system killed for its memory
                    dead[row] = str(exc)
            running = {row: w for row, w in workers.items() if w.facts["status"] == "ok"}
            while True:
                try:
                    checks = self._check(running, folder)
                    turns = self._take_turns(running, rounds=rounds, label=label)
                    break
                except BenchmarkError as exc:
                    gone = [row for row, worker in running.items() if not worker.is_alive]
                    if not gone:
                        raise
                    for row in gone:
                        dead[row] = str(exc)
                        del running[row]
            facts = {row: worker.facts for row, worker in workers.items()}
            facts |= {row: {"status": "failed", "reason": reason} for row, reason in dead.items()}
            for row, turn in turns.items():
                facts[row] = {**workers[row].facts, **self._times(turn)}
        case = {"width": width, "height": height, "batch": self._batch}
        return [{"form": row[0], "provider": row[1], **case, **facts[row]} for row in ROWS], checks

    def _take_turns(
        self, workers: dict[tuple[str, str], Worker], *, rounds: int, label: str
    ) -> dict[tuple[str, str], Turn]:
        turns = {row: self._turn(worker) for row, worker in workers.items()}
        width, height = self._size
        take_turns(
            list(turns.values()),
            rounds=rounds,
            request={"width": width, "height": height, "seed": 1, "index": 0},
            progress=lambda text: note(f"{label}: {text}"),
        )
        return turns

    def _worker(self, form: str, provider: str) -> Worker:
        request = {"form": form, "provider": provider, **self._settings}
        script = str(Path(__file__))
        return Worker(f"{form} on {provider}", [script, "--serve", json.dumps(request)])

    def _turn(self, worker: Worker) -> Turn:
        # Small samples more than once in a turn, so that caches are as in a row of samples.
        is_small = self._size[0] * self._size[1] * self._batch <= 512 * 512
        return Turn(
            worker, warmups=2 if is_small else 1, settle=int(is_small), repeats=3 if is_small else 1
        )

    def _check(self, workers: dict[tuple[str, str], Worker], folder: Path) -> list[dict[str, Any]]:
        """Every form must make the images of our pipeline on the CPU.

        Raises:
            BenchmarkError: Two forms differ.
        """
        width, height = self._size
        first = (PIPELINE, "cpu")
        if first not in workers:
            return []

        def images_of(worker: Worker) -> np.ndarray[Any, np.dtype[np.int16]]:
            request = {"width": width, "height": height, "seed": 7}
            batches = [
                worker.save(folder / "images.npy", index=index, **request)
                for index in range(0, max(_LEAST_CHECKED, self._batch), self._batch)
            ]
            return np.concatenate(batches).astype(np.int16)

        expected = images_of(workers[first])
        checks = []
        for row, worker in workers.items():
            if row == first:
                continue
            found = agreement(list(np.abs(images_of(worker) - expected).max(axis=3)))
            checks.append(
                {"form": row[0], "provider": row[1], "width": width, "height": height}
                | {"batch": self._batch, **found}
            )
            refuse_disagreement(found, f"{row[0]} on {row[1]}", f"{first[0]} on {first[1]}")
        return checks

    def _times(self, turn: Turn) -> dict[str, Any]:
        width, height = self._size
        times = summarize(turn.times_ms)
        rate = self._batch / times["p50_ms"] * 1e3
        return {
            **times,
            **turn.contention(self._threads),
            "first_ms": turn.first_ms,
            "images_per_s": rate,
            "megapixels_per_s": rate * width * height / 1e6,
            "peak_rss_mb": turn.worker.peak()["peak_rss_mb"],
            "ready_s": turn.worker.ready_s,
        }


def _ratios(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """How many times more each other CPU form takes than our pipeline, in the same run.

    `wall` and `cpu` are ratios of medians, `wall_min` of the fastest samples; `memory` is of what
    the process took beyond Python and its libraries.
    """
    ratios = []
    for other in rows:
        if other["form"] not in (STANDARD, CUSTOM) or other["status"] != "ok":
            continue
        keys = ("provider", "width", "height", "batch")
        (ours,) = (
            row
            for row in rows
            if row["form"] == PIPELINE and all(row[key] == other[key] for key in keys)
        )
        if ours["status"] != "ok":
            continue
        grown, own = (row["peak_rss_mb"] - row["idle_rss_mb"] for row in (other, ours))
        ratios.append(
            {
                "against": other["form"],
                **{key: other[key] for key in keys},
                "wall": other["p50_ms"] / ours["p50_ms"],
                "wall_min": other["min_ms"] / ours["min_ms"],
                "cpu": other["cpu_p50_ms"] / ours["cpu_p50_ms"],
                "memory": grown / own,
                "peak_rss": other["peak_rss_mb"] / ours["peak_rss_mb"],
                "contended": other["contended"] or ours["contended"],
            }
        )
    return ratios


def _print(result: dict[str, Any]) -> None:
    print_table(result["rows"], _COLUMNS)
    for reason in dict.fromkeys(
        f"{row['form']} on {row['provider']} {row['status']}: {row['reason']}"
        for row in result["rows"]
        if row["status"] != "ok"
    ):
        print(reason)
    print()
    print_table(result["ratios"], _RATIO_COLUMNS)
    for key in ("model", "host"):
        print_facts(key, result[key])
    for check in result["checks"]:
        print_facts("check", check)


if __name__ == "__main__":
    sys.exit(main())
