"""What operators make of maps, and when they would fail.

A rule sees attributes that have been checked one by one, and says what does not fit together. Where
a runtime would divide by zero or read beyond a tensor, as releases of ONNX Runtime do for windows
larger than their map, the rule is what stops it. Standard library only.
"""

from __future__ import annotations

import math
import struct

from petsgan_sdk.runtime.graphs.model import FLOAT32, INT64
from petsgan_sdk.runtime.graphs.operands import (
    Given,
    Values,
    alike,
    as_held,
    as_map,
    number,
    numbers,
)
from petsgan_sdk.runtime.graphs.values import Cost, Value, broadcast, held_value, require

__all__ = [
    "MAX_PAD",
    "MAX_SCALE",
    "average_pool",
    "batch_norm",
    "clip",
    "conv",
    "conv_transpose",
    "depth_to_space",
    "pad",
    "pointwise",
    "resize",
    "softmax",
    "space_to_depth",
]

MAX_PAD, MAX_SCALE = 256, 128
"""Most that is added to a side of a map, and most that multiplies it, at once."""


def pointwise(given: Given, values: Values) -> Cost:  # noqa: ARG001
    """An element from the same element of every float operand."""
    operands = alike(values)
    kind = operands[0].kind
    require(kind != INT64, "be given floats")
    return Cost(Value(kind, broadcast(*(value.dims for value in operands))))


def batch_norm(given: Given, values: Values) -> Cost:  # noqa: ARG001
    """Every channel by constants of its own."""
    x, *statistics = alike(values)
    for value in statistics:
        sizes = as_held(value, "statistics").dims
        require(sizes == as_map(x).dims[1:2], f"have statistics of {x.dims[1:2]}, got {sizes}")
    return Cost(Value(x.kind, x.dims))


def clip(given: Given, values: Values) -> Cost:  # noqa: ARG001
    """An element, within constants."""
    x, *limits = alike([value for value in values if value is not None])
    require(x.kind != INT64 and x is values[0], "be given floats")
    for value in limits:
        require(math.prod(as_held(value, "limits").dims) == 1, "have single limits")
    return Cost(Value(x.kind, x.dims))


def _slide(given: Given, side: int, axis: int, kernel: int) -> int:
    """Places of a window along rows (axis 0) or columns (1)."""
    pads = numbers(given, "pads", (0, 0, 0, 0))
    stride = numbers(given, "strides", (1, 1))[axis]
    extent = numbers(given, "dilations", (1, 1))[axis] * (kernel - 1) + 1
    padded = side + pads[axis] + pads[axis + 2]
    require(extent <= padded, f"have a window within the map, got {extent} of {padded}")
    return (padded - extent) // stride + 1


def _check_kernel(given: Given, kernel: tuple[int, ...]) -> None:
    require(numbers(given, "kernel_shape", kernel) == kernel, f"have kernel_shape {kernel}")


def _weights(values: Values) -> tuple[Value, tuple[int, ...]]:
    """The map and the sizes of the weights of a convolution."""
    x, weights = as_map(values[0]), as_held(values[1], "weights")
    require(len(weights.dims) == 4 and weights.kind == x.kind, "have weights of 4 axes, as its map")
    return x, weights.dims


def _check_bias(values: Values, made: int) -> None:
    """A runtime does not look how long a bias is."""
    if len(values) > 2 and values[2] is not None:
        sizes = as_held(alike(values)[2], "biases").dims
        require(sizes == (made,), f"have {made} biases, got {sizes}")


def conv(given: Given, values: Values) -> Cost:
    """Sums over windows of the map, with weights that the graph holds."""
    x, (made, each, *kernel) = _weights(values)
    groups = number(given, "group", 1)
    require(made % groups == 0, f"have a multiple of {groups} filters, got {made}")
    require(each * groups == x.dims[1], f"read {each * groups} channels, got {x.dims[1]}")
    _check_kernel(given, tuple(kernel))
    _check_bias(values, made)
    sides = (_slide(given, x.dims[2 + axis], axis, kernel[axis]) for axis in (0, 1))
    result = Value(x.kind, (x.dims[0], made, *sides))
    return Cost(result, products=result.size * each * math.prod(kernel))


