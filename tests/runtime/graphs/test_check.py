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
    check,
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

from petsgan_sdk.errors import BundleError
from petsgan_sdk.runtime.graphs.check import read_graph
from petsgan_sdk.runtime.graphs.model import MAX_NODES
from petsgan_sdk.runtime.graphs.wire import bytes_field, varint_field

RELU = node("Relu", ["x"], "y")


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
        check(data)


@pytest.mark.parametrize("more", [PART["external data"], PART["location of data"]])
def test_weights_in_other_files_are_named_as_such(more: bytes) -> None:
    weights = [tensor("w", np.zeros(1, np.float32), more=more)]
    with pytest.raises(BundleError, match="a tensor points at another file"):
        check(chain(RELU, weights=weights))


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
        check(chain(RELU, weights=[bad]))


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
        check(data)


def test_what_the_file_says_of_a_tensor_must_be_true() -> None:
    # ONNX Runtime would take the sizes from here when it opens the graph.
    shape = [node("Shape", ["t"], "s"), node("ConstantOfShape", ["s"], "y")]
    nodes = [node("Relu", ["x"], "t"), *shape]
    for said, is_true in (("h", True), (8, True), (1 << 20, False)):
        more = bytes_field(13, value("t", "N", 3, said, "w"))
        data = model(graph(nodes, inputs=[X], outputs=[Y], more=more))
        if is_true:
            check(data)
            continue
        with pytest.raises(BundleError, match=r"value 't' must have the sizes"):
            check(data)


def test_a_run_is_in_proportion_to_the_pixels() -> None:
    chained = [resize_node(n) for n in range(3)]
    scales = tensor("s", np.array([1, 1, 16, 16], np.float32))
    data = model(graph(chained, [scales], inputs=[X], outputs=[value("t3", "N", 3, "h", "w")]))
    check(data, (1, 3, 1, 1), factor=128)
    with pytest.raises(BundleError, match="for 2 pixels it must make at most"):
        check(data, (1, 3, 1, 1), factor=1)


def resize_node(number: int) -> bytes:
    return node("Resize", [f"t{number}" if number else "x", "", "s"], f"t{number + 1}")


def test_work_is_in_proportion_to_the_pixels() -> None:
    """Convolutions that share their weights: a small file, and much to compute."""
    names = ["x", *(f"t{n}" for n in range(64)), "y"]
    nodes = [node("Conv", [a, "w"], b, row("pads", 1, 1, 1, 1)) for a, b in pairwise(names)]
    x, y = (value(name, "N", 256, "h", "w") for name in "xy")
    data = chain(*nodes, weights=[floats("w", 256, 256, 3, 3)], x=x, y=y)
    with pytest.raises(BundleError, match="multiplications"):
        check(data, (1, 256, 128, 128))


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
    check(chain(*nodes))
    with pytest.raises(BundleError, match="at most 2048 node"):
        check(chain(*nodes[:-1], node("Relu", [names[-2]], "z"), node("Relu", ["z"], "y")))


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
