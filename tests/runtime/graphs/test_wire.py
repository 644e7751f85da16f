from __future__ import annotations

import pytest

from petsgan_sdk.runtime.graphs.wire import (
    BYTES,
    FLOAT,
    VARINT,
    Field,
    Message,
    WireError,
    bytes_field,
    read_message,
    varint_field,
)

MESSAGE = Message(
    "Test",
    Field("number", 1, VARINT),
    Field("text", 2, BYTES),
    Field("real", 3, FLOAT),
    Field("many", 20, VARINT, 3),
    refused={4: "must hold no secrets"},
)


def read(message: bytes, span: tuple[int, int] | None = None) -> dict[str, list[object]]:
    return read_message(message, span or (0, len(message)), MESSAGE)


@pytest.mark.parametrize("value", [0, 1, 127, 128, 300, 2**32, 2**63, 2**64 - 1])
def test_varint_round_trip(value: int) -> None:
    assert read(varint_field(1, value)) == {"number": [value]}


def test_known_encoding() -> None:
    # The example of the protobuf documentation: field 1, value 150.
    assert varint_field(1, 150) == b"\x08\x96\x01"
    assert bytes_field(2, "testing") == b"\x12\x07testing"


def test_all_kinds_of_fields() -> None:
    message = b"\x1d\x00\x00\x80\x3f" + bytes_field(2, "abc") + varint_field(20, 7) * 3
    assert read(message) == {"real": [1.0], "text": [(7, 10)], "many": [7, 7, 7]}


def test_a_part_of_the_bytes() -> None:
    assert read(b"\xff" + varint_field(1, 5) + b"\xff", (1, 3)) == {"number": [5]}


@pytest.mark.parametrize(
    ("message", "problem"),
    [
        (b"\x08", "cut off"),
        (b"\x08\x80", "cut off"),
        (b"\x12\x7fabc", "run past"),
        (b"\x12\xff\xff\xff\xff\x0fabc", "run past"),
        (b"\x1d\x00", "runs past"),
        (b"\xff" * 11, "longer"),
        (b"\x08" + b"\xff" * 9 + b"\x02", "longer"),  # 65 bits
        (b"\x08\x81\x00", "longer"),  # 1 in two bytes
        (b"\x88\x00\x05", "longer"),  # field 1, in a tag of two bytes
        (b"\x12\x83\x80\x80\x80\x80\x00abc", "longer"),  # a length of six bytes
        (b"\x88\x80\x80\x80\x10\x05", "must not hold field 536870913"),  # 2^32 more than field 1
        (b"\x88\x80\x80\x80\x80\x80\x01\x05", "longer"),  # a tag of seven bytes
        (b"\x00\x05", "field 0"),
        (b"\x28\x05", "field 5"),
        (b"\x0d\x00\x00\x00\x00", "wire type 5, not 0"),
        (b"\x0a\x01\x05", "wire type 2, not 0"),
        (b"\x09" + b"\0" * 8, "wire type 1, not 0"),
        (b"\x0b\x0c", "wire type 3, not 0"),  # a group
        (b"\x0c", "wire type 4, not 0"),
        (b"\x0f", "wire type 7, not 0"),
        (b"\xa2\x01\x02\x01\x02", "wire type 2, not 0"),  # numbers in one field
        (varint_field(1, 5) * 2, "at most 1 number"),
        (bytes_field(2, "a") * 2, "at most 1 text"),
        (varint_field(20, 7) * 4, "at most 3 many"),
        (bytes_field(4, "x"), "no secrets"),
    ],
)
def test_what_readers_could_take_differently_is_refused(message: bytes, problem: str) -> None:
    with pytest.raises(WireError, match=problem):
        read(message)


def test_a_long_message_of_too_many_fields_is_left_early() -> None:
    # As views or lists these would be gigabytes; what is read is the first four.
    message = varint_field(20, 7) * 4 + b"\xff" * (1 << 24)
    with pytest.raises(WireError, match="at most 3 many"):
        read(message)
