"""What is compiled here, and which implementation of an op runs: C++ or the numpy twin."""

from __future__ import annotations

import os
import platform
import sys
import warnings
from importlib import import_module
from importlib.machinery import PathFinder
from pathlib import Path
from typing import Any, Literal

from petsgan_sdk._quota import usable_cores
from petsgan_sdk._version import find_version
from petsgan_sdk.errors import BackendUnavailableError, ConfigError
from petsgan_sdk.kernels._cuda_module import cuda_info

__all__ = [
    "Backend",
    "available_backends",
    "build_info",
    "core",
    "core_problem",
    "custom_ops_library",
    "refuse_out",
    "resolve",
]

Backend = Literal["auto", "cpu", "numpy"]

_NAMES = ("auto", "cpu", "numpy")
_REINSTALL = "pip install --force-reinstall --no-deps petsgan-sdk"
_UNCOVER = "set PYTHONSAFEPATH=1, and keep these sources out of PYTHONPATH"

_core: Any = None
_problem: str | None = None
_remedy = _REINSTALL
_has_warned = False


def core() -> Any:
    """The compiled module, or None where it was not built or cannot be loaded."""
    global _core, _problem, _remedy  # noqa: PLW0603 - loaded once, and not before the first op
    if _core is None:
        try:
            _core = import_module("petsgan_sdk._core")
        except ImportError as error:
            _core, _problem, _remedy = False, str(error), _REINSTALL
            hidden = _hidden_package() if isinstance(error, ModuleNotFoundError) else None
            if hidden is not None:
                sources = Path(__file__).parents[1]
                _problem = f"the sources in {sources} hide the package installed in {hidden}"
                _remedy = _UNCOVER
    return _core or None


def core_problem() -> str | None:
    """Why there is no compiled module, None where there is one."""
    return None if core() is not None else _problem or "not built"


def available_backends() -> tuple[str, ...]:
    """Names that `backend=` accepts here, best first, without "auto"."""
    return ("cpu", "numpy") if core() is not None else ("numpy",)


def build_info() -> dict[str, Any]:
    """What the kernels were built with and use here.

    Returns:
        `version` and `compiler` (strings), `simd` (instruction set in use), `threads` (cores that
        this process can keep busy), `backends` (names that `backend=` accepts), `problem` (why the
        compiled kernels cannot be loaded, else None) and its `remedy`, `cuda` (`built`, `usable`
        and why not, and for which `architectures`).
    """
    compiled = core()
    if compiled is None:
        found = {
            "version": find_version(),
            "compiler": f"none (numpy on Python {platform.python_version()})",
            "simd": "none",
        }
    else:
        found = compiled.build_info()
    return {
        **found,
        "threads": usable_cores(),
        "backends": list(available_backends()),
        "problem": core_problem(),
        "remedy": _core_remedy(),
        "cuda": cuda_info(),
    }


def custom_ops_library() -> Path:
    """The library that gives ONNX Runtime the op `pets::PatchTransfer`.

    Every session of a graph with the op needs it, from Python or any other language:
    `session_options.register_custom_ops_library(str(custom_ops_library()))`.

    Returns:
        Path of the shared library inside the installed package.

    Raises:
        BackendUnavailableError: The package was installed without its compiled parts.
    """
    name = "libpetsgan_ort.dylib" if sys.platform == "darwin" else "libpetsgan_ort.so"
    compiled = core()
    # Beside the compiled module, which in an editable install is not beside this file.
    path = None if compiled is None else Path(compiled.__file__).with_name(name)
    if path is None or not path.is_file():
        message = f"the ONNX Runtime op library {name!r} is not built here"
        hint = _core_remedy() or "pip install --force-reinstall petsgan-sdk"
        raise BackendUnavailableError(message, hint=hint)
    return path


def resolve(backend: str) -> str:
    """Turn a `backend=` argument into "cpu" or "numpy".

    The environment variable PETSGAN_BACKEND replaces "auto", never an explicit name.

    Warns, once in a process, where "auto" means numpy; `PETSGAN_BACKEND=numpy` says that this is
    wanted, and nothing warns.

    Raises:
        ConfigError: The name is unknown.
        BackendUnavailableError: The named backend is not built.
    """
    origin = "backend"
    if backend == "auto" and os.environ.get("PETSGAN_BACKEND"):
        origin, backend = "PETSGAN_BACKEND", os.environ["PETSGAN_BACKEND"]
    if not isinstance(backend, str) or backend not in _NAMES:
        message = f"{origin} must be one of {', '.join(_NAMES)}, got {backend!r}"
        raise ConfigError(message)
    if backend == "auto":
        backend = available_backends()[0]
        if backend == "numpy":
            _warn_once()
    elif backend not in available_backends():
        message = (
            f"{origin} {backend!r} is not built here, only {available_backends()} "
            f"({core_problem()})"
        )
        raise BackendUnavailableError(message, hint=_core_remedy())
    return backend


def refuse_out(out: object, *, op: str) -> None:
    """Refuse an array to write to where results are new arrays.

    Raises:
        ConfigError: One was given.
    """
    if out is not None:
        message = f'{op}: out must be None unless backend is "cuda", got {type(out).__name__}'
        raise ConfigError(message)


def _core_remedy() -> str | None:
    """What to do where there is no compiled module, None where there is one."""
    return None if core() is not None else _remedy


def _hidden_package() -> Path | None:
    """A complete package that comes later on Python's path than these sources."""
    for entry in sys.path:
        folder = Path(entry, "petsgan_sdk")
        # The folder of an editable install has the compiled files only, and is no package.
        is_package = (folder / "__init__.py").is_file()
        if is_package and PathFinder.find_spec("petsgan_sdk._core", [str(folder)]) is not None:
            return folder
    return None


def _warn_once() -> None:
    global _has_warned  # noqa: PLW0603 - a program calls kernels thousands of times
    if _has_warned:
        return
    _has_warned = True
    message = (
        f"the compiled kernels cannot be loaded ({core_problem()}): numpy is used, which is "
        f"several times slower; hint: {_core_remedy()}, or set PETSGAN_BACKEND=numpy if this is "
        "wanted"
    )
    warnings.warn(message, RuntimeWarning, stacklevel=4)  # at the call of the kernel
