"""What PyInstaller must put into a frozen program that samples; it asks by the entry point.

Its analysis finds neither onnxruntime nor the compiled kernels, which are imported by name at use.
Imports the standard library only.
"""

from __future__ import annotations

import importlib.metadata
from importlib.util import find_spec
from pathlib import Path

__all__ = ["compiled_files", "data_folders", "distributions", "hidden_imports", "hook_dirs"]

_PACKAGE = "petsgan_sdk"
_EXTENSIONS = ("_core", "_cuda")
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
    """Modules that are imported by name: those that are installed here."""
    wanted = ["onnxruntime", "onnxruntime.capi.onnxruntime_pybind11_state"]
    ours = [f"{_PACKAGE}.{name}" for name in _EXTENSIONS if _origin(name) is not None]
    return ours + (wanted if find_spec("onnxruntime") is not None else [])


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
