"""Graphs that a bundle may not hold, each wrong in one way, and what may be in one."""

from __future__ import annotations

import random
import tracemalloc
from itertools import pairwise

import numpy as np
import pytest
from support.graph_bytes import (
    X,
    Y,
    chain,
    floats,
    graph,
    held,
    integer,
    integers,
    model,
    nested,
    node,
    real,
    row,
    tensor,
    value,
    word,
)

from petsgan_sdk.diagnosis.doctor import probe_model
from petsgan_sdk.errors import BundleError
from petsgan_sdk.runtime.graphs.check import check_graph, check_run, read_graph
from petsgan_sdk.runtime.graphs.model import MAX_NODES
from petsgan_sdk.runtime.graphs.wire import bytes_field, varint_field

RELU = node("Relu", ["x"], "y")


def run(data: bytes, shape: tuple[int, ...] = (1, 3, 8, 8), *, factor: int = 1) -> None:
    found = check_graph(data, "graphs/x.onnx")
    check_run(found.model, {"x": shape}, "graphs/x.onnx", factor=factor)


def long_tag(number: int, wire: int, payload: bytes) -> bytes:
    """A field whose tag is 2^32 too large, which ONNX Runtime reads as if it were not."""
    tag, encoded = (number << 3 | wire) + (1 << 32), bytearray()
    while tag > 0x7F:
        encoded.append(tag & 0x7F | 0x80)
        tag >>= 7
    return bytes([*encoded, tag]) + payload


ELSEWHERE = bytes_field(1, "location") + bytes_field(2, "secret.bin")
PART = {
    "external data": bytes_field(13, ELSEWHERE),
    "location of data": varint_field(14, 1),
    "default location": varint_field(14, 0),
    "hidden external data": long_tag(13, 2, bytes([len(ELSEWHERE)]) + ELSEWHERE),
    "hidden location": long_tag(14, 0, b"\x01"),
    "typed data": bytes_field(4, b"\0\0\0\x3f"),
    "a string": bytes_field(6, "x"),
    "a segment": bytes_field(3, varint_field(1, 0)),
    "metadata": bytes_field(16, bytes_field(1, "k")),
    "its name again": bytes_field(8, "w"),
    "its type again": varint_field(2, 1),
    "its values again": bytes_field(9, b""),
}


@pytest.mark.parametrize("where", ["weight", "attribute"])
@pytest.mark.parametrize("more", PART.values(), ids=PART)
def test_tensors_hold_their_values_and_nothing_else(more: bytes, where: str) -> None:
    hidden = tensor("w", np.zeros(1, np.float32), more=more)
    if where == "weight":
        data = chain(node("Mul", ["x", "w"], "y"), weights=[hidden])
    else:
        constant = node("Constant", [], "w", held("value", hidden))
        data = chain(constant, node("Mul", ["x", "w"], "y"))
    with pytest.raises(BundleError, match=r"'graphs/x.onnx' must be an ONNX model"):
        run(data)


@pytest.mark.parametrize("more", [PART["external data"], PART["location of data"]])
def test_weights_in_other_files_are_named_as_such(more: bytes) -> None:
    weights = [tensor("w", np.zeros(1, np.float32), more=more)]
    with pytest.raises(BundleError, match="a tensor points at another file"):
        run(chain(RELU, weights=weights))


def raw_tensor(sizes: list[int], kind: int, raw: bytes) -> bytes:
    dims = b"".join(varint_field(1, size % 2**64) for size in sizes)
    return dims + varint_field(2, kind) + bytes_field(8, "w") + bytes_field(9, raw)


TENSORS = {
    "more sizes than bytes": raw_tensor([2], 1, b"\0" * 4),
    "fewer sizes than bytes": raw_tensor([1], 1, b"\0" * 8),
    "sizes that overflow": raw_tensor([2**32, 2**32], 1, b""),
    "sizes that overflow to their bytes": raw_tensor([2**62 + 1], 1, b"\0" * 4),
    "a negative size": raw_tensor([-1, -1], 1, b"\0" * 4),
    "no elements": raw_tensor([1, 0], 1, b""),
    "seven axes": raw_tensor([1] * 7, 1, b"\0" * 4),
    "strings": raw_tensor([1], 8, b"\0" * 8),
    "bools": raw_tensor([1], 9, b"\0"),
    "doubles": raw_tensor([1], 11, b"\0" * 8),
    "no type": raw_tensor([1], 0, b"\0" * 4),
    "a type of 2^32 more": raw_tensor([1], 2**32 + 1, b"\0" * 4),
    "many integers": raw_tensor([17], 7, b"\0" * 136),
}


