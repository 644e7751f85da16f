"""The forms that the kernel benchmark compares, ours first."""

from __future__ import annotations

from kernels._cases import TEMPERATURE, WINDOW, Arrays, Case, Form, Result, Run
from kernels._faiss import FAISS
from kernels._onnx import ONNX
from kernels._torch import DIAGONAL, UNFOLDED
from petsgan_sdk import kernels

__all__ = ["FORMS", "OURS"]


def _prepare(arrays: Arrays, threads: int) -> Run:
    reference = kernels.PatchReference(arrays.features, arrays.values, window=WINDOW)
    query = arrays.query[None]

    def run() -> Result:
        found = kernels.patch_transfer(
            query,
            reference,
            temperature=TEMPERATURE,
            normalize=False,  # as the other forms do, eq. 7 to the letter
            threads=threads,
            backend="cpu",
        )
        return Result(found.index[0], found.weight[0], found.values[0])

    return run


def _memory_mb(case: Case) -> float:
    # Linear in the maps: the packed copy of each, and planes of one row against one row.
    maps = case.channels * (case.num_queries + case.num_references)
    return 8e-6 * (maps + 100 * case.query[1] * case.reference[1])


OURS = Form("ours", _prepare, _memory_mb)
FORMS = (OURS, UNFOLDED, ONNX, FAISS, DIAGONAL)
