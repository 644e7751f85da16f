"""The networks and optimizers of a run as named arrays, and back."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from torch import nn

from petsgan_sdk._arrays import Array
from petsgan_sdk.models.arrays import load_state, named_arrays
from petsgan_sdk.training.optimizers import ScheduledAdam

__all__ = ["gather", "restore"]


def gather(
    modules: Iterable[tuple[str, nn.Module]], optimizers: Mapping[str, ScheduledAdam]
) -> dict[str, Array]:
    """Return copies of all arrays: `<prefix>/<name>`, and `optimizer.<name>/<key>`."""
    arrays: dict[str, Array] = {}
    for prefix, module in modules:
        arrays |= named_arrays(module, prefix)
    for name, optimizer in optimizers.items():
        arrays |= {f"optimizer.{name}/{key}": a for key, a in optimizer.state().items()}
    return arrays


def restore(
    arrays: Mapping[str, Array],
    modules: Iterable[tuple[str, nn.Module]],
    optimizers: Mapping[str, ScheduledAdam],
) -> None:
    """Fill modules and optimizers from what `gather` returned.

    Raises:
        CheckpointError: An array is missing or of another shape.
    """
    for prefix, module in modules:
        load_state(module, arrays, prefix)
    for name, optimizer in optimizers.items():
        start = f"optimizer.{name}/"
        optimizer.load({key[len(start) :]: a for key, a in arrays.items() if key.startswith(start)})
