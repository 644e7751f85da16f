"""Patch transfer by faiss: exact inner-product search of unfolded patches, the index built before.

Torch does what faiss does not: unfold, normalise, gather, fold. Search returns the best match and
its cosine only, so that there is no softmax and every weight is 1.
"""

from __future__ import annotations

import importlib.util

import torch

from kernels._cases import Arrays, Case, Form, Result, Run
from kernels._torch import lay, unfold, unit_patches

__all__ = ["FAISS"]


def _prepare(arrays: Arrays, threads: int) -> Run:
    import faiss  # noqa: PLC0415 - optional

    torch.set_num_threads(threads)
    faiss.omp_set_num_threads(threads)
    query = torch.from_numpy(arrays.query)
    values = unfold(torch.from_numpy(arrays.values))
    patches = unit_patches(torch.from_numpy(arrays.features)).T.contiguous()
    search = faiss.IndexFlatIP(patches.shape[1])
    search.add(patches.numpy())
    size = (query.shape[1], query.shape[2])

    @torch.inference_mode()
    def run() -> Result:
        _, index = search.search(unit_patches(query).T.contiguous().numpy(), 1)
        laid = lay(values[:, torch.from_numpy(index[:, 0])], size)
        return Result(index.reshape(size), None, laid.numpy())

    return run


def _memory_mb(case: Case) -> float:
    # Twice each side: unfolded and normalised, or copied into the index.
    return 8e-6 * case.patch_size * (case.num_queries + case.num_references)


def _missing() -> str | None:
    if importlib.util.find_spec("faiss") is None:
        return "faiss is not installed; pip install 'petsgan-sdk[bench]'"
    return None


FAISS = Form("faiss", _prepare, _memory_mb, missing=_missing)