@pytest.mark.parametrize("bad", TENSORS.values(), ids=TENSORS)
def test_sizes_types_and_bytes_of_a_tensor_agree(bad: bytes) -> None:
    with pytest.raises(BundleError, match=r"graphs/x\.onnx"):
        run(chain(RELU, weights=[bad]))


BODY = graph([node("Add", ["a", "a"], "b")], inputs=[], outputs=[])
PARTS = graph([RELU], inputs=[X], outputs=[Y])
MODELS = {
    "nothing": b"",
    "a picture": b"\x89PNG not an ONNX model",
    "no graph": varint_field(1, 8) + bytes_field(8, varint_field(2, 18)),
    "no operator set": varint_field(1, 8) + bytes_field(7, PARTS),
    "an older operator set": model(PARTS, opset=13),
    "a newer operator set": model(PARTS, opset=21),
    "operators of others": model(PARTS, domain="com.microsoft"),
    "two operator sets": model(PARTS, more=bytes_field(8, varint_field(2, 18))),
    "two graphs": model(PARTS, more=bytes_field(7, PARTS)),
    "a graph in two parts": model(PARTS, more=bytes_field(7, bytes_field(1, RELU))),
    "functions": model(PARTS, more=bytes_field(25, bytes_field(1, "f"))),
    "training": model(PARTS, more=bytes_field(20, bytes_field(1, BODY))),
    "metadata": model(PARTS, more=bytes_field(14, bytes_field(1, "k"))),
    "something unknown": model(PARTS, more=varint_field(99, 1)),
    "a group": model(PARTS, more=b"\x5b\x5c"),
    "trailing bytes": model(PARTS, more=b"\x08"),
    "sparse weights": model(
        graph([RELU], inputs=[X], outputs=[Y], more=bytes_field(15, bytes_field(1, b"")))
    ),
    "a nested graph": chain(node("If", ["x"], "y", nested("then_branch", BODY))),
    "a loop": chain(node("Loop", ["", "", "x"], "y", nested("body", BODY))),
    "a list of graphs": chain(
        node("Relu", ["x"], "y", bytes_field(1, "g") + bytes_field(11, BODY))
    ),
    "an operator of another domain": chain(RELU + bytes_field(7, "evil.domain")),
    "an overload": chain(RELU + bytes_field(8, "f")),
    "an unknown operator": chain(node("Tile", ["x", "x"], "y")),
    "no operator": chain(node("", ["x"], "y")),
    "a random operator": chain(node("RandomNormalLike", ["x"], "y")),
    "a sequence": chain(
        RELU, y=bytes_field(1, "y") + bytes_field(2, bytes_field(4, bytes_field(1, b"")))
    ),
    "an optional": chain(
        RELU, y=bytes_field(1, "y") + bytes_field(2, bytes_field(9, bytes_field(1, b"")))
    ),
    "no type": chain(RELU, y=bytes_field(1, "y")),
    "two types": chain(RELU, y=Y + bytes_field(2, b"")),
    "a type in two parts": chain(
        RELU, y=bytes_field(1, "y") + bytes_field(2, bytes_field(1, varint_field(1, 1)) * 2)
    ),
    "a size of two kinds": chain(
        RELU,
        y=bytes_field(1, "y")
        + bytes_field(
            2,
            bytes_field(
                1,
                varint_field(1, 1)
                + bytes_field(2, bytes_field(1, varint_field(1, 3) + bytes_field(2, "c"))),
            ),
        ),
    ),
    **{
        f"an output of type {kind}": chain(RELU, y=value("y", "N", 3, "h", "w", kind=kind))
        for kind in (0, 2, 3, 6, 7, 8, 9, 10, 11, 14, 15, 16, 17, 22)
    },
    "a name that is no text": chain(RELU, x=b"\x0a\x02\xff\xfe" + X[3:]),
    "a long name": chain(node("Relu", ["x"], "y" * 2000), y=value("y" * 2000, 1, 3, "h", "w")),
    "a cycle": chain(
        node("Add", ["x", "b"], "a"), node("Relu", ["a"], "b"), node("Relu", ["b"], "y")
    ),
    "an order that is none": chain(node("Relu", ["a"], "y"), node("Relu", ["x"], "a")),
    "a node that reads itself": chain(node("Relu", ["y"], "y")),
    "a name of two tensors": chain(RELU, node("Tanh", ["x"], "y")),
    "an input that a node makes": chain(node("Relu", ["x"], "x"), RELU),
    "an input with a default": chain(RELU, weights=[floats("x", 1, 3, 8, 8)]),
    "two weights of a name": chain(RELU, weights=[floats("w", 1), floats("w", 2)]),
    "a weight without a name": chain(RELU, weights=[floats("", 1)]),
    "a node without a result": chain(RELU, node("Relu", ["x"], "")),
    "a node of two results": chain(RELU + bytes_field(2, "z")),
    "an output that is an input": chain(RELU, y=X),
    "an output that is a weight": chain(RELU, weights=[floats("w", 1, 3, 8, 8)], y=value("w")),
    "an output that is none": chain(RELU, y=value("z", "N", 3, "h", "w")),
    "an output that is there twice": model(graph([RELU], inputs=[X], outputs=[Y, Y])),
    "an output of no axes": chain(
        node("Constant", [], "y", real("value_float", 1.0)), y=value("y")
    ),
    "an output of three axes": chain(
        node("Mul", ["w", "w"], "y"), weights=[floats("w", 3, 8, 8)], y=value("y", 3, 8, 8)
    ),
    "an attribute twice": chain(
        node("LeakyRelu", ["x"], "y", real("alpha", 0.2), real("alpha", 0.2))
    ),
    "an attribute of another type": chain(node("LeakyRelu", ["x"], "y", integer("alpha", 1))),
    "an attribute of two types": chain(
        node("LeakyRelu", ["x"], "y", real("alpha", 0.2) + varint_field(3, 1))
    ),
    "an attribute without a value": chain(
        node("LeakyRelu", ["x"], "y", bytes_field(1, "alpha") + varint_field(20, 1))
    ),
    "an attribute that is not a number": chain(
        node("LeakyRelu", ["x"], "y", real("alpha", float("nan")))
    ),
    "an unknown attribute": chain(node("Relu", ["x"], "y", integer("consumed_inputs", 1))),
    "an attribute by reference": chain(
        node("LeakyRelu", ["x"], "y", real("alpha", 0.2) + bytes_field(21, "a"))
    ),
    "too few inputs": chain(node("Add", ["x"], "y")),
    "an input that is left out": chain(node("Add", ["x", ""], "y")),
    "too many inputs": chain(node("Relu", ["x", "x"], "y")),
}


