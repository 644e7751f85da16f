"""Open and run graphs that would end the process, read files or eat the memory, one line for each.

A program of its own, so that it can be run with another ONNX Runtime than the tests are, and die
alone: `python hostile_sessions.py BUNDLE...`. The first line is ONNX Runtime's version, then one
`name<TAB>what` for each bundle and graph, where what is `made SUM`, or `refused` and the message.
"""

from __future__ import annotations

import sys

import numpy as np
import onnxruntime

import petsgan_sdk
from petsgan_sdk.errors import BundleError
from petsgan_sdk.runtime.graphs.wire import bytes_field, varint_field
from petsgan_sdk.runtime.session import GraphSession
from support.graph_bytes import chain, floats, integer, integers, node, row, tensor, word

SHAPE = (1, 3, 4, 4)


def encode(value: int) -> bytes:
    encoded = bytearray()
    while value > 0x7F:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*encoded, value])


def elsewhere(location: str, *, hidden: bool) -> bytes:
    """A model of 12 weights that lie in a file, which it may hide from readers of whole tags."""
    beyond = (1 << 32) if hidden else 0

    def field(number: int, wire: int, payload: bytes) -> bytes:
        return encode((number << 3 | wire) + beyond) + payload

    entries = {"location": location, "offset": "0", "length": "12"}
    more = b""
    for key, value in entries.items():
        entry = bytes_field(1, key) + bytes_field(2, value)
        more += field(13, 2, encode(len(entry)) + entry)
    more += field(14, 0, b"\x01")
    sizes = varint_field(1, 3) + varint_field(1, 1) + varint_field(1, 1)
    weights = sizes + varint_field(2, 1) + bytes_field(8, "w") + more
    return chain(node("Mul", ["x", "w"], "y"), weights=[weights])


def larger_than_its_map() -> dict[str, bytes]:
    """Windows, margins and parts that a map of 4x4 has no room for."""
    pads = integers("p", 0, 0, 4, 0, 0, 0, 0, 200)
    ends = [integers(name, value) for name, value in (("a", 4), ("b", 4), ("c", 2))]
    empty = node("Slice", ["x", "a", "b", "c"], "e")
    return {
        "a pool": chain(node("AveragePool", ["x"], "y", row("kernel_shape", 5, 5))),
        "a strided pool": chain(
            node("AveragePool", ["x"], "y", row("kernel_shape", 30, 30), row("strides", 8, 8))
        ),
        "a mirror": chain(node("Pad", ["x", "p"], "y", word("mode", "reflect")), weights=[pads]),
        "a kernel": chain(node("Conv", ["x", "w"], "y"), weights=[floats("w", 3, 3, 9, 9)]),
        "edges of nothing": chain(
            empty,
            node("Pad", ["e", "q"], "y", word("mode", "edge")),
            weights=[*ends, integers("q", 0, 0, 1, 0, 0, 0, 1, 0)],
        ),
        "kernels over nothing": chain(
            empty,
            node("ConvTranspose", ["e", "w"], "y", row("strides", 5, 5)),
            weights=[*ends, floats("w", 3, 3, 6, 6)],
        ),
        "a pool of nothing": chain(
            empty, node("AveragePool", ["e"], "y", row("kernel_shape", 1, 1)), weights=ends
        ),
        "a short bias": chain(
            node("Conv", ["x", "w", "b"], "y"),
            weights=[floats("w", 64, 3, 1, 1), floats("b", 1)],
        ),
        "no groups": chain(
            node("Conv", ["x", "w"], "y", integer("group", 0)), weights=[floats("w", 3, 3, 1, 1)]
        ),
        "blocks of nothing": chain(node("DepthToSpace", ["x"], "y", integer("blocksize", 0))),
        "a division by zero": chain(
            node("Shape", ["x"], "s"),
            node("Sub", ["s", "s"], "z"),
            node("Div", ["s", "z"], "n"),
            node("Expand", ["x", "n"], "y"),
        ),
    }


def beyond_the_memory() -> dict[str, bytes]:
    """Graphs of a few bytes that make terabytes: before a run, of constants, or in it."""
    sizes = integers("n", 1, 3, 1 << 20, 1 << 20)
    scales = tensor("s", np.array([1, 1, 128, 128], np.float32))
    rows, columns = floats("a", 1, 1, 1 << 16, 1), floats("b", 1, 1, 1, 1 << 16)
    return {
        "a constant": chain(node("ConstantOfShape", ["n"], "y"), weights=[sizes]),
        "a repetition": chain(node("Expand", ["w", "n"], "y"), weights=[sizes, floats("w", 1)]),
        "a sum": chain(node("Add", ["a", "b"], "y"), weights=[rows, columns]),
        "an enlargement": chain(
            *[node("Resize", [f"t{n}" if n else "x", "", "s"], f"t{n + 1}") for n in range(3)],
            node("Relu", ["t3"], "y"),
            weights=[scales],
        ),
    }


GRAPHS = {
    **larger_than_its_map(),
    **beyond_the_memory(),
    **{
        f"{'hidden ' if hidden else ''}weights in {location}": elsewhere(location, hidden=hidden)
        for location in ("secret.bin", "../secret.bin", "/etc/passwd", "*/_ORT_MEM_ADDR_/*")
        for hidden in (False, True)
    },
}


def main(bundles: list[str]) -> None:
    print(onnxruntime.__version__)  # noqa: T201
    for path in bundles:
        report(path, lambda path=path: petsgan_sdk.load(path, provider="cpu", threads=1).sample())
    feeds = {"x": np.ones(SHAPE, np.float32)}
    for name, graph in GRAPHS.items():

        def run(graph: bytes = graph) -> object:
            return GraphSession(graph, "g", provider="cpu", threads=1).run(feeds)["y"]

        report(name, run)


def report(name: str, make) -> None:
    try:
        what = f"made {int(np.sum(make(), dtype=np.float64))}"
    except BundleError as exc:
        what = f"refused {exc}"
    print(name, what, sep="\t", flush=True)  # noqa: T201


if __name__ == "__main__":
    main(sys.argv[1:])
