"""Where to train."""

from __future__ import annotations

import re

import torch

from petsgan_sdk.errors import BackendUnavailableError, ConfigError

__all__ = ["choose_device"]


def choose_device(name: str) -> torch.device:
    """Decide on `auto`, `cpu`, `cuda` or `cuda:N`.

    Raises:
        ConfigError: Another text.
        BackendUnavailableError: This torch sees no such device.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    kind, _, number = name.partition(":")
    if kind not in ("cpu", "cuda") or not re.fullmatch("(:[0-9]{1,4})?", name[len(kind) :]):
        msg = f"device: must be auto, cpu, cuda or cuda:N, got {name!r}"
        raise ConfigError(msg)
    count = torch.cuda.device_count() if kind == "cuda" else 1
    if int(number or 0) >= count:
        msg = f"device: {name!r} was asked for, but this torch sees {count} {kind.upper()} devices"
        raise BackendUnavailableError(msg, hint="--device cpu, or a CUDA build of torch")
    return torch.device(name)
