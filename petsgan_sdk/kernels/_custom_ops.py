"""Where the shared library with the ops for ONNX Runtime is."""

from __future__ import annotations

import sys
from pathlib import Path

from petsgan_sdk.errors import BackendUnavailableError
from petsgan_sdk.kernels import _backend

__all__ = ["custom_ops_library"]

_FILE_NAMES = {"darwin": "libpetsgan_ort.dylib", "win32": "petsgan_ort.dll"}


def custom_ops_library() -> Path:
    """The library that gives ONNX Runtime the op `pets::PatchTransfer`.

    Every session of a graph with the op needs it, from Python or any other language:
    `session_options.register_custom_ops_library(str(custom_ops_library()))`.

    Returns:
        Path of the shared library inside the installed package.

    Raises:
        BackendUnavailableError: The package was installed without its compiled parts.
    """
    name = _FILE_NAMES.get(sys.platform, "libpetsgan_ort.so")
    core = _backend.core()
    # Beside the compiled module, which in an editable install is not beside this file.
    path = None if core is None else Path(core.__file__).with_name(name)
    if path is None or not path.is_file():
        message = f"the ONNX Runtime op library {name!r} is not built here"
        hint = _backend.core_remedy() or "pip install --force-reinstall petsgan-sdk"
        raise BackendUnavailableError(message, hint=hint)
    return path