@pytest.mark.parametrize("data", MODELS.values(), ids=MODELS)
def test_models_that_a_bundle_may_not_hold(data: bytes) -> None:
    with pytest.raises(BundleError, match=r"'graphs/x.onnx' must be an ONNX model|failed on"):
        run(data)


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
        run(data)


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
    run(data, shape)


def test_what_the_file_says_of_a_tensor_must_be_true() -> None:
    # ONNX Runtime would take the sizes from here when it opens the graph.
    shape = [node("Shape", ["t"], "s"), node("ConstantOfShape", ["s"], "y")]
    nodes = [node("Relu", ["x"], "t"), *shape]
    for said, is_true in (("h", True), (8, True), (1 << 20, False)):
        more = bytes_field(13, value("t", "N", 3, said, "w"))
        data = model(graph(nodes, inputs=[X], outputs=[Y], more=more))
        if is_true:
            run(data)
            continue
        with pytest.raises(BundleError, match=r"value 't' must have the sizes"):
            run(data)


def test_a_run_is_in_proportion_to_the_pixels() -> None:
    chained = [resize_node(n) for n in range(3)]
    scales = tensor("s", np.array([1, 1, 16, 16], np.float32))
    data = model(graph(chained, [scales], inputs=[X], outputs=[value("t3", "N", 3, "h", "w")]))
    run(data, (1, 3, 1, 1), factor=128)
    with pytest.raises(BundleError, match="for 2 pixels it must make at most"):
        run(data, (1, 3, 1, 1), factor=1)


