"""Texture transfer: standard operators in a file, its float64 twin beside it.

A block of the texture reaches half a block beyond its own on every side, so half-blocks are the
unit: a half-block of the result is the weighted mean of the block it lies in, of that block's
neighbour on its side, above or below, and on the diagonal. Neighbours are found by moving the small
index map; the pixels themselves are gathered in place and never moved.
"""

from __future__ import annotations

from itertools import product

import numpy as np
from onnx import TensorProto

from petsgan_sdk import kernels
from petsgan_sdk._arrays import Array
from petsgan_sdk.export.onnx_file.builder import GraphBuilder
from petsgan_sdk.export.onnx_file.composition import Composition, Form
from petsgan_sdk.export.parity.reference import Given
from petsgan_sdk.export.steps.step_export import StepExport
from petsgan_sdk.manifest import TextureTransferStep

__all__ = ["ExportTextureTransfer", "carry_texture"]

_OWN, _NEIGHBOUR = (1, 2), (3, 0)
"""Which of a block's four half-blocks covers the first and the second half of a cell."""
_ABSENT = -(1 << 30)
"""Place of a block beyond the canvas; stays negative whatever is added to it."""


class ExportTextureTransfer(StepExport[TextureTransferStep]):
    """Texture along matches."""

    def add_to(self, file: Composition, number: int) -> None:  # noqa: ARG002
        """Lay blocks of the photo."""
        step, graph = self.step, file.graph
        with graph.scope(step.output):
            index = file.tensors[step.index]
            if file.form is Form.custom:
                index = graph.op("Cast", index, to=TensorProto.INT64)
            carry_texture(
                graph,
                index,
                file.bundle.arrays[step.texture],
                factor=file.bundle.manifest.factor,
                result=step.output,
            )

    def twin(self, given: Given) -> dict[str, Array]:
        """By numpy."""
        step, factor = self.step, given.bundle.manifest.factor
        texture = given.bundle.arrays[step.texture]
        laid = kernels.texture_transfer(
            given.tensors[step.index], texture, factor=factor, backend="numpy"
        )
        return {step.output: laid}


def carry_texture(
    graph: GraphBuilder, index: str, texture: Array, *, factor: int, result: str
) -> str:
    """Lay texture blocks where an index map says, and blend them where they overlap.

    Args:
        graph: Where to add the nodes.
        index: `[N, h, w]` int64.
        texture: `[3, h0 * factor, w0 * factor]` float32.
        factor: Even.
        result: Name of the output.

    Returns:
        `[N, 3, h * factor, w * factor]` float32, as `kernels.texture_transfer` makes it.
    """
    half = factor // 2
    table = _half_blocks(texture, half)
    line = 2 * (texture.shape[2] // factor) + 2
    places = _first_half_block(graph, index, texture.shape[2] // factor, line)
    nowhere = graph.hold(np.asarray(len(table) - 1, dtype=np.int64))
    held = graph.hold(table.reshape(len(table), -1))
    votes = []
    for rows, columns in product((_OWN, _NEIGHBOUR), repeat=2):
        # [N, h, 2, w, 2]
        vote = _halves(graph, places, rows, axis=1, rank=3, step=line)
        vote = _halves(graph, vote, columns, axis=3, rank=4, step=1)
        is_absent = graph.op("Less", vote, graph.hold(np.asarray(0, dtype=np.int64)))
        vote = graph.op("Where", is_absent, nowhere, vote)
        pixels = graph.op("Gather", held, vote, axis=0)
        votes.append(graph.op("Mul", pixels, graph.hold(_window(rows, columns, half))))
    batch, height, width = (graph.size(index, axis) for axis in (0, 1, 2))
    tall = graph.op("Mul", height, graph.ints(2))
    wide = graph.op("Mul", width, graph.ints(2))
    blocks = graph.reshape(graph.sum(votes), batch, tall, wide, 4, half, half)
    planes = graph.op("Transpose", blocks, perm=[0, 3, 1, 4, 2, 5])
    sides = (graph.op("Mul", side, graph.ints(factor)) for side in (height, width))
    image = graph.reshape(planes, batch, 4, *sides)
    return graph.op("Div", graph.cut(image, 1, 0, 3), graph.cut(image, 1, 3), result=result)


def _half_blocks(texture: Array, half: int) -> Array:
    """`[places + 1, 4, half, half]`: colours and a vote, in a ring of zeros, and zeros at last."""
    voting = np.concatenate([texture, np.ones_like(texture[:1])])
    padded = np.pad(voting, ((0, 0), (half, half), (half, half)))
    rows, columns = padded.shape[1] // half, padded.shape[2] // half
    blocks = padded.reshape(4, rows, half, columns, half).transpose(1, 3, 0, 2, 4)
    return np.pad(blocks.reshape(-1, 4, half, half), ((0, 1), (0, 0), (0, 0), (0, 0)))


def _first_half_block(graph: GraphBuilder, index: str, columns: int, line: int) -> str:
    """Place of the upper left of the sixteen half-blocks that a block reaches."""
    wide = graph.ints(columns)
    y = graph.op("Div", index, wide)
    x = graph.op("Sub", index, graph.op("Mul", y, wide))
    return graph.op(
        "Add", graph.op("Mul", y, graph.ints(2 * line)), graph.op("Mul", x, graph.ints(2))
    )


def _halves(
    graph: GraphBuilder, places: str, which: tuple[int, int], *, axis: int, rank: int, step: int
) -> str:
    """For both halves of every cell along an axis, the half-block that covers it.

    Args:
        graph: Where to add the nodes.
        places: First half-block of each cell's own block.
        which: `_OWN` or `_NEIGHBOUR`.
        axis: Along which; the halves become the axis behind it.
        rank: Of `places`.
        step: Distance of two half-blocks on this axis.
    """
    first = second = places
    if which == _NEIGHBOUR:
        before, after = [0] * rank, [0] * rank
        before[axis] = after[axis] = 1
        absent = graph.hold(np.asarray(_ABSENT, dtype=np.int64))
        around = graph.op("Pad", places, graph.ints(*before, *after), absent)
        first, second = graph.cut(around, axis, 0, -2), graph.cut(around, axis, 2)
    parts = [
        graph.op(
            "Unsqueeze",
            graph.op("Add", part, graph.ints(number * step)),
            graph.ints(axis + 1),
        )
        for part, number in zip((first, second), which, strict=True)
    ]
    return graph.op("Concat", *parts, axis=axis + 1)


def _window(rows: tuple[int, int], columns: tuple[int, int], half: int) -> Array:
    """Weights of the half-blocks: `[2, 1, 2, 4 * half * half]`."""
    t = np.arange(4 * half).reshape(4, half)
    window = 0.5 - 0.5 * np.cos(2 * np.pi * (t + 0.5) / (4 * half))
    # [2, 2, half, half]
    both = window[list(rows)][:, None, :, None] * window[list(columns)][None, :, None, :]
    every = np.repeat(both[:, None, :, None], 4, axis=3)
    return every.reshape(2, 1, 2, -1).astype(np.float32)
