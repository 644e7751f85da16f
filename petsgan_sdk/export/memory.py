"""How much a graph holds at once: derived from its ONNX operators, as blocks are sized by it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from fractions import Fraction
from typing import Any

__all__ = ["live_values"]


def live_values(model: Any, scales: Mapping[str, Fraction]) -> int | None:
    """The most values of maps that are needed at the same moment of a run.

    Values of one operator's inputs and outputs are counted together with those that later ones
    read; margins and halos are not. What a runtime takes beyond that is its own.

    Args:
        model: An ONNX model whose maps are `[N, C, H, W]`.
        scales: Pixels of every map for one low-resolution pixel, per axis.

    Returns:
        Values for one low-resolution pixel, rounded up; None where the channels of a map are not
        known before a run.
    """
    import onnx  # noqa: PLC0415 - optional

    inferred = onnx.shape_inference.infer_shapes(model).graph
    values = (*inferred.input, *inferred.value_info, *inferred.output)
    channels = {v.name: _channels(v) for v in values if v.name in scales}
    if not all(channels.get(name) for name in scales):
        return None
    sizes = {name: channels[name] * scale**2 for name, scale in scales.items()}
    needed = {value.name for value in inferred.output}
    most = Fraction(0)
    for node in reversed(inferred.node):
        touched = {name for name in (*node.input, *node.output) if name in scales}
        most = max(most, sum((sizes[name] for name in needed | touched), Fraction(0)))
        needed = (needed | touched) - set(node.output)
    return math.ceil(most)


def _channels(value: Any) -> int:
    """0 where they are not known."""
    dimensions = value.type.tensor_type.shape.dim
    return dimensions[1].dim_value if len(dimensions) == 4 else 0