def resize_node(number: int) -> bytes:
    return node("Resize", [f"t{number}" if number else "x", "", "s"], f"t{number + 1}")


def test_work_is_in_proportion_to_the_pixels() -> None:
    """Convolutions that share their weights: a small file, and much to compute."""
    names = ["x", *(f"t{n}" for n in range(64)), "y"]
    nodes = [node("Conv", [a, "w"], b, row("pads", 1, 1, 1, 1)) for a, b in pairwise(names)]
    x, y = (value(name, "N", 256, "h", "w") for name in "xy")
    data = chain(*nodes, weights=[floats("w", 256, 256, 3, 3)], x=x, y=y)
    with pytest.raises(BundleError, match="multiplications"):
        run(data, (1, 256, 128, 128))


@pytest.mark.parametrize("what", [b"\x0a\x00", bytes_field(1, RELU), bytes_field(5, b"")])
def test_cost_is_bounded_by_what_may_be_there_and_not_by_the_file(what: bytes) -> None:
    data = model(what * 1_000_000)
    tracemalloc.start()
    try:
        with pytest.raises(BundleError, match="at most 2048"):
            read_graph(data, "graphs/x.onnx")
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 4 << 20


def test_the_longest_chain_that_is_allowed() -> None:
    names = ["x", *(f"t{n}" for n in range(MAX_NODES - 1)), "y"]
    nodes = [node("Relu", [a], b) for a, b in pairwise(names)]
    run(chain(*nodes))
    with pytest.raises(BundleError, match="at most 2048 node"):
        run(chain(*nodes[:-1], node("Relu", [names[-2]], "z"), node("Relu", ["z"], "y")))


def test_changed_bytes_are_refused_or_read_as_the_onnx_package_reads_them() -> None:
    onnx = pytest.importorskip("onnx", reason="the onnx package is the other reader")
    weights = [floats("w", 3, 3, 1, 1), integers("p", 0, 0, 1, 1, 0, 0, 1, 1)]
    nodes = [
        node("Pad", ["x", "p"], "a", word("mode", "edge")),
        node("Conv", ["a", "w"], "b", row("strides", 1, 1), integer("group", 1)),
        node("LeakyRelu", ["b"], "y", real("alpha", 0.2)),
    ]
    original = chain(*nodes, weights=weights)
    draw = random.Random(0)
    read = 0
    for _ in range(4000):
        changed = bytearray(original)
        for _ in range(draw.choice((1, 1, 2))):
            at = draw.randrange(len(changed))
            match draw.randrange(3):
                case 0:
                    changed[at] = draw.randrange(256)
                case 1:
                    changed[at] ^= 1 << draw.randrange(8)
                case _:
                    changed[at : at + draw.randrange(3)] = bytes([draw.randrange(256)])
        try:
            ours = read_graph(bytes(changed), "graphs/x.onnx")
        except BundleError:
            continue
        read += 1
        theirs = onnx.load_from_string(bytes(changed)).graph
        assert [(n.operator, n.inputs, (n.output,)) for n in ours.nodes] == [
            (n.op_type, tuple(n.input), tuple(n.output) or ("",)) for n in theirs.node
        ]
        said = [
            {a.name: onnx.helper.get_attribute_value(a) for a in n.attribute} for n in theirs.node
        ]
        found = [
            {k: list(v) if isinstance(v, tuple) else v for k, v in n.attributes.items()}
            for n in ours.nodes
        ]
        assert found == said
        assert [(t.name, t.kind, t.dims) for t in ours.constants.values()] == [
            (t.name, t.data_type, tuple(t.dims)) for t in theirs.initializer
        ]
        assert not any(t.external_data or t.data_location for t in theirs.initializer)
    assert read > 100
