"""Patch transfer on a CUDA device: ours against the unfolded form in torch on the same device."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from kernels._agreement import check_agreement
from kernels._cases import TEMPERATURE, WINDOW, Arrays, Case, Result
from kernels._torch import attend_unfolded
from petsgan_sdk import kernels

__all__ = ["cuda_status", "measure_cuda"]

_WARMUPS = 10
_REPEATS = 30
_PEAK_SIDE = 4096

_Outputs = tuple[Tensor, ...]


def cuda_status() -> str:
    """What the rows can say: "not built", "built, not run" (no usable device) or "run"."""
    info = kernels.build_info().get("cuda", {"built": False})
    if not info["built"]:
        return "not built"
    return "run" if info["usable"] and torch.cuda.is_available() else "built, not run"


@torch.inference_mode()
def measure_cuda(case: Case, arrays: Arrays) -> dict[str, Any]:
    """Time one case in float32 with events on the current stream, after a check of agreement.

    Returns:
        `us` and `torch_us` (None with a `reason` where memory does not suffice), `bytes` that must
        be read and written at least, `peak_share` of the rate of a matrix product in torch.

    Raises:
        BenchmarkError: The two do not find the same matches.
    """
    torch.backends.cuda.matmul.allow_tf32 = False
    maps = [torch.from_numpy(a).cuda() for a in (arrays.query, arrays.features, arrays.values)]
    ours, outputs = _ours(*maps)
    ours()
    results = {"ours on CUDA": _result(case, *outputs)}
    torch_us, reason = None, None
    try:
        results["torch on CUDA"] = _result(case, *attend_unfolded(*maps))
        torch_us = _microseconds(lambda: attend_unfolded(*maps))
    except torch.cuda.OutOfMemoryError as exc:
        torch.cuda.empty_cache()
        reason = str(exc).split(".", maxsplit=1)[0]
    check_agreement(arrays, results)
    us = _microseconds(ours)
    flop = 2.0 * case.pairs * case.channels
    return {
        "device": torch.cuda.get_device_name(),
        "us": us,
        "torch_us": torch_us,
        "reason": reason,
        "bytes": sum(tensor.nbytes for tensor in (*maps, *outputs)),
        "peak_share": flop / us / _peak_flop_per_us(),
    }


def _ours(query: Tensor, features: Tensor, values: Tensor) -> tuple[Callable[[], object], _Outputs]:
    """A call, and what it writes: index, weight and values."""
    stream = torch.cuda.current_stream().cuda_stream
    reference = kernels.CudaPatchReference(features, values, window=WINDOW, stream=stream)
    size = query.shape[1:]
    laid = query.new_empty((1, values.shape[0], *size))
    index = torch.empty((1, *size), dtype=torch.int32, device=query.device)
    weight = query.new_empty((1, *size))

    def run() -> object:
        return kernels.patch_transfer(
            query[None],
            reference,
            temperature=TEMPERATURE,
            normalize=False,
            backend="cuda",
            stream=stream,
            out=(laid, index, weight),
        )

    return run, (index, weight, laid)


def _result(case: Case, index: Tensor, weight: Tensor, values: Tensor) -> Result:
    return Result(
        index.view(case.query).cpu().numpy(),
        weight.view(case.query).cpu().numpy(),
        values.view(-1, *case.query).cpu().numpy(),
    )


def _microseconds(run: Callable[[], object]) -> float:
    """The least of several runs; the caches of the device are warm."""
    for _ in range(_WARMUPS):
        run()
    times: list[float] = []
    for _ in range(_REPEATS):
        start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))  # type: ignore[no-untyped-call]
        start.record()
        run()
        end.record()
        end.synchronize()
        times.append(1e3 * start.elapsed_time(end))
    return min(times)


def _peak_flop_per_us() -> float:
    matrix = torch.randn(_PEAK_SIDE, _PEAK_SIDE, device="cuda")
    return 2.0 * _PEAK_SIDE**3 / _microseconds(lambda: matrix @ matrix)
