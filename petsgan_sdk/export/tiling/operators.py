"""What ONNX operators do to pixels: how they scale a map, and which pixels one of theirs needs.

Numbers of one low-resolution pixel are exact: rounding at each operator, as the operators do.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from fractions import Fraction
from typing import Any, NoReturn

__all__ = ["Constants", "Range", "RefusedError", "attributes", "reads", "refuse", "scaling"]

Constants = Mapping[str, Any]
"""Arrays by tensor name."""

Range = tuple[int, int]
"""First and last index along one axis."""

_POINTWISE = frozenset(
    (
        *("Abs", "Add", "BatchNormalization", "Cast", "Ceil", "Clip", "Cos", "Div", "Dropout"),
        *("Elu", "Erf", "Exp", "Expand", "Floor", "Gelu", "HardSigmoid", "HardSwish", "Identity"),
        *("LeakyRelu", "Log", "Max", "Min", "Mish", "Mul", "Neg", "Pow", "PRelu", "Reciprocal"),
        *("Relu", "Round", "Sigmoid", "Sign", "Sin", "Softplus", "Sqrt", "Sub", "Sum", "Tanh"),
        *("ThresholdedRelu", "Where"),
    )
)
"""Operators that make a pixel from the same pixel of their inputs. Expand can only repeat the batch
or channels of a map, which has its size already."""


class RefusedError(Exception):
    """A node cannot be tiled; the message goes on after the operator's name."""


def refuse(reason: str) -> NoReturn:
    """Say why the node at hand cannot be tiled."""
    raise RefusedError(reason)


def scaling(constants: Constants, node: Any) -> Fraction:
    """Pixels of the output for one of the input, for nodes that are understood."""
    given, kind = attributes(node), node.op_type
    if kind in ("Conv", "AveragePool", "MaxPool", "LpPool"):
        _check_window(given)
        strides = given.get("strides", [1, 1])
        return Fraction(1, _both(strides, "strides"))
    if kind == "ConvTranspose":
        _check_window(given)
        return Fraction(_both(given.get("strides", [1, 1]), "strides"))
    if kind == "Resize":
        return _resize_scale(constants, node)
    if kind == "DepthToSpace":
        return Fraction(given["blocksize"])
    if kind == "SpaceToDepth":
        return Fraction(1, given["blocksize"])
    if kind == "Concat" and given["axis"] not in (1, -3):
        refuse(f"joins along axis {given['axis']}")
    if kind == "Softmax" and given.get("axis", -1) not in (1, -3):
        refuse("sums over the canvas")
    if kind in _POINTWISE:
        _check_constants(constants, node)
    elif kind not in ("Concat", "Pad", "Slice", "Softmax"):
        refuse("is not known to look at nearby pixels only")
    return Fraction(1)


