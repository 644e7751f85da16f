"""How far a graph sees: derived from its ONNX operators, and checked by running it.

A graph can be run on windows of a canvas if a pixel of its result depends on pixels nearby only,
and on the same ones wherever it lies. Both are read from the graph: scales of tensors are followed
from the inputs, then the pixels that one low-resolution pixel of the result needs are followed
back. An operator that `operators.py` does not know is refused by name, since it may look at the
whole canvas.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from petsgan_sdk.errors import ExportError
from petsgan_sdk.export.blocks import without_blocks
from petsgan_sdk.export.memory import live_values
from petsgan_sdk.export.operators import (
    Range,
    RefusedError,
    attributes,
    reads,
    refuse,
    scaling,
)

__all__ = ["GraphInput", "Reach", "derive_reach"]

_AXES = (2, 3)
"""Rows and columns of `[N, C, H, W]`."""


@dataclass(frozen=True, slots=True)
class GraphInput:
    """What an input of a graph is on a canvas."""

    scale: int = 1
    """Its pixels for one low-resolution pixel."""
    margin: int = 0
    """Low-resolution pixels beyond the window that it always comes with."""


@dataclass(frozen=True, slots=True)
class Reach:
    """What of its inputs a graph looks at."""

    halo: int
    """Low-resolution pixels that a window of the result needs around it, beyond margins: the most
    of all inputs, axes and sides."""
    scale: int
    """Pixels of the result for one low-resolution pixel."""
    live_values: int | None
    """Values that a run holds at once for one low-resolution pixel, see `memory`; None where that
    is not known."""


def derive_reach(model: bytes, inputs: Mapping[str, GraphInput]) -> Reach:
    """Follow a graph.

    Args:
        model: A serialised ONNX model with one output; inputs and output are `[N, C, H, W]`.
        inputs: What each graph input is.

    Raises:
        ExportError: The graph cannot be tiled; the message names the operator.
    """
    import onnx  # noqa: PLC0415 - optional

    return _Analysis(without_blocks(onnx.load_model_from_string(model)), inputs).reach()


class _Analysis:
    """One graph while it is followed."""

    def __init__(self, model: Any, inputs: Mapping[str, GraphInput]) -> None:
        from onnx import numpy_helper  # noqa: PLC0415 - optional

        self.model = model
        self.graph = graph = model.graph
        self.inputs = inputs
        self.constants = {item.name: numpy_helper.to_array(item) for item in graph.initializer}
        for node in graph.node:
            if node.op_type == "Constant":
                value = attributes(node).get("value")
                if value is not None:
                    self.constants[node.output[0]] = numpy_helper.to_array(value)
        self.scales = {name: Fraction(given.scale) for name, given in inputs.items()}

    def reach(self) -> Reach:
        for node in self.graph.node:
            self._about(node, lambda node=node: self._follow_scale(node))  # type: ignore[misc]
        (output,) = (value.name for value in self.graph.output)
        if output not in self.scales:
            msg = f"this graph cannot be tiled: its output {output!r} does not depend on its inputs"
            raise ExportError(msg)
        halo = max(self._halo_along(axis, output) for axis in _AXES)
        return Reach(halo, int(self.scales[output]), live_values(self.model, self.scales))

    def _halo_along(self, axis: int, output: str) -> int:
        # What the first low-resolution pixel of the result needs; others need the same, moved.
        needs: dict[str, Range] = {output: (0, int(self.scales[output]) - 1)}
        for node in reversed(self.graph.node):
            needed = [needs[name] for name in node.output if name in needs]
            if not needed or not self._maps(node):
                continue
            span = (min(low for low, _ in needed), max(high for _, high in needed))
            inputs = self._about(node, lambda: reads(self.constants, node, axis, span))  # noqa: B023
            for name in self._maps(node):
                low, high = needs.get(name, inputs)
                needs[name] = (min(low, inputs[0]), max(high, inputs[1]))
        halo = 0
        for name, given in self.inputs.items():
            low, high = needs.get(name, (0, 0))
            last = (1 + 2 * given.margin) * given.scale - 1
            halo = max(halo, -(low // given.scale), -((last - high) // given.scale))
        return halo

    def _follow_scale(self, node: Any) -> None:
        maps = self._maps(node)
        if not maps or node.op_type == "Shape":
            return  # constants, and arithmetic with sizes
        scales = {self.scales[name] for name in maps}
        if len(scales) > 1:
            refuse(f"joins maps of {len(scales)} resolutions")
        scale = scales.pop() * scaling(self.constants, node)
        if scale.denominator != 1:
            refuse(f"makes {scale} pixels of one low-resolution pixel")
        self.scales.update(dict.fromkeys(node.output, scale))

    def _maps(self, node: Any) -> list[str]:
        return [name for name in node.input if name in self.scales]

    def _about(self, node: Any, call: Callable[[], Any]) -> Any:
        try:
            return call()
        except RefusedError as exc:
            name = f" ({node.name})" if node.name else ""
            msg = f"this graph cannot be tiled: operator {node.op_type}{name} {exc}"
            raise ExportError(msg) from exc
