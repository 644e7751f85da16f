"""How fast a trained model is sampled: the runtime against two ways to do it in PyTorch.

    python benchmarks/sampling/bench_sampling.py [MODEL.pt] [--size 256x256] [--threads 1 2]

`runtime` is `petsgan_sdk.load(...).sample(...)` in a process without torch. `torch_same_weights` is
the same model in PyTorch eager; the two must make the same images before anything is timed.
`torch_public_form` is the structure of its family's paper as the public code samples it.
benchmarks/README.md says what the numbers mean.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))  # benchmarks/, whose folders are packages

import petsgan_sdk
from petsgan_sdk._arrays import ImageArray
from petsgan_sdk.runtime.bundle import open_bundle
from petsgan_sdk.runtime.checks import check_int, check_size
from sampling._baselines import RUNTIME, baseline
from sampling._measure import measure, ratios_of
from shared.command import parse_size, parser, print_facts, print_table, run_command
from shared.harness import Form, serve
from shared.host import host_facts
from shared.models import add_train_option, train_briefly

_PACKAGES = ("petsgan-sdk", "numpy", "onnxruntime", "torch", "onnx")
_COLUMNS = {
    "name": "s",
    "size": "s",
    "threads": "d",
    "p50_ms": ".2f",
    "p95_ms": ".2f",
    "min_ms": ".2f",
    "cpu_p50_ms": ".2f",
    "first_ms": ".1f",
    "load_s": ".3f",
    "ready_s": ".2f",
    "peak_rss_mb": ".0f",
    "samples": "d",
    "others_cores": ".2f",
    "contended": "",
}
_RATIO_COLUMNS = {
    "runtime against": "s",
    "size": "s",
    "threads": "d",
    "wall": ".1f",
    "wall_min": ".1f",
    "cpu": ".1f",
    "contended": "",
}


class _Runtime:
    """What is deployed."""

    def __init__(self, bundle: Path, threads: int) -> None:
        started = time.perf_counter()
        self._sampler = petsgan_sdk.load(bundle, provider="cpu", threads=threads)
        self._load_s = time.perf_counter() - started

    def sample(self, *, width: int, height: int, seed: int, index: int) -> ImageArray:
        # What the others run: their networks, at every size.
        images = self._sampler.sample(
            height=height, width=width, seed=seed, start=index, layout="network"
        )
        image: ImageArray = images[0]
        return image

    def facts(self) -> dict[str, Any]:
        return {"load_s": self._load_s}


class _Torch:
    """One of the two torch forms, and how long it took to import torch and load the model."""

    def __init__(self, name: str, checkpoint: Path, bundle: Path, threads: int) -> None:
        manifest = open_bundle(bundle).manifest
        started = time.perf_counter()
        self._form = baseline(name, manifest)(checkpoint, manifest=manifest, threads=threads)
        self._load_s = time.perf_counter() - started
        self.sample = self._form.sample

    def facts(self) -> dict[str, Any]:
        return {"load_s": self._load_s, **self._form.facts()}


def main() -> int:
    """Run, and return the exit code."""
    options = _parse()
    return run_command(lambda: _result(options), _print, as_json=options.json)


def _result(options: argparse.Namespace) -> dict[str, Any] | None:
    if options.serve is not None:
        serve(lambda: _create(options))
        return None
    _check(options)
    return _run(options)


def _parse() -> argparse.Namespace:
    asked = parser(__doc__, quick="tiny: to see that it runs")
    asked.add_argument("model", nargs="?", type=Path, metavar="MODEL.pt", help="a checkpoint")
    add_train_option(asked)
    asked.add_argument("--size", nargs="+", type=parse_size, metavar="WxH", help="default 256x256")
    asked.add_argument("--threads", nargs="+", type=int, help="default 1")
    asked.add_argument("--iterations", type=int, help="rounds of turns; default 20")
    asked.add_argument("--serve", help=argparse.SUPPRESS)
    asked.add_argument("--bundle", type=Path, help=argparse.SUPPRESS)
    options = asked.parse_args()
    options.size = options.size or [(64, 64) if options.quick else (256, 256)]
    options.threads = options.threads or [1]
    if options.iterations is None:
        options.iterations = 2 if options.quick else 20
    return options


def _check(options: argparse.Namespace) -> None:
    for width, height in options.size:
        check_size(height, width)
    for threads in options.threads:
        check_int(threads, "--threads", low=1, high=256)
    check_int(options.iterations, "--iterations", low=1, high=100_000)


def _create(options: argparse.Namespace) -> Form:
    threads = options.threads[0]
    if options.serve == RUNTIME:
        return _Runtime(options.bundle, threads)
    return _Torch(options.serve, options.model, options.bundle, threads)


def _run(options: argparse.Namespace) -> dict[str, Any]:
    host = host_facts(_PACKAGES)
    with tempfile.TemporaryDirectory(prefix="petsgan-bench-") as name:
        folder = Path(name)
        model, source = _model(options, folder)
        bundle = folder / "model.petsgan"
        from petsgan_sdk.export import export_bundle  # noqa: PLC0415 - torch

        export_bundle(model, bundle, verify=False)  # verified below, as a whole
        rows: list[dict[str, Any]] = []
        checks: list[dict[str, Any]] = []
        for size in options.size:
            for threads in options.threads:
                worker = [str(model), "--bundle", str(bundle), "--threads", str(threads)]
                measured, checked = measure(
                    [__file__, *worker],
                    size=size,
                    threads=threads,
                    rounds=options.iterations,
                    is_quick=options.quick,
                    folder=folder,
                )
                measured[0]["bundle_bytes"] = bundle.stat().st_size
                rows += measured
                checks.append(checked)
    return {
        "rows": rows,
        "ratios": ratios_of(rows),
        "checks": checks,
        "model": source,
        "host": host,
    }


def _model(options: argparse.Namespace, folder: Path) -> tuple[Path, dict[str, Any]]:
    """The checkpoint to measure, trained here if none is given, and a description of it."""
    from petsgan_sdk.checkpoint import load_checkpoint  # noqa: PLC0415 - workers do without

    model = options.model
    source = "given"
    if model is None:
        model = folder / "model.pt"
        source = train_briefly(model, name=options.train, quick=options.quick)
    checkpoint = load_checkpoint(model)
    return model, {
        "file": model.name,
        "source": source,
        "family": checkpoint.settings.family,
        "preset": checkpoint.settings.preset,
        "steps": checkpoint.steps_done,
        "image": checkpoint.provenance.get("image"),
        "image_size_px": list(checkpoint.photo.shape[1::-1]),
    }


def _print(result: dict[str, Any]) -> None:
    print_table(result["rows"], _COLUMNS)
    print()
    ratios = [
        {**ratio, "runtime against": name}
        for name, values in result["ratios"].items()
        for ratio in values
    ]
    print_table(ratios, _RATIO_COLUMNS)
    print()
    print(f"bundle {result['rows'][0]['bundle_bytes'] / 1e6:.2f} MB")
    for key in ("model", "host"):
        print_facts(key, result[key])
    for check in result["checks"]:
        print_facts("check", check)


if __name__ == "__main__":
    sys.exit(main())
