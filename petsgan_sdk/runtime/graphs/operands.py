"""What the rules of operators ask of attributes and inputs. Standard library only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeAlias

from petsgan_sdk.runtime.graphs.model import INT64, AttributeValue, Tensor
from petsgan_sdk.runtime.graphs.values import Value, require

__all__ = ["Given", "Values", "alike", "as_held", "as_integers", "as_map", "number", "numbers"]

Given: TypeAlias = Mapping[str, AttributeValue]
"""Attributes by name."""

Values: TypeAlias = Sequence[Value | None]
"""Inputs in order, None where one is left out."""


def number(given: Given, name: str, default: int) -> int:
    """An integer attribute."""
    value = given.get(name, default)
    assert isinstance(value, int)
    return value


def numbers(given: Given, name: str, default: tuple[int, ...]) -> tuple[int, ...]:
    """An attribute of several integers."""
    value = given.get(name, default)
    assert isinstance(value, tuple)
    return value


def as_map(value: Value | None) -> Value:
    """An operand that is a map."""
    require(value is not None and value.is_map, "be given a map [N, C, H, W]")
    assert value is not None
    return value


def as_integers(value: Value | None) -> Value:
    """An operand of integers."""
    require(value is not None and value.kind == INT64, "be given integers")
    assert value is not None
    return value


def as_held(value: Value | None, what: str) -> Tensor:
    """The constant that an operand is."""
    require(value is not None and value.held is not None, f"have {what} that are constants")
    assert value is not None
    assert value.held is not None
    return value.held


def alike(values: Values) -> list[Value]:
    """Operands that are all there and of one type."""
    found = [value for value in values if value is not None]
    kinds = {value.kind for value in found}
    require(len(found) == len(values) and len(kinds) == 1, "be given tensors of one type")
    return found
