"""What each operator of a bundle's graphs makes of what it is given, and when it would fail.

A rule sees attributes that have been checked one by one, and says what does not fit together. Where
a runtime would divide by zero or read beyond a tensor, as releases of ONNX Runtime do for windows
larger than their map, the rule is what stops it. Standard library only.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Mapping, Sequence
from typing import TypeAlias

from petsgan_sdk.runtime.graphs.model import FLOAT32, INT64, AttributeValue, Tensor
from petsgan_sdk.runtime.graphs.values import (
    Cost,
    Value,
    broadcast,
    held_value,
    integers,
    require,
)

__all__ = [
    "MAX_PAD",
    "MAX_SCALE",
    "Given",
    "Values",
    "arithmetic",
    "average_pool",
    "batch_norm",
    "cast",
    "clip",
    "concat",
    "constant",
    "constant_of_shape",
    "conv",
    "conv_transpose",
    "depth_to_space",
    "expand",
    "gather",
    "identity",
    "pad",
    "part",
    "pointwise",
    "rearranged",
    "resize",
    "shape",
    "softmax",
    "space_to_depth",
]

MAX_PAD, MAX_SCALE = 256, 128
"""Most that is added to a side of a map, and most that multiplies it, at once."""

_MAX_STEP = 4096

Given: TypeAlias = Mapping[str, AttributeValue]
"""Attributes by name."""

Values: TypeAlias = Sequence[Value | None]
"""Inputs in order, None where one is left out."""


def _number(given: Given, name: str, default: int) -> int:
    value = given.get(name, default)
    assert isinstance(value, int)
    return value


def _numbers(given: Given, name: str, default: tuple[int, ...]) -> tuple[int, ...]:
    value = given.get(name, default)
    assert isinstance(value, tuple)
    return value


def _map(value: Value | None) -> Value:
    require(value is not None and value.is_map, "be given a map [N, C, H, W]")
    assert value is not None
    return value


def _integers(value: Value | None) -> Value:
    require(value is not None and value.kind == INT64, "be given integers")
    assert value is not None
    return value


def _held(value: Value | None, what: str) -> Tensor:
    require(value is not None and value.held is not None, f"have {what} that are constants")
    assert value is not None
    assert value.held is not None
    return value.held


def _alike(values: Values) -> list[Value]:
    """Operands that are all there and of one type."""
    found = [value for value in values if value is not None]
    kinds = {value.kind for value in found}
    require(len(found) == len(values) and len(kinds) == 1, "be given tensors of one type")
    return found


def pointwise(given: Given, values: Values) -> Cost:  # noqa: ARG001
    """An element from the same element of every float operand."""
    operands = _alike(values)
    kind = operands[0].kind
    require(kind != INT64, "be given floats")
    return Cost(Value(kind, broadcast(*(value.dims for value in operands))))


def arithmetic(operator: str, values: Values) -> Cost:
    """`Add`, `Mul` or `Sub` of floats or of integers."""
    operands = _alike(values)
    if operands[0].kind != INT64:
        return pointwise({}, values)
    left, right = (value.numbers for value in operands)
    (count,) = broadcast((len(left),), (len(right),))
    pairs = zip(left * (count // len(left)), right * (count // len(right)), strict=True)
    match operator:
        case "Add":
            return Cost(integers(tuple(a + b for a, b in pairs)))
        case "Sub":
            return Cost(integers(tuple(a - b for a, b in pairs)))
    return Cost(integers(tuple(a * b for a, b in pairs)))


def identity(given: Given, values: Values) -> Cost:  # noqa: ARG001
    """The same."""
    (value,) = _alike(values)
    return Cost(Value(value.kind, value.dims, value.numbers))


def cast(given: Given, values: Values) -> Cost:
    """The same in another type."""
    (value,) = _alike(values)
    to = _number(given, "to", 0)
    require((value.kind == INT64) == (to == INT64), "turn floats into floats")
    return Cost(Value(to, value.dims, value.numbers))


def constant(given: Given, values: Values) -> Cost:  # noqa: ARG001
    """What an attribute says."""
    require(len(given) == 1, "hold one value")
    (value,) = given.values()
    match value:
        case Tensor():
            return Cost(held_value(value))
        case int():
            return Cost(held_value(_row(value)))
        case tuple():
            require(len(value) > 0, "hold a value")
            return Cost(held_value(_row(*value)))
    return Cost(Value(FLOAT32, ()))


def _row(*numbers: int) -> Tensor:
    return Tensor("", INT64, (len(numbers),), struct.pack(f"<{len(numbers)}q", *numbers))


def batch_norm(given: Given, values: Values) -> Cost:  # noqa: ARG001
    """Every channel by constants of its own."""
    x, *statistics = _alike(values)
    for value in statistics:
        sizes = _held(value, "statistics").dims
        require(sizes == _map(x).dims[1:2], f"have statistics of {x.dims[1:2]}, got {sizes}")
    return Cost(Value(x.kind, x.dims))


def clip(given: Given, values: Values) -> Cost:  # noqa: ARG001
    """An element, within constants."""
    x, *limits = _alike([value for value in values if value is not None])
    require(x.kind != INT64 and x is values[0], "be given floats")
    for value in limits:
        require(math.prod(_held(value, "limits").dims) == 1, "have single limits")
    return Cost(Value(x.kind, x.dims))


def _slide(given: Given, side: int, axis: int, kernel: int) -> int:
    """Places of a window along rows (axis 0) or columns (1)."""
    pads = _numbers(given, "pads", (0, 0, 0, 0))
    stride = _numbers(given, "strides", (1, 1))[axis]
    extent = _numbers(given, "dilations", (1, 1))[axis] * (kernel - 1) + 1
    padded = side + pads[axis] + pads[axis + 2]
    require(extent <= padded, f"have a window within the map, got {extent} of {padded}")
    return (padded - extent) // stride + 1


def _check_kernel(given: Given, kernel: tuple[int, ...]) -> None:
    require(_numbers(given, "kernel_shape", kernel) == kernel, f"have kernel_shape {kernel}")


def _weights(values: Values) -> tuple[Value, tuple[int, ...]]:
    """The map and the sizes of the weights of a convolution."""
    x, weights = _map(values[0]), _held(values[1], "weights")
    require(len(weights.dims) == 4 and weights.kind == x.kind, "have weights of 4 axes, as its map")
    return x, weights.dims


def _check_bias(values: Values, made: int) -> None:
    """A runtime does not look how long a bias is."""
    if len(values) > 2 and values[2] is not None:
        sizes = _held(_alike(values)[2], "biases").dims
        require(sizes == (made,), f"have {made} biases, got {sizes}")


def conv(given: Given, values: Values) -> Cost:
    """Sums over windows of the map, with weights that the graph holds."""
    x, (made, each, *kernel) = _weights(values)
    groups = _number(given, "group", 1)
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
    groups = _number(given, "group", 1)
    require(read % groups == 0, f"have a multiple of {groups} filters, got {read}")
    require(read == x.dims[1], f"read {read} channels, got {x.dims[1]}")
    _check_kernel(given, tuple(kernel))
    _check_bias(values, each * groups)
    pads, strides = _numbers(given, "pads", (0, 0, 0, 0)), _numbers(given, "strides", (1, 1))
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
    x, kernel = _map(values[0]), _numbers(given, "kernel_shape", ())
    require(len(kernel) == 2, "have a kernel_shape")
    pads = _numbers(given, "pads", (0, 0, 0, 0))
    require(max(pads) < min(kernel), "pad by less than its kernel")
    sides = (_slide(given, x.dims[2 + axis], axis, kernel[axis]) for axis in (0, 1))
    result = Value(x.kind, (*x.dims[:2], *sides))
    return Cost(result, products=result.size * math.prod(kernel))


def resize(given: Given, values: Values) -> Cost:  # noqa: ARG001
    """Rows and columns multiplied by whole numbers."""
    x, region, scales = _map(values[0]), values[1], _held(values[2], "scales")
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
    x, amounts = _map(values[0]), held_value(_held(values[1], "amounts"))
    require(amounts.kind == INT64 and amounts.dims == (8,), "have 8 amounts")
    numbers = amounts.numbers
    # What is mirrored must be there; the rest is filled or repeated.
    most = min(MAX_PAD, min(x.dims[2:]) - 1) if given.get("mode") == b"reflect" else MAX_PAD
    require(
        all(0 <= number <= most for number in numbers) and not any(numbers[0:2] + numbers[4:6]),
        f"pad rows and columns by 0 to {most}, got {numbers}",
    )
    if len(values) > 2 and values[2] is not None:
        filling = _held(values[2], "a filling")
        require(filling.kind == x.kind and math.prod(filling.dims) == 1, "pad by one float")
    require(values[3:] in ([], [None]), "name no axes")
    sides = (
        side + before + after
        for side, before, after in zip(x.dims[2:], numbers[2:4], numbers[6:8], strict=True)
    )
    return Cost(Value(x.kind, (*x.dims[:2], *sides)))


def depth_to_space(given: Given, values: Values) -> Cost:
    """Channels as blocks of pixels."""
    x, side = _map(values[0]), _number(given, "blocksize", 0)
    n, channels, rows, columns = x.dims
    require(side > 0 and channels % side**2 == 0, f"have blocks of {channels} channels")
    return Cost(Value(x.kind, (n, channels // side**2, rows * side, columns * side)))


def space_to_depth(given: Given, values: Values) -> Cost:
    """Blocks of pixels as channels."""
    x, side = _map(values[0]), _number(given, "blocksize", 0)
    n, channels, rows, columns = x.dims
    require(side > 0 and rows % side == columns % side == 0, f"have blocks of {rows}x{columns}")
    return Cost(Value(x.kind, (n, channels * side**2, rows // side, columns // side)))


def concat(given: Given, values: Values) -> Cost:
    """Channels one after the other, or integers."""
    parts, axis = _alike(values), _number(given, "axis", 4)
    if parts[0].kind == INT64:
        require(axis == 0, f"join integers along axis 0, got {axis}")
        return Cost(integers(tuple(number for value in parts for number in value.numbers)))
    require(axis in (1, -3), f"join maps along their channels, got axis {axis}")
    n, first, *sides = _map(parts[0]).dims
    is_even = all((_map(v).dims[0], *v.dims[2:]) == (n, *sides) for v in parts)
    require(is_even, f"join maps of one size, got {[value.dims for value in parts]}")
    channels = first + sum(value.dims[1] for value in parts[1:])
    return Cost(Value(parts[0].kind, (n, channels, *sides)))


def part(given: Given, values: Values) -> Cost:  # noqa: ARG001
    """A part of a map, or of integers."""
    x, *given_places = _alike(values[:1]) + [_integers(value) for value in values[1:]]
    starts, ends, *rest = (value.numbers for value in given_places)
    axes = rest[0] if rest else tuple(range(len(starts)))
    steps = rest[1] if len(rest) > 1 else (1,) * len(starts)
    dims, rank = list(x.dims), len(x.dims)
    axes = tuple(axis % rank if -rank <= axis < rank else -1 for axis in axes)
    is_one_each = len(starts) == len(ends) == len(axes) == len(steps) == len(set(axes))
    require(is_one_each and -1 not in axes, f"name axes once, got {axes}")
    require(x.kind == INT64 or x.is_map, "be given a map or integers")
    require(all(1 <= n <= _MAX_STEP for n in steps), f"step by 1 to {_MAX_STEP}, got {steps}")
    numbers = x.numbers
    for start, end, axis, step in zip(starts, ends, axes, steps, strict=True):
        kept = slice(start, end, step)
        dims[axis] = len(range(*kept.indices(dims[axis])))
        numbers = numbers[kept]
    require(min(dims) > 0, f"leave something, got {dims}")
    return Cost(Value(x.kind, tuple(dims), numbers))


def gather(given: Given, values: Values) -> Cost:  # noqa: ARG001
    """Some of some integers."""
    x, places = _integers(values[0]).numbers, _integers(values[1]).numbers
    require(all(-len(x) <= n < len(x) for n in places), f"take some of {len(x)}, got {places}")
    return Cost(integers(tuple(x[n] for n in places)))


def softmax(given: Given, values: Values) -> Cost:  # noqa: ARG001
    """The same, normalised."""
    x = _map(values[0])
    return Cost(Value(x.kind, x.dims), scratch=x.size)


def shape(given: Given, values: Values) -> Cost:
    """Sizes of a map."""
    x = _map(values[0])
    sizes = x.dims[_number(given, "start", 0) : _number(given, "end", 4)]
    require(len(sizes) > 0, "give at least one size")
    return Cost(integers(sizes))


def rearranged(given: Given, values: Values) -> Cost:  # noqa: ARG001
    """The same integers, in a row or one by itself."""
    x = _integers(values[0])
    if len(values) > 1:
        _integers(values[1])
    return Cost(integers(x.numbers))


def expand(given: Given, values: Values) -> Cost:  # noqa: ARG001
    """Floats repeated to given sizes."""
    (x,) = _alike(values[:1])
    require(x.kind != INT64, "be given floats")
    return Cost(Value(x.kind, broadcast(x.dims, _sizes(values[1]))))


def constant_of_shape(given: Given, values: Values) -> Cost:
    """One float repeated to given sizes."""
    value = given.get("value")
    kind = value.kind if isinstance(value, Tensor) else FLOAT32
    require(kind != INT64, "make floats")
    return Cost(Value(kind, _sizes(values[0])))


def _sizes(value: Value | None) -> tuple[int, ...]:
    sizes = _integers(value).numbers
    require(0 < len(sizes) <= 4 and min(sizes) > 0, f"make 1 to 4 axes, got {sizes}")
    return sizes
