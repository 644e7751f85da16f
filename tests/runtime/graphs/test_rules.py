"""Uses of operators, each wrong in one way, and those that exports write."""

from __future__ import annotations

import numpy as np
import pytest
from support.graph_bytes import (
    chain,
    check,
    floats,
    integer,
    integers,
    node,
    row,
    tensor,
    value,
    word,
)

from petsgan_sdk.diagnosis.doctor import probe_model
from petsgan_sdk.errors import BundleError


def conv(*attributes: bytes, weights: tuple[int, ...] = (3, 3, 3, 3), bias: int = 3) -> bytes:
    one = node("Conv", ["x", "w", "b"], "y", *attributes)
    return chain(one, weights=[floats("w", *weights), floats("b", bias)])


def pad(*amounts: int, mode: str = "constant") -> bytes:
    one = node("Pad", ["x", "p"], "y", word("mode", mode))
    return chain(one, weights=[integers("p", *amounts)])


def resize(*scales: float) -> bytes:
    one = node("Resize", ["x", "", "s"], "y")
    return chain(one, weights=[tensor("s", np.array(scales, np.float32))])


def pool(kernel: int, *attributes: bytes) -> bytes:
    return chain(node("AveragePool", ["x"], "y", row("kernel_shape", kernel, kernel), *attributes))


def part(starts: int, ends: int, axes: int, steps: int) -> bytes:
    names = ("a", "b", "c", "d")
    weights = [integers(n, v) for n, v in zip(names, (starts, ends, axes, steps), strict=True)]
    return chain(node("Slice", ["x", *names], "y"), weights=weights)


SHAPE = node("Shape", ["x"], "s")
USES = {
    "no groups": conv(integer("group", 0)),
    "negative groups": conv(integer("group", -1)),
    "groups that do not divide": conv(integer("group", 2)),
    "no stride": conv(row("strides", 0, 1)),
    "a negative stride": conv(row("strides", -1, 1)),
    "one stride": conv(row("strides", 1)),
    "many strides": conv(row("strides", *[1] * 17)),
    "no dilation": conv(row("dilations", 0, 0)),
    "a huge dilation": conv(row("dilations", 2**40, 1)),
    "a window larger than the map": conv(row("dilations", 20, 1)),
    "a huge padding": conv(row("pads", 0, 0, 2**40, 0)),
    "a negative padding": conv(row("pads", 0, 0, -1, 0)),
    "a padding of its own choice": conv(word("auto_pad", "SAME_UPPER")),
    "another kernel": conv(row("kernel_shape", 5, 5)),
    "other channels": conv(weights=(3, 4, 3, 3)),
    "a short bias": conv(bias=1),
    "weights of three axes": conv(weights=(3, 3, 3)),
    "weights that are computed": chain(node("Conv", ["x", "x"], "y")),
    "margins of channels": pad(0, 1, 0, 0, 0, 1, 0, 0),
    "a huge margin": pad(0, 0, 2**40, 0, 0, 0, 0, 0),
    "a negative margin": pad(0, 0, -3, 0, 0, 0, 0, 0),
    "few margins": pad(0, 0, 1, 1),
    "a mirror larger than the map": pad(0, 0, 8, 0, 0, 0, 0, 0, mode="reflect"),
    "a wrap": pad(0, 0, 1, 0, 0, 0, 0, 0, mode="wrap"),
    "margins that are computed": chain(SHAPE, node("Pad", ["x", "s"], "y")),
    "huge scales": resize(1, 1, 2**20, 2**20),
    "scales that are not numbers": resize(1, 1, float("nan"), 1),
    "scales without end": resize(1, 1, float("inf"), 1),
    "scales of nothing": resize(1, 1, 0, 1),
    "negative scales": resize(1, 1, -1, 1),
    "scales of channels": resize(1, 2, 1, 1),
    "few scales": resize(2, 2),
    "sizes of a resize": chain(
        node("Resize", ["x", "", "", "n"], "y"), weights=[integers("n", 1, 3, 2**20, 2**20)]
    ),
    "a pool larger than the map": pool(9),
    "a pool of nothing": pool(0),
    "a pool that is padded by itself": pool(2, row("pads", 2, 2, 2, 2)),
    "a pool without steps": pool(2, row("strides", 0, 0)),
    "a pool that rounds up": pool(2, integer("ceil_mode", 1)),
    "blocks of nothing": chain(node("DepthToSpace", ["x"], "y", integer("blocksize", 0))),
    "blocks of too few channels": chain(node("DepthToSpace", ["x"], "y", integer("blocksize", 2))),
    "blocks of negative sides": chain(node("SpaceToDepth", ["x"], "y", integer("blocksize", -2))),
    "a part of nothing": part(5, 5, 2, 1),
    "a part in steps of 0": part(0, 8, 2, 0),
    "a part backwards": part(7, 0, 2, -1),
    "a part of no axis": part(0, 1, 4, 1),
    "another axis": chain(node("Concat", ["x", "x"], "y", integer("axis", 2))),
    "no axis": chain(node("Concat", ["x", "x"], "y")),
    "a huge repetition": chain(
        node("Expand", ["x", "n"], "y"), weights=[integers("n", 2**30, 3, 8, 8)]
    ),
    "a huge constant": chain(
        node("ConstantOfShape", ["n"], "y"), weights=[integers("n", 1, 1, 2**20, 2**20)]
    ),
    "a constant beyond all numbers": chain(
        node("ConstantOfShape", ["n"], "y"), weights=[integers("n", *[2**62] * 4)]
    ),
    "a negative constant": chain(
        node("ConstantOfShape", ["n"], "y"), weights=[integers("n", 1, 3, -1, -1)]
    ),
    "a repetition of a computed size": chain(
        SHAPE,
        node("Mul", ["s", "k"], "n"),
        node("Expand", ["w", "n"], "y"),
        weights=[integers("k", 1, 1, 2**15, 2**15), floats("w", 1)],
    ),
    "sizes that overflow": chain(
        SHAPE,
        *[node("Mul", [f"s{n}" if n else "s"] * 2, f"s{n + 1}") for n in range(8)],
        node("Expand", ["x", "s8"], "y"),
    ),
    "a division of sizes by zero": chain(
        SHAPE,
        node("Sub", ["s", "s"], "zero"),
        node("Div", ["s", "zero"], "n"),
        node("Expand", ["x", "n"], "y"),
    ),
    "a division of constants by zero": chain(
        node("Div", ["a", "a"], "n"),
        node("Expand", ["x", "n"], "y"),
        weights=[integers("a", 0)],
    ),
    "other elements": chain(node("Reshape", ["x", "n"], "y"), weights=[integers("n", 1, 3, 8, 9)]),
    "axes of nothing": chain(node("Reshape", ["x", "n"], "y"), weights=[integers("n", 0, 0, -1)]),
    "two sizes to find": chain(node("Reshape", ["x", "n"], "y"), weights=[integers("n", -1, -1)]),
    "seven axes of a map": chain(
        node("Reshape", ["x", "n"], "y"), weights=[integers("n", 1, 1, 1, 1, 3, 8, 8)]
    ),
    "an order of too few axes": chain(node("Transpose", ["x"], "y", row("perm", 0, 1, 2))),
    "an order that repeats": chain(node("Transpose", ["x"], "y", row("perm", 0, 1, 2, 2))),
    "rows and columns that multiply": chain(
        node("Add", ["a", "b"], "c"),
        node("Mul", ["x", "c"], "y"),
        weights=[floats("a", 1 << 14, 1), floats("b", 1, 1 << 14)],
    ),
    "maps of other sizes": chain(node("Add", ["x", "w"], "y"), weights=[floats("w", 1, 3, 8, 7)]),
    "other types": chain(
        node("Add", ["x", "w"], "y"), weights=[tensor("w", np.zeros(1, np.float16))]
    ),
    "integers as a map": chain(SHAPE, node("Cast", ["s"], "y", integer("to", 1))),
    "another type of a cast": chain(node("Cast", ["x"], "y", integer("to", 8))),
    "statistics of other channels": chain(
        node("BatchNormalization", ["x", *"abcd"], "y"),
        weights=[floats(name, 4) for name in "abcd"],
    ),
    "a long list of sizes": chain(
        SHAPE,
        node("Concat", ["s"] * 5, "n", integer("axis", 0)),
        node("Expand", ["x", "n"], "y"),
    ),
}


