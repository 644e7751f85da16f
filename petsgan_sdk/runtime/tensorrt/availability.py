"""Whether TensorRT could run here, and what is missing: for `doctor`. Builds and runs nothing."""

from __future__ import annotations

from dataclasses import dataclass

from petsgan_sdk import kernels
from petsgan_sdk.errors import BackendUnavailableError
from petsgan_sdk.runtime.device.driver import Gpu, open_driver
from petsgan_sdk.runtime.tensorrt.flavour import (
    INSTALL,
    INSTALL_RTX,
    MIN_MAJOR,
    Flavour,
    import_flavour,
)

__all__ = ["Presence", "find_presences"]

_INSTALLS = {"tensorrt": INSTALL, "tensorrt_rtx": INSTALL_RTX}
_REBUILD = "PETSGAN_ENABLE_CUDA=ON pip install --no-binary petsgan-sdk petsgan-sdk"


@dataclass(frozen=True, slots=True)
class Presence:
    """What is known of one provider."""

    version: str | None
    """None where it is not installed or cannot be imported."""
    problem: str | None
    """Why it cannot run here; None where everything that it needs is there."""
    detail: str
    """The problem, or what was found."""
    install: str | None
    """The command that would help."""


def find_presences() -> dict[str, Presence]:
    """Look for TensorRT and TensorRT for RTX, by the names of their modules.

    The second is not imported where the first is: it would not be used.
    """
    presences: dict[str, Presence] = {}
    for name in MIN_MAJOR:
        if any(found.version is not None for found in presences.values()):
            detail = "not looked for: tensorrt is installed and is used"
            presences[name] = Presence(None, detail, detail, None)
        else:
            presences[name] = _find(name)
    return presences


def _find(name: str) -> Presence:
    install = _INSTALLS[name]
    try:
        flavour = import_flavour(name)
    except BackendUnavailableError as exc:
        return _problem(exc.plain, exc.hint or install)
    except (ImportError, OSError) as exc:
        return _problem(f"cannot be imported ({exc})", install)
    if flavour is None:
        return _problem("not installed", install)
    try:
        gpu = open_driver().gpu()
    except BackendUnavailableError as exc:
        return _problem(exc.plain, exc.hint or install, flavour)
    if not _builds_for(flavour, gpu):
        detail = f"does not build for {gpu.name}, compute capability {gpu.compute_capability}"
        return _problem(detail, INSTALL, flavour)
    reason = kernels.build_info()["cuda"].get("reason")
    if reason is not None:
        return _problem(reason, _REBUILD, flavour)
    detail = f"there, with {gpu.name}; no engine was run"
    return Presence(flavour.version, None, detail, None)


def _builds_for(flavour: Flavour, gpu: Gpu) -> bool:
    """TensorRT for RTX lists the GPUs that it knows; TensorRT refuses one when it builds."""
    if not flavour.is_rtx:
        return True
    digits = gpu.compute_capability.replace(".", "")
    return f"SM{digits}" in flavour.module.ComputeCapability.__members__


def _problem(problem: str, install: str, flavour: Flavour | None = None) -> Presence:
    return Presence(flavour.version if flavour else None, problem, problem, install)
