"""The part of the ONNX format that a bundle may hold, read into a few plain classes.

Field numbers are those of `onnx.proto`. What is not listed is refused: other files, nested graphs,
functions, sparse weights, training, sequences, custom domains. Standard library only.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, TypeAlias

from petsgan_sdk.runtime.graphs.wire import (
    BYTES,
    FLOAT,
    VARINT,
    Field,
    Message,
    Span,
    WireError,
    read_message,
)

__all__ = [
    "FLOAT16",
    "FLOAT32",
    "INT64",
    "MAX_NODES",
    "MAX_RANK",
    "OPSET",
    "AttributeValue",
    "Declared",
    "Model",
    "Node",
    "Tensor",
    "read_model",
]

FLOAT32, INT64, FLOAT16 = 1, 7, 10
"""Element types, as ONNX numbers them."""

_ITEM_BYTES = {FLOAT32: 4, INT64: 8, FLOAT16: 2}
_TYPE_NAMES = "float32, float16 or int64"

OPSET = 18
"""The one operator set: an operator means what it means there."""

MAX_NODES, MAX_RANK = 2048, 6
_MAX_TENSORS, _MAX_VALUES, _MAX_ENDS = 2048, 4096, 64
_MAX_INPUTS, _MAX_ATTRIBUTES, _MAX_INTS = 64, 16, 16
_MAX_TEXT_BYTES = 512
_MAX_KEPT_BYTES = 128

_WEIGHTS_ELSEWHERE = "must hold its own weights, but a tensor points at another file"
_NESTED = "must hold no graphs inside nodes"

_MODEL = Message(
    "Model",
    Field("ir_version", 1, VARINT),
    Field("producer_name", 2, BYTES),
    Field("producer_version", 3, BYTES),
    Field("domain", 4, BYTES),
    Field("model_version", 5, VARINT),
    Field("doc_string", 6, BYTES),
    Field("graph", 7, BYTES),
    Field("opset_import", 8, BYTES),
    refused={20: "must hold nothing for training", 25: "must hold no functions"},
)
_OPSET_ID = Message("OperatorSetId", Field("domain", 1, BYTES), Field("version", 2, VARINT))
_GRAPH = Message(
    "Graph",
    Field("node", 1, BYTES, MAX_NODES),
    Field("name", 2, BYTES),
    Field("initializer", 5, BYTES, _MAX_TENSORS),
    Field("doc_string", 10, BYTES),
    Field("input", 11, BYTES, _MAX_ENDS),
    Field("output", 12, BYTES, _MAX_ENDS),
    Field("value_info", 13, BYTES, _MAX_VALUES),
    refused={15: "must hold no sparse weights"},
)
_NODE = Message(
    "Node",
    Field("input", 1, BYTES, _MAX_INPUTS),
    Field("output", 2, BYTES),
    Field("name", 3, BYTES),
    Field("op_type", 4, BYTES),
    Field("attribute", 5, BYTES, _MAX_ATTRIBUTES),
    Field("doc_string", 6, BYTES),
    Field("domain", 7, BYTES),
)
_ATTRIBUTE = Message(
    "Attribute",
    Field("name", 1, BYTES),
    Field("f", 2, FLOAT),
    Field("i", 3, VARINT),
    Field("s", 4, BYTES),
    Field("t", 5, BYTES),
    Field("ints", 8, VARINT, _MAX_INTS),
    Field("doc_string", 13, BYTES),
    Field("type", 20, VARINT),
    refused={6: _NESTED, 11: _NESTED},
)
_TENSOR = Message(
    "Tensor",
    Field("dims", 1, VARINT, MAX_RANK),
    Field("data_type", 2, VARINT),
    Field("name", 8, BYTES),
    Field("raw_data", 9, BYTES),
    Field("doc_string", 12, BYTES),
    refused={13: _WEIGHTS_ELSEWHERE, 14: _WEIGHTS_ELSEWHERE},
)
_VALUE = Message(
    "ValueInfo", Field("name", 1, BYTES), Field("type", 2, BYTES), Field("doc_string", 3, BYTES)
)
_TYPE = Message("Type", Field("tensor_type", 1, BYTES))
_TENSOR_TYPE = Message("Type.Tensor", Field("elem_type", 1, VARINT), Field("shape", 2, BYTES))
_SHAPE = Message("TensorShape", Field("dim", 1, BYTES, MAX_RANK))
_DIM = Message("Dimension", Field("dim_value", 1, VARINT), Field("dim_param", 2, BYTES))

_ATTRIBUTE_TYPES = {1: "f", 2: "i", 3: "s", 4: "t", 7: "ints"}
_OF_DEFAULT_DOMAIN = ("", "ai.onnx")


@dataclass(frozen=True, slots=True)
class Tensor:
    """A constant that the model holds."""

    name: str
    """Empty in an attribute."""
    kind: int
    """`FLOAT32`, `FLOAT16` or `INT64`."""
    dims: tuple[int, ...]
    """Sizes, each at least 1."""
    raw: bytes
    """Little-endian values where there are few, such as amounts and scales; else empty, so that a
    model does not keep its weights."""


AttributeValue: TypeAlias = float | int | bytes | tuple[int, ...] | Tensor
"""What an attribute says."""


@dataclass(frozen=True, slots=True)
class Node:
    """One operator."""

    operator: str
    """Its type."""
    inputs: tuple[str, ...]
    """Names of tensors; empty where one is left out."""
    output: str
    """Name of what it makes."""
    attributes: dict[str, AttributeValue]
    """By name."""


@dataclass(frozen=True, slots=True)
class Declared:
    """What the file says of a tensor that a run makes or is given."""

    name: str
    """Its name."""
    kind: int
    """Element type."""
    dims: tuple[int | None, ...] | None
    """Sizes, None where a run decides; None if nothing is said."""


@dataclass(frozen=True, slots=True)
class Model:
    """One graph and its constants."""

    nodes: tuple[Node, ...]
    """In the order of the file."""
    constants: dict[str, Tensor]
    """By name."""
    inputs: tuple[Declared, ...]
    """What a run is given."""
    outputs: tuple[Declared, ...]
    """What a run returns."""
    between: tuple[Declared, ...]
    """What is said of other tensors."""


def read_model(data: bytes) -> Model:
    """Read a serialised ONNX `ModelProto`.

    Raises:
        WireError: It is none, or holds what a bundle may not.
    """
    return _Reader(data).model()


class _Reader:
    def __init__(self, data: bytes) -> None:
        self._data = data
        self._types: dict[bytes, tuple[int, tuple[int | None, ...] | None]] = {}

    def model(self) -> Model:
        found = read_message(self._data, (0, len(self._data)), _MODEL)
        opset = read_message(self._data, _one(found, "opset_import", "Model"), _OPSET_ID)
        version = opset.get("version", [0])[0]
        if self._text(opset, "domain") not in _OF_DEFAULT_DOMAIN or version != OPSET:
            msg = f"must be of ONNX's own operator set {OPSET}, got {version}"
            raise WireError(msg)
        for name in ("producer_name", "producer_version", "domain", "doc_string"):
            self._text(found, name)
        graph = read_message(self._data, _one(found, "graph", "Model"), _GRAPH)
        self._text(graph, "name")
        self._text(graph, "doc_string")
        constants: dict[str, Tensor] = {}
        for span in graph.get("initializer", []):
            tensor = self._tensor(span)
            if tensor.name in constants:
                msg = f"tensor {tensor.name!r} must be there once"
                raise WireError(msg)
            constants[tensor.name] = tensor
        return Model(
            nodes=tuple(self._node(span) for span in graph.get("node", [])),
            constants=constants,
            inputs=self._declared(graph, "input"),
            outputs=self._declared(graph, "output"),
            between=self._declared(graph, "value_info"),
        )

    def _text(self, found: dict[str, list[Any]], field: str) -> str:
        return self._string(found[field][0]) if field in found else ""

    def _string(self, span: Span) -> str:
        start, end = span
        if end - start > _MAX_TEXT_BYTES:
            msg = f"a text must be at most {_MAX_TEXT_BYTES} bytes, got {end - start}"
            raise WireError(msg)
        try:
            return self._data[start:end].decode()
        except UnicodeDecodeError as exc:
            msg = f"the text at byte {start} must be UTF-8"
            raise WireError(msg) from exc

    def _node(self, span: Span) -> Node:
        found = read_message(self._data, span, _NODE)
        operator = self._text(found, "op_type")
        if self._text(found, "domain") not in _OF_DEFAULT_DOMAIN:
            msg = f"operator {operator!r} must be one of ONNX's own"
            raise WireError(msg)
        self._text(found, "name")
        self._text(found, "doc_string")
        attributes: dict[str, AttributeValue] = {}
        for at in found.get("attribute", []):
            name, value = self._attribute(at)
            if name in attributes:
                msg = f"attribute {name!r} of {operator!r} must be there once"
                raise WireError(msg)
            attributes[name] = value
        return Node(
            operator=operator,
            inputs=tuple(self._string(at) for at in found.get("input", [])),
            output=self._text(found, "output"),
            attributes=attributes,
        )

    def _attribute(self, span: Span) -> tuple[str, AttributeValue]:
        found = read_message(self._data, span, _ATTRIBUTE)
        name = self._text(found, "name")
        field = _ATTRIBUTE_TYPES.get(found.get("type", [0])[0])
        if field is None or not set(found) <= {"name", "type", "doc_string", field}:
            msg = f"attribute {name!r} must hold one number, text, tensor or list of integers"
            raise WireError(msg)
        self._text(found, "doc_string")
        if field == "ints":
            return name, tuple(_signed(value) for value in found.get("ints", []))
        value = _one(found, field, f"attribute {name!r}")
        match field:
            case "i":
                return name, _signed(value)
            case "s":
                return name, self._string(value).encode()
            case "t":
                return name, self._tensor(value)
            case _:
                return name, float(value)

    def _tensor(self, span: Span) -> Tensor:
        found = read_message(self._data, span, _TENSOR)
        name, kind = self._text(found, "name"), found.get("data_type", [0])[0]
        self._text(found, "doc_string")
        if kind not in _ITEM_BYTES:
            msg = f"tensor {name!r} must be {_TYPE_NAMES}, got element type {kind}"
            raise WireError(msg)
        dims = tuple(_signed(value) for value in found.get("dims", []))
        start, end = found.get("raw_data", [(0, 0)])[0]
        if any(size < 1 for size in dims) or math.prod(dims) * _ITEM_BYTES[kind] != end - start:
            msg = f"tensor {name!r} must hold raw values for all of {dims}, got {end - start} bytes"
            raise WireError(msg)
        is_short = end - start <= _MAX_KEPT_BYTES
        return Tensor(name, kind, dims, self._data[start:end] if is_short else b"")

    def _declared(self, graph: dict[str, list[Any]], field: str) -> tuple[Declared, ...]:
        return tuple(self._value(span) for span in graph.get(field, []))

    def _value(self, span: Span) -> Declared:
        found = read_message(self._data, span, _VALUE)
        name = self._text(found, "name")
        self._text(found, "doc_string")
        start, end = _one(found, "type", f"value {name!r}")
        # Most maps of a graph are of few types.
        key = self._data[start:end]
        if key not in self._types:
            self._types[key] = self._type((start, end), name)
        return Declared(name, *self._types[key])

    def _type(self, span: Span, name: str) -> tuple[int, tuple[int | None, ...] | None]:
        """Element type and sizes."""
        typed = read_message(self._data, span, _TYPE)
        at = _one(typed, "tensor_type", f"value {name!r}")
        tensor = read_message(self._data, at, _TENSOR_TYPE)
        kind = tensor.get("elem_type", [0])[0]
        if kind not in _ITEM_BYTES:
            msg = f"value {name!r} must be {_TYPE_NAMES}, got element type {kind}"
            raise WireError(msg)
        if "shape" not in tensor:
            return kind, None
        shape = read_message(self._data, tensor["shape"][0], _SHAPE)
        return kind, tuple(self._dim(at) for at in shape.get("dim", []))

    def _dim(self, span: Span) -> int | None:
        found = read_message(self._data, span, _DIM)
        if len(found) > 1:
            msg = "a size must be a number or a name, got both"
            raise WireError(msg)
        self._text(found, "dim_param")
        return _signed(found["dim_value"][0]) if "dim_value" in found else None


def _one(found: dict[str, list[Any]], field: str, what: str) -> Any:
    if field not in found:
        msg = f"{what} must hold {field}"
        raise WireError(msg)
    return found[field][0]


def _signed(value: int) -> int:
    return value - (1 << 64) if value >> 63 else value
