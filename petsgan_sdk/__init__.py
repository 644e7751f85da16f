"""Learn a generator from one image and sample it anywhere, at any size.

The names here are loaded on first use, so that `import petsgan_sdk` costs nothing and imports
neither numpy nor PyTorch.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from petsgan_sdk.errors import (
        BackendUnavailableError,
        BundleError,
        CheckpointError,
        ConfigError,
        DTypeError,
        EngineError,
        ExportError,
        GradientError,
        InputError,
        KernelError,
        OutputError,
        ParityError,
        PetsganError,
        ShapeError,
        TrainingError,
    )
    from petsgan_sdk.runtime import Pin, Sampler, load

    __version__: str

__all__ = [
    "BackendUnavailableError",
    "BundleError",
    "CheckpointError",
    "ConfigError",
    "DTypeError",
    "EngineError",
    "ExportError",
    "GradientError",
    "InputError",
    "KernelError",
    "OutputError",
    "ParityError",
    "PetsganError",
    "Pin",
    "Sampler",
    "ShapeError",
    "TrainingError",
    "__version__",
    "load",
]

_RUNTIME = ("Pin", "Sampler", "load")


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from petsgan_sdk._version import find_version  # noqa: PLC0415 - wanted rarely

        value: Any = find_version()
    elif name in __all__:
        module = "petsgan_sdk.runtime" if name in _RUNTIME else "petsgan_sdk.errors"
        value = getattr(import_module(module), name)
    else:
        message = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(message)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
