"""What operators make of sizes, and of maps by sizes: parts, other axes, repetitions.

Rules as those of `rules`. Standard library only.
"""

from __future__ import annotations

import math
import struct

from petsgan_sdk.runtime.graphs.model import FLOAT32, INT64, MAX_RANK, Tensor
from petsgan_sdk.runtime.graphs.operands import (
    Given,
    Values,
    alike,
    as_integers,
    as_map,
    number,
    numbers,
)
from petsgan_sdk.runtime.graphs.rules import pointwise
from petsgan_sdk.runtime.graphs.values import Cost, Value, broadcast, held_value, integers, require

__all__ = [
    "arithmetic",
    "cast",
    "concat",
    "constant",
    "constant_of_shape",
    "expand",
    "gather",
    "identity",
    "part",
    "rearranged",
    "reshape",
    "shape",
    "transpose",
]

_MAX_STEP = 4096


def arithmetic(operator: str, values: Values) -> Cost:
    """`Add`, `Div`, `Mul` or `Sub` of floats or of integers."""
    operands = alike(values)
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
        case "Div":  # by zero it would end the process
            require(min(left) >= 0 and min(right) > 0, f"divide by sizes, got {left} by {right}")
            return Cost(integers(tuple(a // b for a, b in pairs)))
    return Cost(integers(tuple(a * b for a, b in pairs)))


def identity(given: Given, values: Values) -> Cost:  # noqa: ARG001
    """The same."""
    (value,) = alike(values)
    return Cost(Value(value.kind, value.dims, value.numbers))


def cast(given: Given, values: Values) -> Cost:
    """The same in another type."""
    (value,) = alike(values)
    to = number(given, "to", 0)
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


def concat(given: Given, values: Values) -> Cost:
    """Channels one after the other, or integers."""
    parts, axis = alike(values), number(given, "axis", 4)
    if parts[0].kind == INT64:
        require(axis == 0, f"join integers along axis 0, got {axis}")
        return Cost(integers(tuple(number for value in parts for number in value.numbers)))
    require(axis in (1, -3), f"join maps along their channels, got axis {axis}")
    n, first, *sides = as_map(parts[0]).dims
    is_even = all((as_map(v).dims[0], *v.dims[2:]) == (n, *sides) for v in parts)
    require(is_even, f"join maps of one size, got {[value.dims for value in parts]}")
    channels = first + sum(value.dims[1] for value in parts[1:])
    return Cost(Value(parts[0].kind, (n, channels, *sides)))


def part(given: Given, values: Values) -> Cost:  # noqa: ARG001
    """A part of a map, or of integers."""
    x, *given_places = alike(values[:1]) + [as_integers(value) for value in values[1:]]
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
    x, places = as_integers(values[0]).numbers, as_integers(values[1]).numbers
    require(all(-len(x) <= n < len(x) for n in places), f"take some of {len(x)}, got {places}")
    return Cost(integers(tuple(x[n] for n in places)))


def shape(given: Given, values: Values) -> Cost:
    """Sizes of floats."""
    (x,) = alike(values)
    require(x.kind != INT64, "be given floats")
    sizes = x.dims[number(given, "start", 0) : number(given, "end", len(x.dims))]
    require(len(sizes) > 0, "give at least one size")
    return Cost(integers(sizes))


def rearranged(given: Given, values: Values) -> Cost:  # noqa: ARG001
    """The same integers, in a row or one by itself."""
    x = as_integers(values[0])
    if len(values) > 1:
        as_integers(values[1])
    return Cost(integers(x.numbers))


def reshape(given: Given, values: Values) -> Cost:
    """The same elements along other axes; one size may be left to find."""
    (x,), sizes = alike(values[:1]), list(as_integers(values[1]).numbers)
    if x.kind == INT64:
        return rearranged(given, values)
    for axis, size in enumerate(sizes[: len(x.dims)]):
        if size == 0 and not number(given, "allowzero", 0):
            sizes[axis] = x.dims[axis]
    if -1 in sizes:
        rest = -math.prod(sizes)
        sizes[sizes.index(-1)] = x.size // rest if rest > 0 else 0
    is_whole = all(size > 0 for size in sizes) and math.prod(sizes) == x.size
    require(is_whole and len(sizes) <= MAX_RANK, f"keep the elements of {x.dims}, got {sizes}")
    return Cost(Value(x.kind, tuple(sizes)))


def transpose(given: Given, values: Values) -> Cost:
    """The same axes in another order."""
    (x,) = alike(values)
    order = numbers(given, "perm", tuple(range(len(x.dims)))[::-1])
    is_order = sorted(order) == list(range(len(x.dims)))
    require(x.kind != INT64 and is_order, f"order {len(x.dims)} axes, got {order}")
    return Cost(Value(x.kind, tuple(x.dims[axis] for axis in order)))


def expand(given: Given, values: Values) -> Cost:  # noqa: ARG001
    """Floats repeated to given sizes."""
    (x,) = alike(values[:1])
    require(x.kind != INT64, "be given floats")
    return Cost(Value(x.kind, broadcast(x.dims, _sizes(values[1]))))


def constant_of_shape(given: Given, values: Values) -> Cost:
    """One float repeated to given sizes."""
    value = given.get("value")
    kind = value.kind if isinstance(value, Tensor) else FLOAT32
    require(kind != INT64, "make floats")
    return Cost(Value(kind, _sizes(values[0])))


def _sizes(value: Value | None) -> tuple[int, ...]:
    sizes = as_integers(value).numbers
    require(0 < len(sizes) <= 4 and min(sizes) > 0, f"make 1 to 4 axes, got {sizes}")
    return sizes
