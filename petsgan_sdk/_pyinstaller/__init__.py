"""What PyInstaller must put into a frozen program that samples or fits; it asks by the entry point.

Its analysis finds none of what is imported by name at use: onnxruntime, the compiled kernels,
CUDA's driver, what runs each kind of step, and who fits and exports models without networks.
"""

from __future__ import annotations

import importlib.metadata
from importlib.util import find_spec
from pathlib import Path
from typing import get_args

from petsgan_sdk.manifest.steps import AnyStep
from petsgan_sdk.settings.families import FAMILIES

__all__ = ["compiled_files", "data_folders", "distributions", "hidden_imports", "hook_dirs"]

_PACKAGE = "petsgan_sdk"
_EXTENSIONS = ("_core", "_cuda")
_BY_NAME = ("onnxruntime", "onnxruntime.capi.onnxruntime_pybind11_state", "cuda.bindings.driver")
_SHOWN = ("petsgan-sdk", "numpy", "pillow", "typer", "onnxruntime", "onnxruntime-gpu")


def hook_dirs() -> list[str]:
    """Folders with hooks of PyInstaller: this one."""
    return [str(Path(__file__).parent)]


def compiled_files() -> list[tuple[str, str]]:
    """`(file, folder in the program)` of the compiled kernels and of the libraries beside them.

    Found where Python imports them from: in an editable install that is not beside this package.
    """
    files = [path for name in _EXTENSIONS if (path := _origin(name)) is not None]
    for folder in {path.parent for path in files}:
        files += sorted([*folder.glob("*petsgan_*.so"), *folder.glob("*petsgan_*.dylib")])
    return [(str(path), _PACKAGE) for path in files]


def data_folders() -> list[tuple[str, str]]:
    """`(folder, folder in the program)` of the files that are read at run time."""
    return [(str(Path(__file__).parent.parent / "presets"), f"{_PACKAGE}/presets")]


def hidden_imports() -> list[str]:
    """Modules imported by name: what runs each kind of step, what fits, and what is installed."""
    ours = [f"{_PACKAGE}.{name}" for name in _EXTENSIONS if _origin(name) is not None]
    targets = [target for kind in get_args(AnyStep) for target in (kind.runner, kind.device_runner)]
    for family in FAMILIES:
        if not family.has_networks:  # else torch does it, which a frozen program is not brought
            targets += [family.trainer, family.bundler, family.recipe, family.export]
    named = sorted({target.partition(":")[0] for target in targets if target is not None})
    return ours + named + [name for name in _BY_NAME if _is_installed(name)]


def distributions() -> list[str]:
    """Installed packages whose version is asked for at run time."""
    found = []
    for name in _SHOWN:
        try:
            importlib.metadata.distribution(name)
        except importlib.metadata.PackageNotFoundError:
            continue
        found.append(name)
    return found


def _origin(name: str) -> Path | None:
    spec = find_spec(f"{_PACKAGE}.{name}")
    return None if spec is None or spec.origin is None else Path(spec.origin)


def _is_installed(name: str) -> bool:
    """Whether a module is there; one inside a package that is not there is not."""
    try:
        return find_spec(name) is not None
    except ModuleNotFoundError:
        return False
