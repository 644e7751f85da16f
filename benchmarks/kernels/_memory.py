"""Run a form once in a process of its own: its peak memory, its time, and its result.

The process is forked from one that has imported everything and computed nothing. There the form
first runs on a corner of the maps, which loads code and starts threads; then what is counted begins
with the call: the arguments, and what is constant for a model, are there already.
"""

from __future__ import annotations

import ctypes
import gc
import multiprocessing
import time
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np

from kernels._cases import Arrays, ArrayStore, Case, Result
from kernels._forms import FORMS
from petsgan_sdk.diagnosis.host import peak_rss_mb, reset_peak_rss

__all__ = ["run_alone"]

_PRELOADED = ["kernels._memory", "onnxruntime", "onnx", "faiss"]
_CORNER = 16
_M_MMAP_THRESHOLD = -3


def run_alone(
    name: str, case: Case, *, folder: Path, threads: int
) -> tuple[Result | None, dict[str, Any]]:
    """Run a form once on a case in a process of its own.

    Args:
        name: Of the form.
        case: Its arrays must be in the folder.
        folder: Of an `ArrayStore`; the result passes through it.
        threads: Of the form.

    Returns:
        The result, and `seconds` (of CPU for one thread, else wall) and `extra_mb` (None where
        the system does not tell). Where the process ended early, None and the `reason`.
    """
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(_PRELOADED)
    receiver, sender = context.Pipe(duplex=False)
    path = folder / "result.npz"
    process = context.Process(target=_child, args=(sender, name, case, path, threads))
    process.start()
    sender.close()
    try:
        facts: dict[str, Any] = receiver.recv()
    except EOFError:
        process.join()
        return None, {"reason": f"the process ended with code {process.exitcode}"}
    process.join()
    with np.load(path) as file:
        return Result(file["index"], file.get("weight"), file["values"]), facts


def _child(sender: Connection, name: str, case: Case, path: Path, threads: int) -> None:
    _return_freed_memory()
    (form,) = (form for form in FORMS if form.name == name)
    arrays = ArrayStore(path.parent).load(case)
    form.prepare(_corner(arrays), threads)()
    run = form.prepare(arrays, threads)
    gc.collect()
    is_measured = reset_peak_rss()
    before = peak_rss_mb()
    clock = time.process_time if threads == 1 else time.perf_counter
    seconds = clock()
    result = run()
    seconds = clock() - seconds
    after = peak_rss_mb()
    extra = after - before if is_measured else None
    arrays_made: dict[str, Any] = {"index": result.index, "values": result.values}
    if result.weight is not None:
        arrays_made["weight"] = result.weight
    np.savez(path, **arrays_made)
    sender.send({"seconds": seconds, "extra_mb": extra})


def _corner(arrays: Arrays) -> Arrays:
    corner = (slice(None), slice(_CORNER), slice(_CORNER))
    maps = (arrays.query, arrays.features, arrays.values)
    return Arrays(*(np.ascontiguousarray(array[corner]) for array in maps))


def _return_freed_memory() -> None:
    """Have glibc give freed blocks back at once: one that it keeps would hide the next one."""
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_M_MMAP_THRESHOLD, 1 << 16)
