"""The second half of patch transfer in standard operators: gather patches, average overlaps.

Rows of value patches are gathered from a table; overlaps are added by zeros around shifted copies,
first along columns, then along rows, so that 2 * window copies do for window**2 offsets.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from petsgan_sdk._arrays import Array
from petsgan_sdk.export.onnx_file.builder import GraphBuilder
from petsgan_sdk.export.onnx_file.patch_search import Match

__all__ = ["average"]


def average(
    graph: GraphBuilder,
    match: Match,
    values: Array,
    *,
    window: int,
    normalize: bool,
    result: str | None = None,
) -> str:
    """Lay the matched value patches over each other and average them.

    Args:
        graph: Where to add the nodes.
        match: What `search` returned.
        values: Of the reference, `[V, h0, w0]` float32.
        window: Side of a patch, odd.
        normalize: Divide by the weights that voted, and let pixels outside the reference not vote;
            else divide by the number of patches that cover the pixel.
        result: Name of the output.

    Returns:
        `[N, V, h, w]` float32.
    """
    channels, _, ref_width = values.shape
    height, width = (graph.size(match.index, axis) for axis in (1, 2))
    # With `normalize` one more channel carries the votes.
    depth = channels + 1 if normalize else channels
    steps = graph.hold(np.arange(window, dtype=np.int64) * ref_width)
    first = graph.op("Unsqueeze", match.index, graph.ints(3))
    table = graph.hold(_row_table(values, window, votes=normalize))
    rows = graph.op("Gather", table, graph.op("Add", first, steps), axis=0)
    patches = graph.op("Mul", rows, graph.op("Unsqueeze", match.weight, graph.ints(3, 4)))

    def column(dx: int) -> str:  # [N, h, w, window, depth]
        return graph.cut(patches, 4, dx * depth, (dx + 1) * depth)

    strips = _overlap(graph, column, axis=2, rank=5, window=window, length=width)

    def row(dy: int) -> str:  # [N, h, w, depth]
        return graph.op("Squeeze", graph.cut(strips, 3, dy, dy + 1), graph.ints(3))

    summed = _overlap(graph, row, axis=1, rank=4, window=window, length=height)
    total = graph.op("Transpose", summed, perm=[0, 3, 1, 2])
    if not normalize:
        return graph.op("Div", total, _coverage(graph, height, width, window), result=result)
    numerator = graph.cut(total, 1, 0, channels)
    return graph.op("Div", numerator, graph.cut(total, 1, channels), result=result)


def _overlap(
    graph: GraphBuilder,
    part: Callable[[int], str],
    *,
    axis: int,
    rank: int,
    window: int,
    length: str,
) -> str:
    """Sum the parts, each moved along the axis to the pixel that it speaks of."""
    radius = window // 2
    moved = []
    for offset in range(window):
        before, after = [0] * rank, [0] * rank
        before[axis], after[axis] = offset, 2 * radius - offset
        moved.append(graph.pad(part(offset), before, after) if radius else part(offset))
    summed = graph.sum(moved)
    if not radius:
        return summed
    end = graph.op("Add", length, graph.ints(radius))
    return graph.cut(summed, axis, radius, end)


def _row_table(values: Array, window: int, *, votes: bool) -> Array:
    """`window` neighbours in a row, by their place: `[(h0 + 2 radius) * w0, window * depth]`."""
    radius = window // 2
    if votes:
        values = np.concatenate([values, np.ones_like(values[:1])])
    padded = np.pad(values, ((0, 0), (radius, radius), (radius, radius)))
    views = np.lib.stride_tricks.sliding_window_view(padded, window, axis=2)
    depth, rows, columns = views.shape[:3]
    return np.ascontiguousarray(views.transpose(1, 2, 3, 0)).reshape(rows * columns, window * depth)


def _coverage(graph: GraphBuilder, height: str, width: str, window: int) -> str:
    """How many patches cover each pixel, `[1, 1, h, w]`."""
    ones = graph.op("Expand", graph.number(1.0), graph.join(1, 1, height, width))
    pads = [window // 2] * 4
    share = graph.op(
        "AveragePool", ones, kernel_shape=[window, window], pads=pads, count_include_pad=1
    )
    return graph.op("Mul", share, graph.number(window**2))
