"""Whether TensorRT could run here, and what is missing: for `doctor`. Builds and runs nothing."""

from __future__ import annotations

from dataclasses import dataclass

from petsgan_sdk import kernels
from petsgan_sdk.errors import BackendUnavailableError
from petsgan_sdk.runtime.device.driver import Gpu, open_driver
from petsgan_sdk.runtime.tensorrt.installed import (
    INSTALL,
    INSTALL_RTX,
    MIN_MAJOR,
    InstalledTensorrt,
    import_tensorrt,
)

__all__ = ["Availability", "find_availability"]

_INSTALLS = {"tensorrt": INSTALL, "tensorrt_rtx": INSTALL_RTX}
_REBUILD = "PETSGAN_ENABLE_CUDA=ON pip install --no-binary petsgan-sdk petsgan-sdk"


@dataclass(frozen=True, slots=True)
class Availability:
    """What is known of one provider."""

    version: str | None
    """None where it is not installed or cannot be imported."""
    problem: str | None
    """Why it cannot run here; None where everything that it needs is there."""
    detail: str
    """The problem, or what was found."""
    install: str | None
    """The command that would help."""


def find_availability() -> dict[str, Availability]:
    """Look for TensorRT and TensorRT for RTX, by the names of their modules.

    The second is not imported where the first is: it would not be used.
    """
    found: dict[str, Availability] = {}
    for name in MIN_MAJOR:
        if any(each.version is not None for each in found.values()):
            detail = "not looked for: tensorrt is installed and is used"
            found[name] = Availability(None, detail, detail, None)
        else:
            found[name] = _find(name)
    return found


def _find(name: str) -> Availability:
    install = _INSTALLS[name]
    try:
        installed = import_tensorrt(name)
    except BackendUnavailableError as exc:
        return _problem(exc.plain, exc.hint or install)
    except (ImportError, OSError) as exc:
        return _problem(f"cannot be imported ({exc})", install)
    if installed is None:
        return _problem("not installed", install)
    try:
        gpu = open_driver().gpu()
    except BackendUnavailableError as exc:
        return _problem(exc.plain, exc.hint or install, installed)
    if not _builds_for(installed, gpu):
        detail = f"does not build for {gpu.name}, compute capability {gpu.compute_capability}"
        return _problem(detail, INSTALL, installed)
    reason = kernels.build_info()["cuda"].get("reason")
    if reason is not None:
        return _problem(reason, _REBUILD, installed)
    detail = f"there, with {gpu.name}; no engine was run"
    return Availability(installed.version, None, detail, None)


def _builds_for(installed: InstalledTensorrt, gpu: Gpu) -> bool:
    """TensorRT for RTX lists the GPUs that it knows; TensorRT refuses one when it builds."""
    if not installed.is_rtx:
        return True
    digits = gpu.compute_capability.replace(".", "")
    return f"SM{digits}" in installed.module.ComputeCapability.__members__


def _problem(
    problem: str, install: str, installed: InstalledTensorrt | None = None
) -> Availability:
    return Availability(installed.version if installed else None, problem, problem, install)
