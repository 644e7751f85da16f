"""Measure one bundle on this machine: load, first call, warm calls, stages, memory.

Imports numpy and onnxruntime (at use), never torch.
"""

from __future__ import annotations

import importlib.util
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from petsgan_sdk._quota import usable_cores
from petsgan_sdk.diagnosis.host import load_average, peak_rss_mb, reset_peak_rss, versions
from petsgan_sdk.errors import BackendUnavailableError
from petsgan_sdk.runtime.bundle import open_bundle
from petsgan_sdk.runtime.checks import check_int, check_size, default_threads
from petsgan_sdk.runtime.loading import load
from petsgan_sdk.runtime.options import ProviderOptions
from petsgan_sdk.runtime.providers import available_providers
from petsgan_sdk.runtime.sampler import Sampler
from petsgan_sdk.runtime.tensorrt.installed import MIN_MAJOR

__all__ = ["benchmark"]

_WARMUPS = 5


def benchmark(
    path: Path,
    *,
    sizes_px: Sequence[tuple[int, int]] = (),
    iterations: int = 30,
    provider: str | None = None,
    options: ProviderOptions | None = None,
    threads: int | None = None,
) -> dict[str, Any]:
    """Time single images, one row for each provider and size.

    Args:
        path: A bundle.
        sizes_px: `(width, height)` pairs. Default: the size of the training image.
        iterations: Timed calls of each row, after 5 that are not counted.
        provider: As in `load`. Default: all that answer here, TensorRT where it is installed; the
            CPU for a bundle without graphs.
        options: As in `load`.
        threads: As in `load`.

    Returns:
        JSON types: `rows`, `unavailable` providers with reasons, `versions`, `load_average` (before
        and after) and `cores`, the usable ones. Times are in milliseconds, memory in MB; the peak
        memory of a row is that of the whole process since the row began.

    Raises:
        BundleError: The bundle cannot be used.
        ConfigError: A size or count is out of range.
        BackendUnavailableError: The named provider does not answer, or none does.
    """
    iterations = check_int(iterations, "iterations", low=1, high=1_000_000)
    wanted: list[tuple[int, int] | None] = [check_size(h, w)[::-1] for w, h in sizes_px]
    wanted = wanted or [None]
    threads = default_threads(threads)
    load_before = load_average()
    asked = provider
    if provider is None and not open_bundle(path).graphs:
        asked = "cpu"  # all that can run it, and onnxruntime may not be here
    started = time.perf_counter()
    names = _candidates() if asked is None else (asked,)
    import_ms = (time.perf_counter() - started) * 1e3
    rows: list[dict[str, Any]] = []
    unavailable: dict[str, str] = {}
    for name in names:
        opened = partial(load, path, provider=name, options=options, threads=threads)
        for size in wanted:
            try:
                rows.append(_row(opened, size=size, iterations=iterations))
            except BackendUnavailableError as exc:
                if provider is not None:
                    raise
                unavailable[name] = str(exc)
                break
    if not rows:
        msg = f"no provider answers here ({'; '.join(unavailable.values())})"
        raise BackendUnavailableError(msg, hint="petsgan-sdk doctor")
    return {
        "bundle": str(path),
        "bytes": path.stat().st_size,
        "import_onnxruntime_ms": import_ms,
        "rows": rows,
        "unavailable": unavailable,
        "versions": versions(),
        "load_average": {"before": load_before, "after": load_average()},
        "cores": usable_cores(),
    }


def _candidates() -> tuple[str, ...]:
    """Providers that are installed; whether they answer is another question."""
    found = any(importlib.util.find_spec(name) for name in MIN_MAJOR)
    return (*(["tensorrt"] if found else []), *available_providers())


def _row(
    open_sampler: Callable[[], Sampler], *, size: tuple[int, int] | None, iterations: int
) -> dict[str, Any]:
    peak_is_of_row = reset_peak_rss()
    started = time.perf_counter()
    sampler = open_sampler()
    load_ms = (time.perf_counter() - started) * 1e3
    height, width = sampler.manifest.image_size_px if size is None else size[::-1]
    first_ms, _ = _timed(sampler, 1, width, height)
    _timed(sampler, _WARMUPS, width, height, start=1)
    stages: dict[str, list[float]] = {}
    # Each image once: what a canvas keeps would make the same one again in no time.
    times = [
        _timed(sampler, 1, width, height, start=number, stages=stages)[0]
        for number in range(1 + _WARMUPS, 1 + _WARMUPS + iterations)
    ]
    peak = peak_rss_mb()
    mean = float(np.mean(times))
    return {
        "provider": sampler.provider,
        "size": [width, height],
        "batch": 1,
        "threads": sampler.threads,
        "iterations": iterations,
        "load_ms": load_ms,
        "first_ms": first_ms,
        "warm_ms": {
            "min": min(times),
            "mean": mean,
            **{f"p{rank}": float(np.percentile(times, rank)) for rank in (50, 90, 95, 99)},
        },
        "images_per_s": 1e3 / mean,
        "stages_ms": {name: float(np.median(values)) for name, values in stages.items()},
        "peak_rss_mb": peak,
        "peak_rss_since": "row" if peak_is_of_row else "process start",
    }


def _timed(
    sampler: Sampler,
    count: int,
    width: int,
    height: int,
    *,
    start: int = 0,
    stages: dict[str, list[float]] | None = None,
) -> tuple[float, int]:
    """Milliseconds for `count` images, and a checksum so that the work cannot be skipped."""

    def observe(name: str, seconds: float) -> None:
        if stages is not None:
            stages.setdefault(name, []).append(seconds * 1e3)

    started = time.perf_counter()
    checksum = 0
    for image in sampler.images(count, height=height, width=width, start=start, observer=observe):
        checksum += int(image[0, 0, 0])
    return (time.perf_counter() - started) * 1e3, checksum
