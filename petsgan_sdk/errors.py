"""The exceptions of the SDK, and the exit code that the command line gives for each.

Every error is a `PetsganError`, and also the builtin that a caller would expect, so that both
`except PetsganError` and `except ValueError` work. A message is one line: what was expected, what
was found, and what to do. This module imports the standard library only.
"""

from __future__ import annotations

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
    "MissingEngineError",
    "OutputError",
    "ParityError",
    "PetsganError",
    "ShapeError",
    "TrainingError",
]


class PetsganError(Exception):
    """Base of every error that this SDK raises on purpose."""

    exit_code: int = 1
    """Exit code of the command line: 1 unexpected, 2 bad input, 3 unavailable, 4 numeric check."""


class ConfigError(PetsganError, ValueError):
    """A setting is unknown, has the wrong type, or is out of range."""

    exit_code = 2


class InputError(PetsganError, ValueError):
    """A file or image given by the user cannot be used."""

    exit_code = 2


class OutputError(PetsganError, OSError):
    """A result cannot be written: it exists, or its folder is missing, read-only or full."""

    exit_code = 2


class ShapeError(PetsganError, ValueError):
    """An array has the wrong rank or shape."""

    exit_code = 2


class DTypeError(PetsganError, TypeError):
    """An array has the wrong dtype or memory layout."""

    exit_code = 2


class CheckpointError(PetsganError, RuntimeError):
    """A training checkpoint is damaged, unsafe, of another version, or does not fit."""

    exit_code = 2


class BundleError(PetsganError, RuntimeError):
    """A deployment bundle is damaged, unsafe, or of another version."""

    exit_code = 2


class BackendUnavailableError(PetsganError, RuntimeError):
    """A provider, device or optional package is not there.

    Args:
        message: What was asked for and what was found.
        hint: The command that would make it available, if there is one.
    """

    exit_code = 3

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        """Join the message and the hint into one line."""
        super().__init__(f"{message}; hint: {hint}" if hint else message)
        self.plain = message
        """The message without the hint, for where the hint has a line of its own."""
        self.hint = hint


class MissingEngineError(BackendUnavailableError):
    """No TensorRT engine in the cache fits; who knows the canvas adds how to build one."""


class EngineError(PetsganError, RuntimeError):
    """A TensorRT engine could not be built, or is damaged."""


class KernelError(PetsganError, RuntimeError):
    """A compiled kernel failed."""


class GradientError(PetsganError, RuntimeError):
    """A gradient was asked for that is not defined; the message says what to detach."""

    exit_code = 2


class TrainingError(PetsganError, RuntimeError):
    """Training diverged; the message names the step and the loss that broke."""

    exit_code = 4


class ExportError(PetsganError, RuntimeError):
    """A model could not be exported."""


class ParityError(ExportError):
    """Two forms of the same model differ by more than the tolerance."""

    exit_code = 4
