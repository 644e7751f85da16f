"""Convolutions that make a block of pixels at a time, told apart by their weights.

`models.exsingan.blocks` computes a convolution of stride 1 as one of stride b and a DepthToSpace.
In general what such a pair makes of a pixel depends on the pixel's place in its block. Where all
filters of a block are the same one, moved, it does not, and the pair is the convolution of stride 1
that its first filter describes.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from petsgan_sdk._arrays import Array
from petsgan_sdk.export.tiling.operators import attributes

__all__ = ["with_plain_convolutions"]

_POINTWISE = frozenset(("Identity", "LeakyRelu", "Relu", "Sigmoid", "Tanh"))
"""What may lie between the two: operators that treat all channels alike."""


def with_plain_convolutions(model: Any) -> Any:
    """Copy an ONNX model with each such pair as the one convolution that it is.

    Pairs of any other kind are left as they are.
    """
    from onnx import numpy_helper  # noqa: PLC0415 - optional

    made = type(model)()
    made.CopyFrom(model)
    graph = made.graph
    held = {item.name: item for item in graph.initializer}
    for shuffle in graph.node:
        if shuffle.op_type != "DepthToSpace" or attributes(shuffle).get("mode") != b"CRD":
            continue
        conv, side = _convolution_before(graph, shuffle), attributes(shuffle)["blocksize"]
        if conv is None or not all(name in held for name in conv.input[1:]):
            continue
        weight, *bias = (numpy_helper.to_array(held[name]) for name in conv.input[1:])
        if _moves_by(attributes(conv), side) and _is_one_filter(weight, bias, side):
            first = (weight[:: side**2, :, : 1 - side, : 1 - side], *(b[:: side**2] for b in bias))
            for name, array in zip(conv.input[1:], first, strict=True):
                plain = numpy_helper.from_array(np.ascontiguousarray(array), f"{name} of a pixel")
                graph.initializer.append(plain)
            conv.input[1:] = [f"{name} of a pixel" for name in conv.input[1:]]
            del conv.attribute[:]
            shuffle.op_type = "Identity"
            del shuffle.attribute[:]
    return made


def _convolution_before(graph: Any, shuffle: Any) -> Any:
    """The convolution that a DepthToSpace alone reads, through pointwise nodes; None without."""
    name = shuffle.input[0]
    while sum(name in node.input for node in graph.node) == 1:
        node = next((node for node in graph.node if name in node.output), None)
        if node is None or node.op_type not in (*_POINTWISE, "Conv"):
            return None
        if node.op_type == "Conv":
            return node
        name = node.input[0]
    return None


def _moves_by(given: dict[str, Any], side: int) -> bool:
    """Whether a convolution has this stride, and nothing that its plain form would not have."""
    return (
        side > 1
        and list(given.get("strides", [])) == [side, side]
        and not any(given.get("pads", []))
        and given.get("auto_pad", b"NOTSET") in (b"NOTSET", b"VALID")
        and given.get("group", 1) == 1
        and all(step == 1 for step in given.get("dilations", []))
    )


def _is_one_filter(weight: Array, bias: list[Array], side: int) -> bool:
    """Whether the filters of each block are the first one, moved to the place of their pixel."""
    if len(weight) % side**2 or min(weight.shape[2:]) < side:
        return False
    blocks = weight.reshape(-1, side, side, *weight.shape[1:])
    first = blocks[:, 0, 0, :, : 1 - side, : 1 - side]
    rows, columns = first.shape[2:]
    moved = np.zeros_like(blocks)
    for y in range(side):
        for x in range(side):
            moved[:, y, x, :, y : y + rows, x : x + columns] = first
    alike = [b.reshape(-1, side**2) for b in bias]
    return np.array_equal(blocks, moved) and all((b == b[:, :1]).all() for b in alike)
