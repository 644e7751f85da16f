"""Facts about this process and machine for `bench` and `doctor`; standard library only."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import resource
import sys
from importlib.util import find_spec
from pathlib import Path

from petsgan_sdk._version import find_version

__all__ = ["installed_version", "load_average", "peak_rss_mb", "reset_peak_rss", "versions"]

_STATUS = Path("/proc/self/status")
_CLEAR_REFS = Path("/proc/self/clear_refs")
_OURS = "petsgan-sdk"
_MODULES = {"pillow": "PIL"}
"""What a package is imported as, where it is not its own name."""
_PACKAGES = (_OURS, "numpy", "pillow", "typer", "onnxruntime", "onnxruntime-gpu")


def installed_version(package: str) -> str | None:
    """The version of an installed distribution, without importing it; None if it is not there.

    Where there is the package and no metadata of it, as in a frozen program: what the module says
    that was imported, else `unknown`.
    """
    if package == _OURS:
        return find_version()
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        module = _MODULES.get(package, package.replace("-", "_"))
    if module not in sys.modules and find_spec(module) is None:
        return None
    if module in importlib.metadata.packages_distributions():  # that of another package
        return None
    return str(getattr(sys.modules.get(module), "__version__", "unknown"))


def versions(packages: tuple[str, ...] = _PACKAGES) -> dict[str, str | None]:
    """Versions of Python, the platform and the packages that the runtime uses."""
    return {
        "python": platform.python_version(),
        "platform": platform.platform(),
        **{package: installed_version(package) for package in packages},
    }


def load_average() -> list[float] | None:
    """Load of the last 1, 5 and 15 minutes, where the system tells."""
    try:
        return [round(load, 2) for load in os.getloadavg()]
    except (AttributeError, OSError):
        return None


def reset_peak_rss() -> bool:
    """Start a new measurement of the peak; False where the system only counts since the start."""
    try:
        _CLEAR_REFS.write_text("5", encoding="ascii")
    except OSError:
        return False
    return True


def peak_rss_mb() -> float:
    """Largest resident size of this process since the start or the last reset, in MB (10**6)."""
    try:
        for line in _STATUS.read_text(encoding="ascii", errors="replace").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024 / 1e6
    except OSError:
        pass
    return _rusage_peak_mb()


def _rusage_peak_mb() -> float:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 1e6 if sys.platform == "darwin" else peak * 1024 / 1e6
