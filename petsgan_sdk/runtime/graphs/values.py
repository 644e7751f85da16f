"""What is known of the tensors of a graph once the sizes of its inputs are: type, sizes, integers.

Integers are followed exactly, since the sizes of maps are computed with them. Standard library
only.
"""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass

from petsgan_sdk.runtime.graphs.model import INT64, Tensor

__all__ = ["Cost", "RefusedError", "Value", "broadcast", "held_value", "integers", "require"]

_MAX_INTEGERS = 16
"""Integers are sizes and places along axes, so a tensor of them is short. So many are 128 bytes,
which a model keeps."""

_MAX_INTEGER = (1 << 63) - 1


class RefusedError(ValueError):
    """An operator is not used as a bundle may; the message goes on after its name."""


@dataclass(frozen=True, slots=True)
class Value:
    """A tensor of the graph."""

    kind: int
    """Element type."""
    dims: tuple[int, ...]
    """Its sizes; of integers their number, also of one that has no axis."""
    numbers: tuple[int, ...] = ()
    """The values of integers."""
    held: Tensor | None = None
    """The constant that it is."""

    @property
    def size(self) -> int:
        """Elements."""
        return math.prod(self.dims)

    @property
    def is_map(self) -> bool:
        """Whether it is `[N, C, H, W]` of floats."""
        return self.kind != INT64 and len(self.dims) == 4


@dataclass(frozen=True, slots=True)
class Cost:
    """What one operator takes."""

    made: Value
    """What it makes."""
    scratch: int = 0
    """Elements that it holds beside that."""
    products: int = 0
    """Multiplications."""


def require(condition: bool, expected: str) -> None:
    """Refuse the operator at hand unless a condition holds.

    Raises:
        RefusedError: It does not.
    """
    if not condition:
        msg = f"must {expected}"
        raise RefusedError(msg)


def held_value(tensor: Tensor) -> Value:
    """A constant as a value.

    Raises:
        RefusedError: It is a long list of integers.
    """
    if tensor.kind != INT64:
        return Value(tensor.kind, tensor.dims, held=tensor)
    count = math.prod(tensor.dims)
    _require_few(count)
    return Value(INT64, (count,), struct.unpack(f"<{count}q", tensor.raw), tensor)


def integers(numbers: tuple[int, ...]) -> Value:
    """Integers that a run makes.

    Raises:
        RefusedError: They are many, or one of them is long.
    """
    _require_few(len(numbers))
    require(all(abs(n) <= _MAX_INTEGER for n in numbers), "make integers of 64 bits")
    return Value(INT64, (len(numbers),), numbers)


def _require_few(count: int) -> None:
    require(count <= _MAX_INTEGERS, f"have at most {_MAX_INTEGERS} integers, got {count}")


def broadcast(*shapes: tuple[int, ...]) -> tuple[int, ...]:
    """What operands of these shapes make together, aligned at their last axes.

    Raises:
        RefusedError: They do not fit.
    """
    first = shapes[0]
    if all(shape == first for shape in shapes):
        return first
    rank = max(len(shape) for shape in shapes)
    padded = [(1,) * (rank - len(shape)) + shape for shape in shapes]
    made = tuple(max(sides) for sides in zip(*padded, strict=True))
    for shape in padded:
        if any(side not in (1, most) for side, most in zip(shape, made, strict=True)):
            msg = f"must be given tensors that fit together, got {' and '.join(map(str, shapes))}"
            raise RefusedError(msg)
    return made
