"""Which TensorRT is installed: TensorRT itself, or TensorRT for RTX. Imports either at use only."""

from __future__ import annotations

import importlib
import re
from dataclasses import dataclass
from functools import cache
from types import ModuleType
from typing import Any

from petsgan_sdk.errors import BackendUnavailableError

__all__ = [
    "INSTALL",
    "INSTALL_RTX",
    "MIN_MAJOR",
    "InstalledTensorrt",
    "find_tensorrt",
    "import_tensorrt",
    "network_flags",
]

INSTALL = 'pip install "petsgan-sdk[tensorrt]"'
INSTALL_RTX = 'pip install "petsgan-sdk[rtx]"'

MIN_MAJOR = {"tensorrt": 10, "tensorrt_rtx": 1}
"""Oldest major version of each: the first with strongly typed networks and named tensors."""


_BROKEN = (ImportError, OSError)
"""What importing raises where a library is missing. `BackendUnavailableError` is neither."""


@dataclass(frozen=True, slots=True)
class InstalledTensorrt:
    """One installed TensorRT."""

    name: str
    """`tensorrt` or `tensorrt_rtx`, which is also the module's name."""
    version: str
    """As the module states it; engines run with this version only."""
    module: ModuleType
    """The imported module."""

    @property
    def is_rtx(self) -> bool:
        """Whether it is TensorRT for RTX."""
        return self.name == "tensorrt_rtx"


@cache
def find_tensorrt() -> InstalledTensorrt:
    """Import TensorRT, or TensorRT for RTX where only that is installed.

    Raises:
        BackendUnavailableError: Neither is installed, or what is installed is too old or broken.
    """
    problems = []
    for name in MIN_MAJOR:
        try:
            found = import_tensorrt(name)
        except _BROKEN as exc:
            problems.append(f"{name} cannot be imported ({exc})")
            continue
        if found is not None:
            return found
    reason = "; ".join(problems) or "neither tensorrt nor tensorrt_rtx is installed"
    msg = f"TensorRT is not there: {reason}"
    raise BackendUnavailableError(msg, hint=INSTALL)


def import_tensorrt(name: str) -> InstalledTensorrt | None:
    """Import one of them, a key of `MIN_MAJOR`; None where it is not installed.

    Raises:
        BackendUnavailableError: It is too old, or is not all there.
        ImportError: It is installed and cannot be imported.
        OSError: As ImportError, for a library that it loads.
    """
    try:
        module = importlib.import_module(name)
    except ModuleNotFoundError as exc:
        if exc.name == name:
            return None
        raise
    # A folder of this name on the path imports as a package without a file.
    return None if getattr(module, "__file__", None) is None else _checked(name, module)


def network_flags(installed: InstalledTensorrt) -> int:
    """Flags of `Builder.create_network` for a strongly typed network.

    Weak typing is the default of 10 and gone from 11, which takes the same flag; TensorRT for RTX
    knows no other typing and needs none.
    """
    if installed.is_rtx:
        return 0
    kind: Any = installed.module.NetworkDefinitionCreationFlag
    return 1 << int(kind.STRONGLY_TYPED)


def _checked(name: str, module: ModuleType) -> InstalledTensorrt:
    version = str(getattr(module, "__version__", "unknown"))
    major = re.match(r"\d+", version)
    if major is None or int(major[0]) < MIN_MAJOR[name]:
        msg = f"TensorRT is too old: {name} must be {MIN_MAJOR[name]} or newer, got {version}"
        raise BackendUnavailableError(msg, hint=f"{INSTALL} --upgrade")
    if not hasattr(module, "Builder"):
        # The lean and dispatch runtimes import under their own names; a broken wheel does not.
        msg = f"TensorRT is broken: {name} {version} has no Builder"
        raise BackendUnavailableError(msg, hint=f"{INSTALL} --force-reinstall")
    return InstalledTensorrt(name, version, module)
