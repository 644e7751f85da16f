"""How far a graph sees and how much it holds, derived from its ONNX operators.

A graph can be run on windows of a canvas if a pixel of its result depends on pixels nearby only,
and on the same ones wherever it lies. Both are read from the graph: scales of tensors are followed
from the inputs, then the pixels that one low-resolution pixel of the result needs are followed
back. An operator that `operators.py` does not know is refused by name, since it may look at the
whole canvas. What is derived is proved by `parity.windows`, which runs the graph.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

from petsgan_sdk.errors import ExportError
from petsgan_sdk.export.tiling.blocked_convolutions import with_plain_convolutions
from petsgan_sdk.export.tiling.operators import (
    Range,
    RefusedError,
    attributes,
    reads,
    refuse,
    scaling,
)
from petsgan_sdk.manifest import AnyStep, GraphStep

__all__ = ["GraphInput", "Reach", "derive_reach", "live_values", "with_halos"]

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
    """Values that a run holds at once for one low-resolution pixel, see the function; None where
    that is not known."""


def with_halos(
    steps: Sequence[AnyStep],
    graphs: Mapping[str, bytes],
    *,
    factor: int,
    note: Callable[[str], None],
) -> tuple[AnyStep, ...]:
    """Fill in the halo and the live values of every graph step.

    Args:
        steps: The manifest's list.
        graphs: Serialised models by member name.
        factor: Pixels of the result for one low-resolution pixel.
        note: Told why a graph cannot be tiled; it and those behind it keep `halo=None`.
    """
    written = {name for step in steps for name in step.writes}
    # What no step makes is an image on the base grid.
    made = {n: GraphInput() for step in steps for n in step.reads if n not in written}
    filled: list[AnyStep] = []
    for step in steps:
        current = step
        if isinstance(step, GraphStep):
            try:
                inputs = {name: made[tensor] for name, tensor in step.inputs.items()}
                reach = derive_reach(graphs[step.member], inputs)
            except ExportError as exc:
                note(f"{step.member}: {exc}; the bundle makes images in one piece only")
                return (*filled, *steps[len(filled) :])
            if reach.live_values is None:
                note(f"{step.member}: its channels are not fixed; blocks are not sized by them")
            current = replace(step, halo=reach.halo, live_values=reach.live_values)
            made |= dict.fromkeys(step.writes, GraphInput(reach.scale))
        else:
            made |= dict.fromkeys(step.writes, GraphInput(step.scale(factor), step.margin))
        filled.append(current)
    return tuple(filled)


def derive_reach(model: bytes, inputs: Mapping[str, GraphInput]) -> Reach:
    """Follow a graph.

    Args:
        model: A serialised ONNX model with one output; inputs and output are `[N, C, H, W]`.
        inputs: What each graph input is.

    Raises:
        ExportError: The graph cannot be tiled; the message names the operator.
    """
    import onnx  # noqa: PLC0415 - optional

    return _Analysis(with_plain_convolutions(onnx.load_model_from_string(model)), inputs).reach()


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