@pytest.mark.parametrize("data", USES.values(), ids=USES)
def test_uses_of_operators_that_are_refused(data: bytes) -> None:
    with pytest.raises(BundleError, match=r"graphs/x\.onnx"):
        check(data)


ACCEPTED = {
    "a pixel unshuffle of torch": (
        chain(
            SHAPE,
            node("Gather", ["s", "two"], "h"),
            node("Div", ["h", "two"], "half"),
            node(
                "Concat", ["one", "three", "half", "two", "half", "two"], "six", integer("axis", 0)
            ),
            node("Reshape", ["x", "six"], "a"),
            node("Transpose", ["a"], "b", row("perm", 0, 1, 3, 5, 2, 4)),
            node("Reshape", ["b", "four"], "y"),
            weights=[
                integers("one", -1),
                integers("two", 2),
                integers("three", 3),
                integers("four", 0, 12, -1, 4),
            ],
            y=value("y", "N", 12, "h", "w"),
        ),
        (1, 3, 8, 8),
    ),
    "the probe": (probe_model(), (1, 1, 34, 34)),
    "a convolution": (conv(row("pads", 1, 1, 1, 1)), (2, 3, 8, 8)),
    "a mirror": (pad(0, 0, 7, 2, 0, 0, 7, 2, mode="reflect"), (1, 3, 8, 8)),
    "scales": (resize(1, 1, 2, 3), (1, 3, 8, 8)),
    "a pool": (pool(8), (1, 3, 8, 8)),
    "a part": (part(-3, 2**63 - 1, -1, 1), (1, 3, 8, 8)),
    "sizes": (
        chain(
            SHAPE,
            node("Gather", ["s", "two"], "h"),
            node("Slice", ["s", "zero", "two"], "n"),
            node("Concat", ["n", "h", "one"], "all", integer("axis", 0)),
            node("Expand", ["w", "all"], "e"),
            node("Mul", ["x", "e"], "y"),
            weights=[
                *(integers(n, v) for n, v in (("zero", 0), ("one", 1), ("two", 2))),
                floats("w", 1),
            ],
        ),
        (1, 3, 8, 8),
    ),
}


@pytest.mark.parametrize(("data", "shape"), ACCEPTED.values(), ids=ACCEPTED)
def test_what_exports_write_is_accepted(data: bytes, shape: tuple[int, ...]) -> None:
    check(data, shape)
