"""The positional encoding: arithmetic on sizes in a file, the same function of numpy beside it."""

from __future__ import annotations

import numpy as np
from onnx import TensorProto

from petsgan_sdk import noise
from petsgan_sdk._arrays import Array
from petsgan_sdk.export.onnx_file.builder import GraphBuilder
from petsgan_sdk.export.onnx_file.composition import Composition
from petsgan_sdk.export.parity.reference import Given
from petsgan_sdk.export.steps.step_export import StepExport
from petsgan_sdk.manifest import PositionStep

__all__ = ["ExportPosition", "encode_position"]


class ExportPosition(StepExport[PositionStep]):
    """A positional encoding."""

    def add_to(self, file: Composition, number: int) -> None:  # noqa: ARG002
        """Encode the size of its grid."""
        size = file.grids.size(self.step.level)
        with file.graph.scope(self.step.output):
            encode_position(file.graph, self.step, *size)

    def twin(self, given: Given) -> dict[str, Array]:
        """By numpy."""
        step = self.step
        height, width = (side - 2 * step.margin for side in given.tensors[step.output].shape[2:])
        encoded = noise.positional_encoding(
            height, width, frequencies=step.frequencies, extent=step.extent, margin=step.margin
        )
        return {step.output: encoded}


def encode_position(graph: GraphBuilder, step: PositionStep, height: str, width: str) -> str:
    """Add `noise.positional_encoding` of a canvas whose size is known at run time.

    Args:
        graph: Where to add the nodes.
        step: What to encode; its output names the result.
        height: h, int64 of one element.
        width: w, likewise.

    Returns:
        `[1, 4 F, h + 2 margin, w + 2 margin]` float32.
    """
    extent = step.extent or (None, None)
    padded = [graph.op("Add", side, graph.ints(2 * step.margin)) for side in (height, width)]
    x = _waves(graph, step, width, padded[1], extent[1], shape=(1, 1, 1, 1, -1))
    y = _waves(graph, step, height, padded[0], extent[0], shape=(1, 1, 1, -1, 1))
    channels = 2 * len(step.frequencies)
    sides = graph.join(1, channels, *padded)
    wide = graph.op("Expand", graph.reshape(x, 1, channels, 1, -1), sides)
    tall = graph.op("Expand", graph.reshape(y, 1, channels, -1, 1), sides)
    return graph.op("Concat", wide, tall, axis=1, result=step.output)


def _waves(
    graph: GraphBuilder,
    step: PositionStep,
    side: str,
    padded: str,
    extent: int | None,
    *,
    shape: tuple[int, ...],
) -> str:
    """Sine and cosine for every frequency along one axis: `[1, F, 2, 1, W]` or `[1, F, 2, H, 1]`.

    Coordinates are counted in integers: exact, and TensorRT makes no float ranges.
    """
    zero = graph.hold(np.asarray(0, dtype=np.int64))
    one = graph.hold(np.asarray(1, dtype=np.int64))
    count = graph.op("Range", zero, graph.op("Squeeze", padded), one)
    at = graph.op("Cast", graph.op("Sub", count, graph.ints(step.margin)), to=TensorProto.FLOAT)
    if extent is not None:
        length = graph.op("Cast", side, to=TensorProto.FLOAT)
        ratio = graph.op("Div", graph.number(extent), length)
        half = graph.number(0.5)
        at = graph.op("Sub", graph.op("Mul", graph.op("Add", at, half), ratio), half)
    frequencies = np.asarray(step.frequencies, dtype=np.float32).reshape(1, -1, 1, 1, 1)
    angle = graph.op("Mul", graph.reshape(at, *shape), graph.hold(frequencies))
    return graph.op("Concat", graph.op("Sin", angle), graph.op("Cos", angle), axis=2)
