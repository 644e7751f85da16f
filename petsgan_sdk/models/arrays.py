"""Arrays to tensors and back: photos, and the state of a module, all of it checked."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeVar

import numpy as np
import torch
from torch import Tensor, nn

from petsgan_sdk._arrays import Array
from petsgan_sdk.errors import CheckpointError
from petsgan_sdk.imaging import to_signed
from petsgan_sdk.models.norm import FOLLOWED, LONG

__all__ = ["AVERAGED", "built_from", "image_tensor", "load_state", "named_arrays"]

AVERAGED = "averaged"
"""Prefix of the exported weights in a checkpoint."""

_SINCE = {FOLLOWED: np.array(LONG, np.int64)}
"""What a checkpoint of before may lack, by the last part of a name, and what stands for it: norms
did not count batches, and went on as if there had been many."""

ModuleT = TypeVar("ModuleT", bound=nn.Module)


def image_tensor(rgb: np.ndarray[tuple[int, ...], np.dtype[np.uint8]]) -> Tensor:
    """Turn `[H, W, 3]` uint8 into `[1, 3, H, W]` float32 in [-1, 1]."""
    return torch.from_numpy(to_signed(rgb)).permute(2, 0, 1)[None].contiguous()


def named_arrays(module: nn.Module, prefix: str) -> dict[str, Array]:
    """Return copies of a module's parameters and buffers as `<prefix>/<name>`."""
    state = module.state_dict()
    return {f"{prefix}/{name}": t.detach().cpu().numpy().copy() for name, t in state.items()}


def load_state(module: nn.Module, arrays: Mapping[str, Array], prefix: str) -> None:
    """Fill a module from what `named_arrays` returned, now or in an earlier version.

    Raises:
        CheckpointError: An array is missing, left over, or of another shape or dtype; the first is
            named.
    """
    state = module.state_dict()
    given = _given(state, arrays, prefix)
    with torch.no_grad():
        for name, tensor in state.items():
            tensor.copy_(torch.from_numpy(given[name]))


def built_from(build: Callable[[], ModuleT], arrays: Mapping[str, Array], prefix: str) -> ModuleT:
    """Build a module and fill it, see `load_state`.

    It is built without memory first: what a checkpoint says of widths and blocks costs nothing
    until the weights are there that belong to them.

    Args:
        build: Makes the module; called twice.
        arrays: Of a checkpoint.
        prefix: Of the module's arrays.

    Raises:
        CheckpointError: As `load_state`.
    """
    with torch.device("meta"):
        _given(build().state_dict(), arrays, prefix)
    module = build()
    load_state(module, arrays, prefix)
    return module


def _given(
    state: Mapping[str, Tensor], arrays: Mapping[str, Array], prefix: str
) -> dict[str, Array]:
    """The arrays of a module by its own names, if they are those of its state."""
    start = f"{prefix}/"
    given = {name[len(start) :]: a for name, a in arrays.items() if name.startswith(start)}
    for name in state.keys() - given.keys():
        last = name.rpartition(".")[2]
        if last in _SINCE:
            given[name] = _SINCE[last]
    for name in sorted(state.keys() | given.keys()):
        expected = _kind(state[name]) if name in state else None
        found = _kind(given[name]) if name in given else None
        if expected != found:
            msg = f"checkpoint: {start}{name} must have shape {expected}, got {found}"
            raise CheckpointError(msg)
    return given


def _kind(array: Array | Tensor) -> str:
    return f"{tuple(array.shape)} {str(array.dtype).removeprefix('torch.')}"
