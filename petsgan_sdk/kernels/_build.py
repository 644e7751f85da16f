"""What the compiled kernels were built with."""

from __future__ import annotations

import os
import platform
from typing import Any

from petsgan_sdk._version import find_version
from petsgan_sdk.kernels import _backend
from petsgan_sdk.kernels._cuda_module import cuda_info

__all__ = ["build_info"]


def build_info() -> dict[str, Any]:
    """What the kernels were built with and use here.

    Returns:
        `version` and `compiler` (strings), `simd` (instruction set in use), `threads` (hardware
        threads), `backends` (names that `backend=` accepts), `problem` (why the compiled kernels
        cannot be loaded, else None) and its `remedy`, `cuda` (`built`, `usable` and why not, and
        for which `architectures`).
    """
    core = _backend.core()
    if core is None:
        found = {
            "version": find_version(),
            "compiler": f"none (numpy on Python {platform.python_version()})",
            "simd": "none",
            "threads": os.cpu_count() or 1,
        }
    else:
        found = core.build_info()
    return {
        **found,
        "backends": list(_backend.available_backends()),
        "problem": _backend.core_problem(),
        "remedy": _backend.core_remedy(),
        "cuda": cuda_info(),
    }
