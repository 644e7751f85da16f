"""ONNX graphs put together byte by byte, so that they can be what no library would write."""

from __future__ import annotations

import struct

import numpy as np

from petsgan_sdk.runtime.graphs.check import check_graph, check_run
from petsgan_sdk.runtime.graphs.wire import bytes_field, varint_field

KINDS = {"float32": 1, "int64": 7, "float16": 10}


def model(graph: bytes, *, opset: int = 18, domain: str = "", more: bytes = b"") -> bytes:
    opset_id = bytes_field(1, domain) + varint_field(2, opset)
    return varint_field(1, 8) + bytes_field(7, graph) + bytes_field(8, opset_id) + more


def graph(
    nodes: list[bytes],
    weights: list[bytes] = [],  # noqa: B006 - never changed
    *,
    inputs: list[bytes],
    outputs: list[bytes],
    more: bytes = b"",
) -> bytes:
    return (
        b"".join(bytes_field(1, one) for one in nodes)
        + bytes_field(2, "g")
        + b"".join(bytes_field(5, one) for one in weights)
        + b"".join(bytes_field(11, one) for one in inputs)
        + b"".join(bytes_field(12, one) for one in outputs)
        + more
    )


def node(operator: str, reads: list[str], makes: str, *attributes: bytes) -> bytes:
    return (
        b"".join(bytes_field(1, name) for name in reads)
        + bytes_field(2, makes)
        + bytes_field(4, operator)
        + b"".join(bytes_field(5, one) for one in attributes)
    )


def integer(name: str, value: int) -> bytes:
    return bytes_field(1, name) + varint_field(3, value % 2**64) + varint_field(20, 2)


def row(name: str, *values: int) -> bytes:
    numbers = b"".join(varint_field(8, value % 2**64) for value in values)
    return bytes_field(1, name) + numbers + varint_field(20, 7)


def word(name: str, value: str) -> bytes:
    return bytes_field(1, name) + bytes_field(4, value) + varint_field(20, 3)


def real(name: str, value: float) -> bytes:
    return bytes_field(1, name) + b"\x15" + struct.pack("<f", value) + varint_field(20, 1)


def held(name: str, value: bytes) -> bytes:
    return bytes_field(1, name) + bytes_field(5, value) + varint_field(20, 4)


def nested(name: str, value: bytes) -> bytes:
    return bytes_field(1, name) + bytes_field(6, value) + varint_field(20, 5)


def tensor(name: str, array: np.ndarray, *, more: bytes = b"") -> bytes:
    sizes = b"".join(varint_field(1, size) for size in array.shape)
    kind = varint_field(2, KINDS[array.dtype.name])
    return sizes + kind + bytes_field(8, name) + bytes_field(9, array.tobytes()) + more


def integers(name: str, *values: int) -> bytes:
    return tensor(name, np.array(values, np.int64))


def floats(name: str, *shape: int) -> bytes:
    return tensor(name, np.full(shape, 0.5, np.float32))


def value(name: str, *sizes: int | str, kind: int = 1) -> bytes:
    dims = b"".join(
        bytes_field(1, varint_field(1, size) if isinstance(size, int) else bytes_field(2, size))
        for size in sizes
    )
    return bytes_field(1, name) + bytes_field(
        2, bytes_field(1, varint_field(1, kind) + bytes_field(2, dims))
    )


X = value("x", "N", 3, "h", "w")
Y = value("y", "N", 3, "h", "w")


def chain(*nodes: bytes, weights: list[bytes] = [], x: bytes = X, y: bytes = Y) -> bytes:  # noqa: B006
    """A model from x to y."""
    return model(graph(list(nodes), weights, inputs=[x], outputs=[y]))


def check(data: bytes, shape: tuple[int, ...] = (1, 3, 8, 8), *, factor: int = 1) -> None:
    """What a bundle's graph goes through, and one run of it."""
    found = check_graph(data, "graphs/x.onnx")
    check_run(found.model, {"x": shape}, "graphs/x.onnx", factor=factor)