def reads(constants: Constants, node: Any, axis: int, span: Range) -> Range:
    """The indices of the input that the indices `span` of the output need, along one axis."""
    given, kind = attributes(node), node.op_type
    low, high = span
    if kind in ("Conv", "AveragePool", "MaxPool", "LpPool"):
        stride, before, width = _window(constants, node, axis)
        return low * stride - before, high * stride - before + width - 1
    if kind == "ConvTranspose":
        stride, before, width = _window(constants, node, axis)
        return -((width - 1 - before - low) // stride), (high + before) // stride
    if kind == "Resize":
        return _resize_reads(constants, node, span)
    if kind == "DepthToSpace":
        return low // given["blocksize"], high // given["blocksize"]
    if kind == "SpaceToDepth":
        size = given["blocksize"]
        return low * size, high * size + size - 1
    if kind == "Pad":
        before = _pad_before(constants, node, axis)
        return low - before, high - before
    if kind == "Slice":
        start = _slice_start(constants, node, axis)
        return low + start, high + start
    return span


def _window(constants: Constants, node: Any, axis: int) -> tuple[int, int, int]:
    """`(stride, padding before, extent)` of a convolution or pool along one axis."""
    given, at = attributes(node), axis - 2
    if "kernel_shape" in given:
        kernel = given["kernel_shape"]
    else:
        kernel = _constant(constants, node, 1, "weights").shape[2:]
    dilation = given.get("dilations", [1, 1])[at]
    stride = given.get("strides", [1, 1])[at]
    return stride, given.get("pads", [0] * 4)[at], dilation * (kernel[at] - 1) + 1


def _check_window(given: Mapping[str, Any]) -> None:
    if given.get("auto_pad", b"NOTSET") not in (b"NOTSET", b"VALID"):
        refuse(f"pads by {given['auto_pad'].decode()}, which depends on the size")
    if given.get("ceil_mode", 0):
        refuse("rounds its size up (ceil_mode)")
    if "output_shape" in given:
        refuse("has a fixed output_shape")


def _resize_scale(constants: Constants, node: Any) -> Fraction:
    given = attributes(node)
    scales = _constant(constants, node, 2, "scales")
    if scales is None:
        refuse("is given sizes; scales are needed")
    mode = given.get("coordinate_transformation_mode", b"half_pixel")
    if mode not in (b"half_pixel", b"pytorch_half_pixel", b"asymmetric"):
        refuse(f"has coordinates ({mode.decode()}) that depend on the size")
    if given.get("antialias", 0):
        refuse("filters against aliasing, which is not understood")
    full = dict(zip(given.get("axes", range(4)), scales.tolist(), strict=True))
    if any(full.get(axis, 1.0) != 1.0 for axis in (0, 1)):
        refuse("changes the channels")
    return Fraction(_both([full.get(2, 1.0), full.get(3, 1.0)], "scales")).limit_denominator(4096)


def _resize_reads(constants: Constants, node: Any, span: Range) -> Range:
    given, scale = attributes(node), _resize_scale(constants, node)
    is_centred = given.get("coordinate_transformation_mode", b"half_pixel") != b"asymmetric"
    offset = (1 / scale - 1) / 2 if is_centred else Fraction(0)
    first, last = (index / scale + offset for index in span)
    beyond = 1 if given.get("mode", b"nearest") == b"cubic" else 0
    return math.floor(first) - beyond, math.ceil(last) + beyond


def _pad_before(constants: Constants, node: Any, axis: int) -> int:
    if attributes(node).get("mode", b"constant") == b"wrap":
        refuse("wraps around the canvas")
    amounts = _constant(constants, node, 1, "pads")
    axes = _constant(constants, node, 3, "axes")
    order = list(range(4)) if axes is None else [int(a) % 4 for a in axes]
    return int(amounts[order.index(axis)]) if axis in order else 0


def _slice_start(constants: Constants, node: Any, axis: int) -> int:
    starts, axes = _constant(constants, node, 1, "starts"), _constant(constants, node, 3, "axes")
    steps = _constant(constants, node, 4, "steps")
    order = list(range(len(starts))) if axes is None else [int(a) % 4 for a in axes]
    if axis not in order:
        return 0
    at = order.index(axis)
    if steps is not None and steps[at] != 1:
        refuse("skips pixels")
    if starts[at] < 0:
        refuse("counts from the far end of the canvas")
    return int(starts[at])


def _check_constants(constants: Constants, node: Any) -> None:
    for name in node.input:
        shape = constants[name].shape if name in constants else ()
        is_per_channel = node.op_type == "BatchNormalization"
        if not is_per_channel and any(size != 1 for size in shape[-2:]):
            refuse(f"has a constant of shape {shape} that differs from pixel to pixel")


def _both(values: Any, what: str) -> Any:
    if values[0] != values[1]:
        refuse(f"has different {what} for rows and columns")
    return values[0]


def _constant(constants: Constants, node: Any, position: int, what: str) -> Any:
    """The constant value of an input, None where it is left out."""
    if len(node.input) <= position or not node.input[position]:
        return None
    if node.input[position] not in constants:
        refuse(f"has {what} that are no constants")
    return constants[node.input[position]]


def attributes(node: Any) -> dict[str, Any]:
    """Attributes of a node by name."""
    import onnx  # noqa: PLC0415 - optional

    return {item.name: onnx.helper.get_attribute_value(item) for item in node.attribute}
