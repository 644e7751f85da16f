"""How fast patch transfer is: ours against four other ways to compute the same.

    python benchmarks/kernels/bench_kernels.py [--quick] [--threads 1 2] [--json] [-o FILE]

`torch` is the usual unfold, normalise, matmul, softmax, max, gather and fold; `onnx` standard
operators in ONNX Runtime with reference patches as filters of a convolution; `faiss` exact search
by inner product; `torch_diagonal` a product of pixels and sums along diagonals. All must find the
same matches before anything is timed. benchmarks/README.md says what the numbers mean.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))  # benchmarks/, whose folders are packages

from kernels._cases import CHANNELS, QUERIES, REFERENCES, ArrayStore, Case, cases
from kernels._cuda import cuda_status, measure_cuda
from petsgan_sdk.runtime.checks import check_int
from shared.command import note, parse_size, parser, print_facts, print_table, run_command
from shared.harness import ask_script, thread_variables
from shared.host import host_facts

_BENCHMARKS = str(Path(__file__).parents[1])
_PACKAGES = ("petsgan-sdk", "numpy", "torch", "onnx", "onnxruntime", "faiss-cpu")
_QUICK_SIZES = ((32, 32), (64, 64))
_BUDGET_S, _QUICK_BUDGET_S = 1.0, 0.3
_LONGEST_S = 15.0
_MOST_MB = 2500.0
_COLUMNS = {
    "query": "s",
    "reference": "s",
    "C": "d",
    "threads": "d",
    "ours ms": ".2f",
    "peak": ".0%",
    "torch ms": ".1f",
    "onnx ms": ".1f",
    "faiss ms": ".1f",
    "diagonal ms": ".1f",
    "torch x": ".1f",
    "onnx x": ".1f",
    "faiss x": ".1f",
    "diagonal x": ".1f",
    "ours MB": ".1f",
    "torch MB": ".0f",
    "onnx MB": ".0f",
    "faiss MB": ".0f",
    "diagonal MB": ".0f",
    "contended": "",
}


def main() -> int:
    """Run, and return the exit code."""
    options = _parse()
    return run_command(
        lambda: _result(options), _print, as_json=options.json, output=options.output
    )


def _result(options: argparse.Namespace) -> dict[str, Any] | None:
    if options.worker is not None:
        _work(options)
        return None
    return _run(options)


def _parse() -> argparse.Namespace:
    asked = parser(__doc__, quick="32x32 and 64x64 only; few repeats")
    asked.add_argument("--threads", nargs="+", type=int, default=[1, 2], help="default 1 2")
    asked.add_argument("-o", "--output", type=Path, metavar="FILE", help="also write the JSON")
    asked.add_argument("--query", nargs="+", type=parse_size, metavar="HxW", help="only these")
    asked.add_argument("--reference", nargs="+", type=parse_size, metavar="HxW", help="only these")
    asked.add_argument("--channels", nargs="+", type=int, help="only these; default 3 64 256")
    asked.add_argument("--worker", type=Path, help=argparse.SUPPRESS)
    return asked.parse_args()


def _cases(options: argparse.Namespace) -> list[Case]:
    queries, references = QUERIES, REFERENCES
    if options.quick:
        queries = references = _QUICK_SIZES
    return cases(
        options.query or queries, options.reference or references, options.channels or CHANNELS
    )


def _run(options: argparse.Namespace) -> dict[str, Any]:
    """Measure in one process for each number of threads: pools keep the size they start with."""
    for threads in options.threads:
        check_int(threads, "--threads", low=1, high=256)
    for size in (*(options.query or ()), *(options.reference or ())):
        check_int(min(size), "a side of --query or --reference", low=1, high=4096)
    for channels in options.channels or ():
        check_int(channels, "--channels", low=1, high=4096)
    host = host_facts(_PACKAGES)
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory(prefix="petsgan-bench-") as name:
        ArrayStore(Path(name)).fill(_cases(options))
        for threads in options.threads:
            rows += _measure(threads, Path(name))
        host["cuda"] = status = cuda_status()
        for row in rows:
            row["cuda"] = status
        if status == "run":
            _measure_cuda(rows, Path(name))
    return {"rows": rows, "host": host}


def _measure_cuda(rows: list[dict[str, Any]], folder: Path) -> None:
    """Add what the device takes; the number of threads does not matter to it."""
    measured: dict[Case, dict[str, Any]] = {}
    for row in rows:
        case = Case(tuple(row["query"]), tuple(row["reference"]), row["channels"])
        if case not in measured:
            note(f"{case}, CUDA")
            measured[case] = measure_cuda(case, ArrayStore(folder).load(case))
        row["cuda"] = measured[case]


def _measure(threads: int, folder: Path) -> list[dict[str, Any]]:
    environment = {
        **thread_variables(threads),
        "OMP_WAIT_POLICY": "passive",  # threads that spin take a core from the form that runs next
        "ORT_DISABLE_TELEMETRY": "1",
        # For the processes that the worker forks. Theirs would begin with the working folder, where
        # the sources of the package may lie, and hide the one that is installed.
        "PYTHONPATH": os.pathsep.join(filter(None, [_BENCHMARKS, os.environ.get("PYTHONPATH")])),
        "PYTHONSAFEPATH": "1",
    }
    command = [*sys.argv, "--worker", str(folder), "--threads", str(threads)]
    name = f"{threads} thread(s)"
    rows: list[dict[str, Any]] = ask_script(name, command, environment=environment)
    return rows


def _work(options: argparse.Namespace) -> None:
    """Print the rows of one number of threads."""
    from kernels._measure import Limits, Measurement  # noqa: PLC0415 - only in the worker

    limits = Limits(
        budget_s=_QUICK_BUDGET_S if options.quick else _BUDGET_S,
        longest_s=_LONGEST_S,
        most_mb=_MOST_MB,
    )
    (threads,) = options.threads
    measurement = Measurement(options.worker, threads=threads, limits=limits, note=note)
    print(json.dumps([measurement.row(case) for case in _cases(options)], allow_nan=False))


def _print(result: dict[str, Any]) -> None:
    print_table([_flat(row) for row in result["rows"]], _COLUMNS)
    print()
    for row in result["rows"]:
        for name, reason in row["reasons"].items():
            print(f"{_title(row)}: no {name}: {reason}")
    print(f"CUDA: {result['host']['cuda']}")
    for row in result["rows"]:
        if isinstance(row["cuda"], dict):
            print_facts(f"{_title(row)}, CUDA", row["cuda"])
    print_facts("host", result["host"])


def _flat(row: dict[str, Any]) -> dict[str, Any]:
    """A row of the table."""
    flat = {
        "query": _shape(row["query"]),
        "reference": _shape(row["reference"]),
        "C": row["channels"],
        "threads": row["threads"],
        "peak": row["peak_share"],
        "contended": row["contended"],
    }
    for name, ms in row["ms"].items():
        short = name.removeprefix("torch_")
        flat[f"{short} ms"] = ms
        flat[f"{short} x"] = None if ms is None else ms / row["ms"]["ours"]
        flat[f"{short} MB"] = row["extra_mb"][name]
    return flat


def _title(row: dict[str, Any]) -> str:
    sizes = f"{_shape(row['query'])} against {_shape(row['reference'])}"
    return f"{sizes}, C={row['channels']}, {row['threads']} thread(s)"


def _shape(size: list[int]) -> str:
    return "x".join(map(str, size))


if __name__ == "__main__":
    sys.exit(main())
