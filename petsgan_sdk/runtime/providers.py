"""Which ONNX Runtime execution providers exist here, and which one a caller gets.

`auto` may fall back and says so; a provider that is asked for by name is an error when it is not
there. ONNX Runtime itself falls back silently and lists providers that cannot work on this machine,
so the caller must compare a finished session with what was asked (`session.py` does). Imports
onnxruntime at use only.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import logging
import os
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal, get_args

from petsgan_sdk.errors import BackendUnavailableError, ConfigError

__all__ = [
    "INSTALL_CPU",
    "INSTALL_GPU",
    "ORT_NAMES",
    "REPAIR",
    "REPAIR_GPU",
    "Candidate",
    "ProviderName",
    "available_providers",
    "candidate_providers",
    "check_provider_name",
    "conflicting_wheels",
    "import_onnxruntime",
]

ProviderName = Literal["auto", "cpu", "cuda", "tensorrt"]

ORT_NAMES: dict[str, str] = {"cuda": "CUDAExecutionProvider", "cpu": "CPUExecutionProvider"}
"""Our name of a provider to ONNX Runtime's, best first."""

INSTALL_CPU = 'pip install "petsgan-sdk[cpu]"'
INSTALL_GPU = 'pip uninstall -y onnxruntime && pip install "petsgan-sdk[gpu]"'
REPAIR = f"pip uninstall -y onnxruntime onnxruntime-gpu && {INSTALL_CPU}"
"""For an onnxruntime that two wheels overwrote; the two above say what they install."""

REPAIR_GPU = 'pip uninstall -y onnxruntime onnxruntime-gpu && pip install "petsgan-sdk[gpu]"'
"""The same where the GPU is wanted: removing one wheel breaks what is left of the other."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Candidate:
    """One provider to try, in order."""

    name: str
    """Our name: `tensorrt`, `cuda` or `cpu`."""
    required: bool
    """Whether a failure is an error (asked for by name) or a reason to try the next one."""


@cache
def import_onnxruntime() -> Any:
    """Import onnxruntime, or say how to install it.

    Its telemetry (from 1.29 on: an identifier on the disk, and events sent to its maker) is off
    unless `ORT_DISABLE_TELEMETRY` is set to something else, or the program has imported onnxruntime
    before.

    Raises:
        BackendUnavailableError: It is not installed, or what is installed is broken.
    """
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")  # read once, when it is loaded
    try:
        module = importlib.import_module("onnxruntime")
    except ImportError as exc:
        msg = f"generating needs onnxruntime, which cannot be imported ({exc})"
        raise BackendUnavailableError(msg, hint=INSTALL_CPU) from exc
    if not hasattr(module, "InferenceSession"):
        msg = "onnxruntime is installed but broken: it has no InferenceSession"
        raise BackendUnavailableError(msg, hint=REPAIR)
    wheels = conflicting_wheels()
    if wheels:
        _log.warning(
            "%s are installed together and overwrite each other; hint: %s",
            " and ".join(wheels),
            REPAIR,
        )
    return module


def conflicting_wheels() -> tuple[str, ...]:
    """The names of both onnxruntime wheels when both are installed, else nothing."""
    found = []
    for name in ("onnxruntime", "onnxruntime-gpu"):
        try:
            importlib.metadata.distribution(name)
        except importlib.metadata.PackageNotFoundError:
            continue
        found.append(name)
    return tuple(found) if len(found) == 2 else ()


def available_providers() -> tuple[str, ...]:
    """Our names of the providers that this onnxruntime was built with, best first.

    Being in this list proves nothing: the GPU wheel lists CUDA on a machine without a GPU.

    Raises:
        BackendUnavailableError: onnxruntime is not installed.
    """
    listed = set(import_onnxruntime().get_available_providers())
    return tuple(name for name, ort_name in ORT_NAMES.items() if ort_name in listed)


def check_provider_name(provider: str) -> None:
    """Refuse a provider name that does not exist.

    Raises:
        ConfigError: The name is not one of `auto`, `cpu`, `cuda`, `tensorrt`.
    """
    names = get_args(ProviderName)
    if provider not in names:
        msg = f"provider must be one of {', '.join(names)}, got {provider!r}"
        raise ConfigError(msg)


def candidate_providers(provider: str) -> tuple[Candidate, ...]:
    """The providers to try, in order, for what the caller asked.

    Args:
        provider: `auto` (CUDA when this onnxruntime has it, then CPU), `cpu`, `cuda` or
            `tensorrt`, which `auto` never takes: its engines must have been built.

    Raises:
        ConfigError: The name does not exist.
        BackendUnavailableError: The named provider is not in this onnxruntime.
    """
    check_provider_name(provider)
    if provider == "tensorrt":
        return (Candidate(provider, required=True),)
    available = available_providers()
    if provider == "auto":
        return tuple(Candidate(name, required=name == "cpu") for name in available)
    if provider not in available:
        offered = ", ".join(available) or "none"
        wheels = conflicting_wheels()
        if wheels:
            msg = (
                f"provider {provider!r} is not there: {' and '.join(wheels)} are both installed, "
                f"and what is left of them offers: {offered}"
            )
            raise BackendUnavailableError(msg, hint=REPAIR_GPU if provider == "cuda" else REPAIR)
        msg = f"provider {provider!r} is not in this onnxruntime, which offers: {offered}"
        raise BackendUnavailableError(msg, hint=INSTALL_GPU if provider == "cuda" else INSTALL_CPU)
    return (Candidate(provider, required=True),)
