"""Protobuf messages, written, and read so that no other reader could take them differently.

Readers of protobuf differ on what is unusual: a tag beyond 32 bits, a number with more bytes than
it needs, a field that is there twice, a wire type that is not the field's, a field that nobody
knows. Nothing of that is needed, so all of it is refused, and what is left means the same to
everyone. A message costs no more than what may be in it, however long it is.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

__all__ = [
    "BYTES",
    "FLOAT",
    "VARINT",
    "Field",
    "Message",
    "Span",
    "WireError",
    "bytes_field",
    "read_message",
    "varint_field",
]

VARINT, BYTES, FLOAT = 0, 2, 5
"""Wire types: a number, a length and as many bytes, a float32."""

Span = tuple[int, int]
"""First byte and the one after the last."""

_LONGEST_NUMBER, _LONGEST_SHORT = 10, 5
"""Bytes of a number of 64 and of 32 bits."""


class WireError(ValueError):
    """The bytes are not what they may be; the message goes on after the graph's name."""


@dataclass(frozen=True, slots=True)
class Field:
    """What a message may hold."""

    name: str
    """Its name in `onnx.proto`."""
    number: int
    """Its number there; these never change."""
    wire: int
    """`VARINT`, `BYTES` or `FLOAT`."""
    most: int = 1
    """How often it may be there."""


class Message:
    """The fields that a message may hold.

    Args:
        name: Its name in `onnx.proto`.
        fields: What it may hold.
        refused: Why, for fields that are refused for a reason of their own, by number.
    """

    def __init__(self, name: str, *fields: Field, refused: Mapping[int, str] | None = None) -> None:
        """Index the fields by their tags."""
        self.name: str = name
        """Name."""
        self.by_tag: dict[int, Field] = {field.number << 3 | field.wire: field for field in fields}
        """Fields by number and wire type."""
        self.refused: dict[int, str] = dict(refused or {})
        """Reasons by number."""


def _encode_varint(value: int) -> bytes:
    encoded = bytearray()
    while value > 0x7F:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    encoded.append(value)
    return bytes(encoded)


def varint_field(number: int, value: int) -> bytes:
    """Encode one non-negative integer field."""
    return _encode_varint(number << 3 | VARINT) + _encode_varint(value)


def bytes_field(number: int, payload: bytes | str) -> bytes:
    """Encode one string, bytes or sub-message field."""
    raw = payload.encode() if isinstance(payload, str) else payload
    return _encode_varint(number << 3 | BYTES) + _encode_varint(len(raw)) + raw


def _read_varint(data: bytes, at: int, end: int, longest: int) -> tuple[int, int]:
    """A number of at most 64 bits, in as few bytes as it needs; and where it ends."""
    value = shift = 0
    for place in range(at, min(end, at + longest)):
        byte = data[place]
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            if (byte == 0 and shift) or value >> 64:
                break
            return value, place + 1
        shift += 7
    msg = f"the number at byte {at} is cut off or longer than it may be"
    raise WireError(msg)


def read_message(data: bytes, span: Span, message: Message) -> dict[str, list[Any]]:
    """Read one message.

    Args:
        data: All bytes.
        span: Where the message lies in them.
        message: What it may hold.

    Returns:
        Values by field name, in order: numbers from 0 to 2^64 - 1, floats, or the spans of bytes.

    Raises:
        WireError: It holds anything else, or is no protobuf message.
    """
    at, end = span
    by_tag = message.by_tag
    found: dict[str, list[Any]] = {}
    while at < end:
        tag = data[at]
        start, at = at, at + 1
        if tag >= 0x80:
            tag, at = _read_varint(data, start, end, _LONGEST_SHORT)
        field = by_tag.get(tag)
        if field is None:
            raise WireError(_why_not(message, tag, start))
        values = found.setdefault(field.name, [])
        if len(values) == field.most:
            msg = f"{message.name} must hold at most {field.most} {field.name}, got more"
            raise WireError(msg)
        if field.wire == FLOAT:
            if at + 4 > end:
                msg = f"the field at byte {start} runs past its end"
                raise WireError(msg)
            values.append(struct.unpack_from("<f", data, at)[0])
            at += 4
            continue
        # Most numbers are one byte.
        if at < end and data[at] < 0x80:
            number, at = data[at], at + 1
        else:
            longest = _LONGEST_NUMBER if field.wire == VARINT else _LONGEST_SHORT
            number, at = _read_varint(data, at, end, longest)
        if field.wire == VARINT:
            values.append(number)
            continue
        if number > end - at:
            msg = f"the {number} bytes at byte {at} run past their end"
            raise WireError(msg)
        values.append((at, at + number))
        at += number
    return found


def _why_not(message: Message, tag: int, at: int) -> str:
    number, wire = tag >> 3, tag & 7
    if number in message.refused:
        return message.refused[number]
    for field in message.by_tag.values():
        if field.number == number:
            return (
                f"{message.name}.{field.name} at byte {at} has wire type {wire}, not {field.wire}"
            )
    return f"{message.name} must not hold field {number} (byte {at})"
