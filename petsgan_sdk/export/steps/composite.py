"""The composite of places in standard operators: a table of the photo, gathered and relaxed.

What a place asks of its neighbours are the photo's own steps around it. They stand beside its
colour in the table, so that one gather brings all that a pixel needs.
"""

from __future__ import annotations

import numpy as np
from onnx import TensorProto

from petsgan_sdk import kernels
from petsgan_sdk._arrays import Array
from petsgan_sdk.export.onnx_file.builder import GraphBuilder
from petsgan_sdk.export.onnx_file.composition import Composition
from petsgan_sdk.export.parity.reference import Given
from petsgan_sdk.export.steps.step_export import StepExport
from petsgan_sdk.manifest import CompositeStep
from petsgan_sdk.runtime.rendering.steps.places import place_pairs

__all__ = ["ExportComposite"]

_ROWS, _COLUMNS = 2, 3
"""Axes of an image `[N, 3, H, W]`."""


class ExportComposite(StepExport[CompositeStep]):
    """As `kernels.composite_places`, but for the order of sums."""

    def add_to(self, file: Composition, number: int) -> None:  # noqa: ARG002
        """Gather and relax."""
        step, graph, settings = self.step, file.graph, self.step.settings
        with graph.scope(step.output):
            photo = file.bundle.arrays[step.photo]
            shown = _gathered(graph, photo, file.tensors[step.places])
            colour, right, left, down, up = (
                graph.cut(shown, 1, first, first + 3) for first in range(0, 15, 3)
            )
            rest = graph.op(
                "Add",
                _lacking(graph, colour, right, left, axis=_COLUMNS, softness=settings.softness),
                _lacking(graph, colour, down, up, axis=_ROWS, softness=settings.softness),
            )
            steps = kernels.composite_relaxation(
                screening=settings.screening, slowest=settings.slowest, steps=settings.steps
            )
            relaxed = _relaxed(graph, colour, rest, steps, screening=settings.screening)
            scaled = graph.op("Div", relaxed, graph.number(127.5))
            one = graph.number(1)
        graph.op("Sub", scaled, one, result=file.tensors[step.output])

    def twin(self, given: Given) -> dict[str, Array]:
        """By the kernel's own twin."""
        settings = self.step.settings
        made = [
            kernels.composite_places(
                places.astype(np.int16),
                given.bundle.arrays[self.step.photo],
                screening=settings.screening,
                slowest=settings.slowest,
                steps=settings.steps,
                softness=settings.softness,
                backend="numpy",
            )
            for places in place_pairs(given.tensors[self.step.places])
        ]
        return {self.step.output: np.stack(made)}


def _gathered(graph: GraphBuilder, photo: Array, places: str) -> str:
    """Of each place its colour and the steps to its right, left, lower and upper neighbour.

    Returns:
        `[N, 15, H, W]`, in levels; 0 for a step over the photo's border.
    """
    levels = graph.op("Cast", graph.hold(photo.transpose(2, 0, 1)), to=TensorProto.FLOAT)
    parts = [levels]
    for axis in (2, 1):
        step = graph.op("Sub", graph.cut(levels, axis, 1), graph.cut(levels, axis, 0, -1))
        none, one = [0, 0, 0], [int(axis == k) for k in range(3)]
        parts += [graph.pad(step, none, one), graph.pad(step, one, none)]
    table = graph.reshape(graph.op("Concat", *parts, axis=0), 15, -1)
    y, x = (graph.cut(places, 3, k, k + 1) for k in (0, 1))
    width = graph.hold(np.array(photo.shape[1], dtype=np.int32))
    index = graph.op("Add", graph.op("Mul", y, width), x)
    flat = graph.op("Squeeze", index, graph.ints(3))
    found = graph.op("Gather", graph.op("Transpose", table, perm=[1, 0]), flat, axis=0)
    return graph.op("Transpose", found, perm=[0, 3, 1, 2])


def _lacking(
    graph: GraphBuilder, colour: str, after: str, before: str, *, axis: int, softness: float
) -> str:
    """What flows into each pixel along an axis, less what flows out; 0 over the border."""

    def first(of: str) -> str:
        return graph.cut(of, axis, 0, -1)

    def second(of: str) -> str:
        return graph.cut(of, axis, 1)

    asked = graph.op("Add", first(after), second(before))
    made = graph.op("Sub", second(colour), first(colour))
    twice = graph.op("Sub", asked, graph.op("Mul", graph.number(2), made))
    step = graph.op("Mul", graph.number(0.5), twice)
    if softness > 0:
        most = graph.op("ReduceMax", graph.op("Mul", step, step), graph.ints(1), keepdims=1)
        apart = graph.op("Div", most, graph.number(float(np.square(np.float32(softness)))))
        one = graph.number(1)
        share = graph.op("Div", one, graph.op("Add", one, graph.op("Mul", apart, apart)))
        step = graph.op("Mul", step, share)
    none, one_pixel = [0, 0, 0, 0], [int(axis == k) for k in range(4)]
    return graph.op("Sub", graph.pad(step, one_pixel, none), graph.pad(step, none, one_pixel))


def _relaxed(graph: GraphBuilder, colour: str, rest: str, steps: Array, *, screening: float) -> str:
    """Chebyshev steps; the border is repeated, so that nothing flows over it."""
    kernel = np.array([[0, 1, 0], [1, 0, 1], [0, 1, 0]], dtype=np.float32)
    kernel[1, 1] = -(np.float32(4) + np.float32(screening))
    around = graph.hold(np.tile(kernel, (3, 1, 1, 1)))
    border = graph.ints(0, 0, 1, 1, 0, 0, 1, 1)
    direction = graph.op("Mul", graph.number(steps[0, 1]), rest)
    image = graph.op("Add", colour, direction)
    for keep, take in steps[1:]:
        near = graph.op("Pad", direction, border, mode="edge")
        rest = graph.op("Add", rest, graph.op("Conv", near, around, group=3))
        kept = graph.op("Mul", graph.number(keep), direction)
        direction = graph.op("Add", kept, graph.op("Mul", graph.number(take), rest))
        image = graph.op("Add", image, direction)
    return image
