"""The operators that a bundle may hold, and what their attributes may say.

They are the ones that exports write, with a few of the same kind. None has a graph inside, what one
makes is known from the sizes of its inputs, and what a runtime divides or allocates by (groups,
block sizes, amounts of padding) is a constant within limits. Standard library only.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from petsgan_sdk.runtime.graphs import rules, shaping
from petsgan_sdk.runtime.graphs.model import FLOAT16, FLOAT32, INT64, AttributeValue, Tensor
from petsgan_sdk.runtime.graphs.operands import Given, Values
from petsgan_sdk.runtime.graphs.rules import MAX_PAD, MAX_SCALE
from petsgan_sdk.runtime.graphs.values import Cost

__all__ = ["OPERATORS", "Operator"]

_MAX_GROUPS, _MAX_KERNEL, _MAX_INTEGER = 4096, 1 << 20, (1 << 63) - 1

Check: TypeAlias = Callable[[AttributeValue], bool]
Rule: TypeAlias = Callable[[Given, Values], Cost]


@dataclass(frozen=True, slots=True)
class Operator:
    """How an operator may be used."""

    rule: Rule
    """What it makes of inputs, which are None where they are left out."""
    inputs: tuple[int, int]
    """Least and most inputs."""
    attributes: Mapping[str, Check] = field(default_factory=dict)
    """What an attribute may say; others are refused."""


def _whole(low: int, high: int) -> Check:
    return lambda value: isinstance(value, int) and low <= value <= high


def _wholes(low: int, high: int, count: int) -> Check:
    def check(value: AttributeValue) -> bool:
        return (
            isinstance(value, tuple)
            and len(value) == count
            and all(low <= item <= high for item in value)
        )

    return check


def _word(*words: bytes) -> Check:
    return lambda value: isinstance(value, bytes) and value in words


def _real(value: AttributeValue) -> bool:
    return isinstance(value, float) and math.isfinite(value)


def _tensor(value: AttributeValue) -> bool:
    return isinstance(value, Tensor)


def _any_row(value: AttributeValue) -> bool:
    return isinstance(value, tuple)


def _element_type(value: AttributeValue) -> bool:
    return isinstance(value, int) and value in (FLOAT32, FLOAT16, INT64)


def _arithmetic(name: str) -> Rule:
    return lambda _, values: shaping.arithmetic(name, values)


_ANY_AXIS, _ANY_PLACE = _whole(-4, 3), _whole(-_MAX_INTEGER, _MAX_INTEGER)
_PADS, _STRIDES = _wholes(0, MAX_PAD, 4), _wholes(1, MAX_SCALE, 2)
_NO_AUTO_PAD = {"auto_pad": _word(b"NOTSET")}

_UNARY = {
    **dict.fromkeys(
        ("Abs", "Cos", "Erf", "Exp", "Log", "Neg", "Reciprocal", "Relu", "Sigmoid", "Sin", "Sqrt"),
        Operator(rules.pointwise, (1, 1)),
    ),
    **dict.fromkeys(("Softplus", "Tanh"), Operator(rules.pointwise, (1, 1))),
    **dict.fromkeys(("Elu", "LeakyRelu"), Operator(rules.pointwise, (1, 1), {"alpha": _real})),
}
_BINARY = {
    **{name: Operator(_arithmetic(name), (2, 2)) for name in ("Add", "Div", "Mul", "Sub")},
    "Pow": Operator(rules.pointwise, (2, 2)),
    **dict.fromkeys(("Max", "Min"), Operator(rules.pointwise, (1, 2))),
    "Clip": Operator(rules.clip, (1, 3)),
}
_SIZES = {
    "Reshape": Operator(shaping.reshape, (2, 2), {"allowzero": _whole(0, 1)}),
    "Squeeze": Operator(shaping.rearranged, (1, 2)),
    "Unsqueeze": Operator(shaping.rearranged, (2, 2)),
    "Shape": Operator(shaping.shape, (1, 1), {"start": _ANY_PLACE, "end": _ANY_PLACE}),
}

OPERATORS: Mapping[str, Operator] = {
    **_UNARY,
    **_BINARY,
    **_SIZES,
    "AveragePool": Operator(
        rules.average_pool,
        (1, 1),
        {
            **_NO_AUTO_PAD,
            "kernel_shape": _wholes(1, MAX_SCALE, 2),
            "strides": _STRIDES,
            "pads": _PADS,
            "ceil_mode": _whole(0, 0),
            "count_include_pad": _whole(0, 1),
        },
    ),
    "BatchNormalization": Operator(
        rules.batch_norm,
        (5, 5),
        {"epsilon": _real, "momentum": _real, "training_mode": _whole(0, 0)},
    ),
    "Cast": Operator(shaping.cast, (1, 1), {"to": _element_type}),
    "Concat": Operator(shaping.concat, (1, 64), {"axis": _ANY_AXIS}),
    "Constant": Operator(
        shaping.constant,
        (0, 0),
        {
            "value": _tensor,
            "value_float": _real,
            "value_int": _ANY_PLACE,
            "value_ints": _any_row,
        },
    ),
    "ConstantOfShape": Operator(shaping.constant_of_shape, (1, 1), {"value": _tensor}),
    "Conv": Operator(
        rules.conv,
        (2, 3),
        {
            **_NO_AUTO_PAD,
            "dilations": _wholes(1, MAX_PAD, 2),
            "group": _whole(1, _MAX_GROUPS),
            "kernel_shape": _wholes(1, _MAX_KERNEL, 2),
            "pads": _PADS,
            "strides": _STRIDES,
        },
    ),
    "ConvTranspose": Operator(
        rules.conv_transpose,
        (2, 3),
        {
            **_NO_AUTO_PAD,
            "dilations": _wholes(1, 1, 2),
            "group": _whole(1, _MAX_GROUPS),
            "kernel_shape": _wholes(1, MAX_PAD, 2),
            "output_padding": _wholes(0, 0, 2),
            "pads": _PADS,
            "strides": _STRIDES,
        },
    ),
    "DepthToSpace": Operator(
        rules.depth_to_space,
        (1, 1),
        {"blocksize": _whole(1, MAX_SCALE), "mode": _word(b"DCR", b"CRD")},
    ),
    "Expand": Operator(shaping.expand, (2, 2)),
    "Gather": Operator(shaping.gather, (2, 2), {"axis": _whole(0, 0)}),
    "Identity": Operator(shaping.identity, (1, 1)),
    "Pad": Operator(rules.pad, (2, 4), {"mode": _word(b"constant", b"edge", b"reflect")}),
    "Resize": Operator(
        rules.resize,
        (3, 4),
        {
            "antialias": _whole(0, 0),
            "coordinate_transformation_mode": _word(b"half_pixel", b"asymmetric"),
            "cubic_coeff_a": _real,
            "exclude_outside": _whole(0, 0),
            "extrapolation_value": _real,
            "keep_aspect_ratio_policy": _word(b"stretch"),
            "mode": _word(b"linear", b"nearest"),
            "nearest_mode": _word(b"floor", b"round_prefer_floor"),
        },
    ),
    "Slice": Operator(shaping.part, (3, 5)),
    "Softmax": Operator(rules.softmax, (1, 1), {"axis": _ANY_AXIS}),
    "SpaceToDepth": Operator(rules.space_to_depth, (1, 1), {"blocksize": _whole(1, MAX_SCALE)}),
    "Transpose": Operator(shaping.transpose, (1, 1), {"perm": _any_row}),
}
"""By type."""
