"""What a family hands to export: graphs, constants, steps, and torch forms to compare with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor

from petsgan_sdk._arrays import Array
from petsgan_sdk.manifest import AnyStep, Entry

__all__ = ["Deployment"]


@dataclass(frozen=True, slots=True)
class Deployment:
    """A model taken apart into what a bundle holds."""

    steps: tuple[AnyStep, ...]
    """The manifest's list."""
    output: str
    """Name of the final tensor."""
    graphs: dict[str, bytes]
    """Serialised ONNX models by member name."""
    arrays: dict[str, Array]
    """Constants by member name."""
    expected: dict[str, Callable[..., Tensor]]
    """For each graph member: the torch module, called with the graph's inputs by name."""
    min_canvas_px: int
    """Least side of a canvas in pixels; smaller images are cropped from one."""
    preview: Array
    """`[H, W, 3]` uint8, one sample."""
    levels: tuple[tuple[int, int], ...] = ()
    """`(h, w)` at training of the manifest's levels."""
    entries: tuple[Entry, ...] = ()
    """The stages that can be started from an image, the coarsest first."""
