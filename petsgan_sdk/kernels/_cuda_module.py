"""The compiled CUDA module, loaded on first use, and why it may not be usable."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from petsgan_sdk.errors import BackendUnavailableError

__all__ = ["cuda_info", "module", "usable_module"]

_NOT_BUILT = "the CUDA kernels are not built into this installation"
_BUILD_HINT = "PETSGAN_ENABLE_CUDA=ON pip install --no-binary petsgan-sdk petsgan-sdk"


def _load() -> Any:
    """The module, or None where it was not built."""
    try:
        return import_module("petsgan_sdk._cuda")
    except ModuleNotFoundError as error:
        if error.name != "petsgan_sdk._cuda":
            raise
        return None


def cuda_info() -> dict[str, Any]:
    """What `build_info()["cuda"]` says.

    Returns:
        `built`; where it is, also `architectures` (compute capabilities with code, the last one
        also as PTX) and `runtime` (CUDA version); `usable`, and if not, `reason`.
    """
    found = _load()
    if found is None:
        return {"built": False, "usable": False, "reason": _NOT_BUILT}
    status = found.status()
    info: dict[str, Any] = {
        "built": True,
        "architectures": status["architectures"].split(),
        "runtime": status["runtime"],
        "usable": status["devices"] > 0,
    }
    if not info["usable"]:
        info["reason"] = status["reason"]
    return info


def module() -> Any:
    """The module.

    Raises:
        BackendUnavailableError: It is not built.
    """
    found = _load()
    if found is None:
        raise BackendUnavailableError(_NOT_BUILT, hint=_BUILD_HINT)
    return found


def usable_module() -> Any:
    """The module, on a machine with a device.

    Raises:
        BackendUnavailableError: It is not built, or there is no usable device; says why.
    """
    found = module()
    status = found.status()
    if status["devices"] == 0:
        message = f"the CUDA kernels find no usable device: {status['reason']}"
        hint = f"a driver for CUDA {status['runtime']} or newer; nvidia-smi must list the GPU"
        raise BackendUnavailableError(message, hint=hint)
    return found
