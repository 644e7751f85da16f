"""Which implementation of an op runs: compiled C++ or the numpy twin."""

from __future__ import annotations

import os
from importlib import import_module
from typing import Any, Literal

from petsgan_sdk.errors import BackendUnavailableError, ConfigError

__all__ = ["Backend", "available_backends", "core", "resolve"]

Backend = Literal["auto", "cpu", "numpy"]

_NAMES = ("auto", "cpu", "numpy")
_core: Any = None


def core() -> Any:
    """The compiled module, or None where it was not built."""
    global _core  # noqa: PLW0603 - loaded once, and not before the first op
    if _core is None:
        try:
            _core = import_module("petsgan_sdk._core")
        except ModuleNotFoundError as error:
            if error.name != "petsgan_sdk._core":
                raise
            _core = False
    return _core or None


def available_backends() -> tuple[str, ...]:
    """Names that `backend=` accepts here, best first, without "auto"."""
    return ("cpu", "numpy") if core() is not None else ("numpy",)


def resolve(backend: str) -> str:
    """Turn a `backend=` argument into "cpu" or "numpy".

    The environment variable PETSGAN_BACKEND replaces "auto", never an explicit name.

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
        return available_backends()[0]
    if backend not in available_backends():
        message = f"{origin} {backend!r} is not built here, only {available_backends()}"
        raise BackendUnavailableError(message, hint="pip install --force-reinstall petsgan-sdk")
    return backend
