"""Means of areas, in numpy on the host."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from petsgan_sdk._arrays import Array, FloatArray
from petsgan_sdk.errors import BundleError
from petsgan_sdk.manifest import ReduceStep
from petsgan_sdk.runtime.rendering.canvas import Canvas, Window
from petsgan_sdk.runtime.rendering.steps.maps import scale_of
from petsgan_sdk.runtime.rendering.steps.runner import StepRunner, Tensors

__all__ = ["RunReduce"]


class RunReduce(StepRunner[ReduceStep]):
    """A map with one pixel for one of its grid, `[1, C, h, w]`."""

    def run(self, tensors: Tensors, canvas: Canvas, window: Window) -> None:  # noqa: ARG002
        """Add up rows and then columns, in one order whatever the window."""
        name, factor = self.step.input, self.step.factor
        array = tensors[name]
        scale = scale_of(array, name, window)
        if scale != factor:
            msg = (
                f"tensor {name!r} must have {factor} pixels for one of its grid to be reduced, got "
                f"{scale}; export the model again"
            )
            raise BundleError(msg)
        rows = _sum(array[..., k::factor, :] for k in range(factor))
        total = _sum(rows[..., k::factor] for k in range(factor))
        tensors[self.step.output] = total / np.float32(factor * factor)


def _sum(parts: Iterable[Array]) -> FloatArray:
    first, *others = parts
    total = np.array(first, dtype=np.float32, order="C")
    for part in others:
        total += part
    return total
