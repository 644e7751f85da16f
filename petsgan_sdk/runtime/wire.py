"""The few lines of the ONNX file format that the runtime needs without the onnx package.

Two uses: refuse a graph whose weights lie in other files before ONNX Runtime would open them, and
write the tiny model with which `doctor` proves that a provider really answers. An ONNX file is a
protobuf message; the field numbers below are those of `onnx.proto` (they never change). Imports
the standard library only.
"""

from __future__ import annotations

from collections.abc import Iterator

from petsgan_sdk.errors import BundleError

__all__ = ["bytes_field", "read_fields", "refuse_external_data", "varint_field"]

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_MAX_DEPTH = 64

# Which fields of each message lead to another message that may hold a tensor.
_CHILDREN: dict[str, dict[int, str]] = {
    "Model": {7: "Graph", 20: "Training", 25: "Function"},
    "Training": {1: "Graph", 2: "Graph"},
    "Graph": {1: "Node", 5: "Tensor", 15: "SparseTensor"},
    "Function": {7: "Node", 11: "Attribute"},
    "Node": {5: "Attribute"},
    "Attribute": {
        5: "Tensor",
        6: "Graph",
        10: "Tensor",
        11: "Graph",
        22: "SparseTensor",
        23: "SparseTensor",
    },
    "SparseTensor": {1: "Tensor", 2: "Tensor"},
}
_TENSOR_EXTERNAL_DATA, _TENSOR_DATA_LOCATION, _LOCATION_EXTERNAL = 13, 14, 1


def _encode_varint(value: int) -> bytes:
    encoded = bytearray()
    while value > 0x7F:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    encoded.append(value)
    return bytes(encoded)


def varint_field(number: int, value: int) -> bytes:
    """Encode one non-negative integer field."""
    return _encode_varint(number << 3 | _VARINT) + _encode_varint(value)


def bytes_field(number: int, payload: bytes | str) -> bytes:
    """Encode one string, bytes or sub-message field."""
    raw = payload.encode() if isinstance(payload, str) else payload
    return _encode_varint(number << 3 | _BYTES) + _encode_varint(len(raw)) + raw


def _read_varint(message: memoryview, at: int) -> tuple[int, int]:
    value = shift = 0
    while shift < 70:
        byte = message[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7
    msg = "a number is longer than 10 bytes"
    raise ValueError(msg)


def read_fields(message: memoryview) -> Iterator[tuple[int, int | memoryview]]:
    """Yield the `(number, value)` pairs of one message; sub-messages come as views.

    Raises:
        ValueError: The bytes are not a protobuf message.
    """
    at = 0
    while at < len(message):
        try:
            tag, at = _read_varint(message, at)
            number, kind = tag >> 3, tag & 7
            if kind == _VARINT:
                value, at = _read_varint(message, at)
                yield number, value
                continue
            if kind == _BYTES:
                size, at = _read_varint(message, at)
            else:
                size = {_FIXED64: 8, _FIXED32: 4}[kind]
        except (IndexError, KeyError) as exc:
            msg = f"no field can be read at byte {at}"
            raise ValueError(msg) from exc
        if at + size > len(message):
            msg = f"a field of {size} bytes at byte {at} runs past the end"
            raise ValueError(msg)
        yield number, message[at : at + size]
        at += size


def refuse_external_data(graph: bytes, name: str) -> None:
    """Check that every tensor of an ONNX model lies inside the model itself.

    Args:
        graph: A serialised ONNX `ModelProto`.
        name: What to call it in the message.

    Raises:
        BundleError: A tensor points at another file, or the bytes are not an ONNX model.
    """
    pending = [("Model", memoryview(graph), 0)]
    while pending:
        kind, message, depth = pending.pop()
        if depth > _MAX_DEPTH:
            msg = f"{name!r} is nested more than {_MAX_DEPTH} levels deep; export the model again"
            raise BundleError(msg)
        try:
            fields = list(read_fields(message))
        except ValueError as exc:
            msg = f"{name!r} must be an ONNX model, but {exc}; export the model again"
            raise BundleError(msg) from exc
        for number, value in fields:
            if kind == "Tensor" and (
                number == _TENSOR_EXTERNAL_DATA
                or (number == _TENSOR_DATA_LOCATION and value == _LOCATION_EXTERNAL)
            ):
                msg = (
                    f"{name!r} must hold its own weights, but a tensor points at another file; "
                    "export the model with its weights inside"
                )
                raise BundleError(msg)
            child = _CHILDREN.get(kind, {}).get(number)
            if child is not None and isinstance(value, memoryview):
                pending.append((child, value, depth + 1))