def conv_transpose(given: Given, values: Values) -> Cost:
    """Windows of the result for every pixel, with weights that the graph holds."""
    x, (read, each, *kernel) = _weights(values)
    groups = number(given, "group", 1)
    require(read % groups == 0, f"have a multiple of {groups} filters, got {read}")
    require(read == x.dims[1], f"read {read} channels, got {x.dims[1]}")
    _check_kernel(given, tuple(kernel))
    _check_bias(values, each * groups)
    pads, strides = numbers(given, "pads", (0, 0, 0, 0)), numbers(given, "strides", (1, 1))
    sides = [
        (side - 1) * strides[axis] + kernel[axis] - pads[axis] - pads[axis + 2]
        for axis, side in enumerate(x.dims[2:])
    ]
    require(min(sides) > 0, f"leave a map, got {sides}")
    made, at_once = each * groups, x.dims[0] * math.prod(x.dims[2:]) * math.prod(kernel)
    return Cost(
        Value(x.kind, (x.dims[0], made, *sides)),
        scratch=made * at_once,
        products=read * each * at_once,
    )


def average_pool(given: Given, values: Values) -> Cost:
    """Means of windows."""
    x, kernel = as_map(values[0]), numbers(given, "kernel_shape", ())
    require(len(kernel) == 2, "have a kernel_shape")
    pads = numbers(given, "pads", (0, 0, 0, 0))
    require(max(pads) < min(kernel), "pad by less than its kernel")
    sides = (_slide(given, x.dims[2 + axis], axis, kernel[axis]) for axis in (0, 1))
    result = Value(x.kind, (*x.dims[:2], *sides))
    return Cost(result, products=result.size * math.prod(kernel))


def resize(given: Given, values: Values) -> Cost:  # noqa: ARG001
    """Rows and columns multiplied by whole numbers."""
    x, region, scales = as_map(values[0]), values[1], as_held(values[2], "scales")
    require(region is None and values[3:] in ([], [None]), "have no region and no sizes")
    require(scales.kind == FLOAT32 and scales.dims == (4,), "have 4 scales")
    batch, channels, *rest = struct.unpack("<4f", scales.raw)
    is_whole = all(1 <= scale <= MAX_SCALE and scale.is_integer() for scale in rest)
    require(
        batch == channels == 1 and is_whole,
        f"multiply rows and columns by whole numbers to {MAX_SCALE}, got {rest}",
    )
    sides = (side * int(scale) for side, scale in zip(x.dims[2:], rest, strict=True))
    return Cost(Value(x.kind, (*x.dims[:2], *sides)))


def pad(given: Given, values: Values) -> Cost:
    """Rows and columns around the map, by constant amounts."""
    x, amounts = as_map(values[0]), held_value(as_held(values[1], "amounts"))
    require(amounts.kind == INT64 and amounts.dims == (8,), "have 8 amounts")
    numbers = amounts.numbers
    # What is mirrored must be there; the rest is filled or repeated.
    most = min(MAX_PAD, min(x.dims[2:]) - 1) if given.get("mode") == b"reflect" else MAX_PAD
    require(
        all(0 <= number <= most for number in numbers) and not any(numbers[0:2] + numbers[4:6]),
        f"pad rows and columns by 0 to {most}, got {numbers}",
    )
    if len(values) > 2 and values[2] is not None:
        filling = as_held(values[2], "a filling")
        require(filling.kind == x.kind and math.prod(filling.dims) == 1, "pad by one float")
    require(values[3:] in ([], [None]), "name no axes")
    sides = (
        side + before + after
        for side, before, after in zip(x.dims[2:], numbers[2:4], numbers[6:8], strict=True)
    )
    return Cost(Value(x.kind, (*x.dims[:2], *sides)))


def depth_to_space(given: Given, values: Values) -> Cost:
    """Channels as blocks of pixels."""
    x, side = as_map(values[0]), number(given, "blocksize", 0)
    n, channels, rows, columns = x.dims
    require(side > 0 and channels % side**2 == 0, f"have blocks of {channels} channels")
    return Cost(Value(x.kind, (n, channels // side**2, rows * side, columns * side)))


def space_to_depth(given: Given, values: Values) -> Cost:
    """Blocks of pixels as channels."""
    x, side = as_map(values[0]), number(given, "blocksize", 0)
    n, channels, rows, columns = x.dims
    require(side > 0 and rows % side == columns % side == 0, f"have blocks of {rows}x{columns}")
    return Cost(Value(x.kind, (n, channels * side**2, rows // side, columns // side)))


def softmax(given: Given, values: Values) -> Cost:  # noqa: ARG001
    """The same, normalised."""
    x = as_map(values[0])
    return Cost(Value(x.kind, x.dims), scratch=x.size)
