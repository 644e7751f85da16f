"""Changes of an ONNX file as protobuf: tags, lengths, types, fields, and what they mean.

A message becomes a tree of fields, is changed, and is written again with lengths that fit, unless
a change is about a length that does not.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import onnx

from campaign.mutate_bytes import INTEGERS, mutate_bytes

CANARY = "canary.bin"
"""A file in the folder of a trial that no bundle may have opened."""

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_MESSAGE_TYPE = 11
_MOST_BYTES = 1 << 19
_LOCATIONS = (CANARY, f"./{CANARY}", f"x/../{CANARY}", "/etc/hostname", "*/_ORT_MEM_ADDR_/*", "")


@dataclass
class Field:
    """One field; `value` is an integer, bytes, or the fields of a message of type `kind`."""

    number: int
    wire: int
    value: Any
    kind: Any = None
    extra_tag: int = 0
    """Added to the tag, which hides a field from a reader of fewer bits."""
    padding: int = 0
    """Bytes by which numbers are longer than they need to be."""
    length_off: int = 0
    """By how much the announced length is wrong."""


def mutate_onnx(rng: random.Random, model: bytes) -> bytes:
    """Return a changed model."""
    fields = _read(model, onnx.ModelProto.DESCRIPTOR)
    for _ in range(rng.choice((1, 1, 1, 2, 3, 5))):
        every = _every(fields)
        if every:
            rng.choice(_CHANGES)(rng, fields, *rng.choice(every))
    return _write(fields)


def _copied(fields: Any) -> Any:
    """A field, or fields, that can be changed alone."""
    if isinstance(fields, list):
        return [_copied(field) for field in fields]
    return (
        replace(fields, value=_copied(fields.value))
        if isinstance(fields.value, list)
        else replace(fields)
    )


def _varint(value: int, padding: int = 0) -> bytes:
    out = bytearray()
    while value > 0x7F or padding:
        if value <= 0x7F:
            padding -= 1
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def _read_varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7


def _read(data: bytes, kind: Any) -> list[Field]:
    known = kind.fields_by_number if kind else {}
    fields, at = [], 0
    while at < len(data):
        tag, at = _read_varint(data, at)
        number, wire = tag >> 3, tag & 7
        if wire == _VARINT:
            value, at = _read_varint(data, at)
            fields.append(Field(number, wire, value))
            continue
        if wire == _BYTES:
            size, at = _read_varint(data, at)
        else:
            size = 8 if wire == _FIXED64 else 4
        raw, at = data[at : at + size], at + size
        described = known.get(number)
        if wire == _BYTES and described is not None and described.type == _MESSAGE_TYPE:
            inner = described.message_type
            fields.append(Field(number, wire, _read(raw, inner), inner))
        else:
            fields.append(Field(number, wire, raw))
    return fields


def _write(fields: list[Field]) -> bytes:
    out = bytearray()
    for field in fields:
        out += _varint((field.number << 3 | field.wire) + field.extra_tag, field.padding)
        if field.wire == _VARINT:
            number = field.value if isinstance(field.value, int) else 0
            out += _varint(number % (1 << 64) if number < 0 else number, field.padding)
            continue
        raw = _write(field.value) if isinstance(field.value, list) else _as_bytes(field.value)
        if field.wire == _BYTES:
            out += _varint(max(0, len(raw) + field.length_off), field.padding)
        out += raw
    return bytes(out)


def _as_bytes(value: Any) -> bytes:
    return _varint(value) if isinstance(value, int) else value


def _every(fields: list[Field]) -> list[tuple[list[Field], int]]:
    """Where every field is: the list that it lies in, and its place there."""
    places = []
    for place, field in enumerate(fields):
        places.append((fields, place))
        if isinstance(field.value, list):
            places += _every(field.value)
    return places


def _of_kind(fields: list[Field], name: str) -> list[Field]:
    found = (owner[at] for owner, at in _every(fields))
    return [f for f in found if f.kind is not None and f.kind.name == name]


def _text(number: int, text: str | bytes) -> Field:
    return Field(number, _BYTES, text.encode() if isinstance(text, str) else text)


def _number(number: int, value: int) -> Field:
    return Field(number, _VARINT, value)


@cache
def _operators() -> tuple[tuple[str, str], ...]:
    """Every operator that the onnx package knows, as name and domain."""
    schemas = onnx.defs.get_all_schemas()
    return tuple(sorted({(schema.name, schema.domain) for schema in schemas}))


def _drop(rng: random.Random, model: list[Field], owner: list[Field], at: int) -> None:
    del rng, model
    del owner[at]


def _repeat(rng: random.Random, model: list[Field], owner: list[Field], at: int) -> None:
    del model
    room = _MOST_BYTES // (1 + len(_write([owner[at]])))
    times = max(1, min(room, rng.choice((1, 1, 2, 10, 300, 5000))))
    owner[at:at] = [_copied(owner[at]) for _ in range(times)]


def _swap(rng: random.Random, model: list[Field], owner: list[Field], at: int) -> None:
    other, place = rng.choice(_every(model))
    one, two = _copied(owner[at]), _copied(other[place])
    owner[at], other[place] = two, one


def _renumber(rng: random.Random, model: list[Field], owner: list[Field], at: int) -> None:
    del model
    owner[at].number = rng.choice((0, 1, 2, 5, 7, 8, 13, 14, 20, 25, 2**29 - 1, 2**29, 2**40))


def _hide(rng: random.Random, model: list[Field], owner: list[Field], at: int) -> None:
    """A tag that a reader of 32 bits takes for another."""
    del model
    owner[at].extra_tag = rng.choice((1 << 32, 1 << 35, 1 << 60, 3 << 32))


def _lengthen(rng: random.Random, model: list[Field], owner: list[Field], at: int) -> None:
    del model
    owner[at].padding = rng.choice((1, 2, 5, 8, 9, 10, 70))


def _lie(rng: random.Random, model: list[Field], owner: list[Field], at: int) -> None:
    del model
    owner[at].length_off = rng.choice((-1, 1, -8, 8, 2**31, 2**32, 2**63))


def _wire(rng: random.Random, model: list[Field], owner: list[Field], at: int) -> None:
    del model
    field = owner[at]
    field.wire = rng.choice((0, 1, 2, 3, 4, 5, 6, 7))
    if field.wire in (_FIXED32, _FIXED64):
        field.value = rng.randbytes(4 if field.wire == _FIXED32 else 8)


def _value(rng: random.Random, model: list[Field], owner: list[Field], at: int) -> None:
    field = owner[at]
    if isinstance(field.value, int):
        field.value = rng.choice((*INTEGERS, field.value + 1, field.value * 2, (1 << 64) - 2))
    elif isinstance(field.value, bytes):
        names = [f.value for o, a in _every(model) if isinstance((f := o[a]).value, bytes)]
        short = [name for name in names if len(name) < 64] or [b""]
        field.value = rng.choice((mutate_bytes(rng, field.value), rng.choice(short), b"\xff\xfe"))
    else:
        _swap(rng, model, owner, at)


def _operator(rng: random.Random, model: list[Field], owner: list[Field], at: int) -> None:
    """Another operator, in or out of its domain."""
    del owner, at
    nodes = _of_kind(model, "NodeProto")
    if not nodes:
        return
    node = rng.choice(nodes).value
    name, domain = rng.choice(_operators())
    domain = rng.choice((domain, domain, "", "com.microsoft", "petsgan", "x.y"))
    node[:] = [field for field in node if field.number not in (4, 7)]
    node += [_text(4, name), *([_text(7, domain)] if domain else [])]
    if rng.random() < 0.5:
        node.append(_attribute(rng))


def _attribute(rng: random.Random) -> Field:
    names = ("axis", "axes", "to", "perm", "pads", "kernel_shape", "value", "blocksize", "group")
    value = rng.choice(INTEGERS)
    many = [_number(8, rng.choice(INTEGERS)) for _ in range(rng.choice((1, 4, 8, 1000)))]
    body = rng.choice(([_number(3, value), _number(20, 2)], [*many, _number(20, 7)]))
    kind = onnx.AttributeProto.DESCRIPTOR
    return Field(5, _BYTES, [_text(1, rng.choice(names)), *body], kind)


def _dims(rng: random.Random, model: list[Field], owner: list[Field], at: int) -> None:
    """Sizes of a weight, of an input, or a type that they do not fit."""
    del owner, at
    tensors = _of_kind(model, "TensorProto") + _of_kind(model, "Dimension")
    if not tensors:
        return
    fields = rng.choice(tensors).value
    places = [f for f in fields if f.number in (1, 2) and isinstance(f.value, int)]
    if places:
        place = rng.choice(places)
        types = tuple(range(27))
        place.value = rng.choice(types if place.number == 2 else (*INTEGERS, place.value + 1))
    else:
        fields.append(_number(1, rng.choice(INTEGERS)))


def _external(rng: random.Random, model: list[Field], owner: list[Field], at: int) -> None:
    """A weight that says it lies in another file, openly or behind a tag."""
    del owner, at
    tensors = _of_kind(model, "TensorProto")
    if not tensors:
        return
    fields = rng.choice(tensors).value
    pairs = [("location", rng.choice(_LOCATIONS)), ("offset", "0"), ("length", "16")]
    kind = onnx.StringStringEntryProto.DESCRIPTOR
    hidden = rng.choice((0, 0, 1 << 32, 1 << 35))
    if rng.random() < 0.7:
        fields[:] = [f for f in fields if f.number != 9]
    for key, text in pairs[: rng.randint(1, 3)]:
        fields.append(Field(13, _BYTES, [_text(1, key), _text(2, text)], kind, extra_tag=hidden))
    fields.append(Field(14, _VARINT, rng.choice((1, 1, 2, (1 << 32) + 1)), extra_tag=hidden))


def _inside(rng: random.Random, model: list[Field], owner: list[Field], at: int) -> None:
    """The graph as the body of a node of itself, or of a function."""
    del owner, at
    graphs = [field for field in model if field.number == 7 and isinstance(field.value, list)]
    if not graphs:
        return
    graph = rng.choice(graphs)
    first, last = _write(graph.value[:1]), _write(graph.value[-1:])
    body, node = _write(graph.value), b""
    for _ in range(rng.choice((1, 1, 2, 30, 90))):
        operator = rng.choice(("If", "Loop", "Scan", "SequenceMap", "Identity"))
        attribute = [_text(1, rng.choice(("then_branch", "body"))), _text(6, body), _number(20, 5)]
        names = [_text(1, "noise"), _text(2, "z"), _text(4, operator)]
        node = _write([*names, _text(5, _write(attribute))])
        body = first + _write([_text(1, node)]) + last
    graph.value.insert(0, _text(1, node))


def _bare_node(rng: random.Random, model: list[Field], owner: list[Field], at: int) -> None:
    """What makes gigabytes of nothing, in front of a node's input."""
    del owner, at
    graphs = [field for field in model if field.number == 7 and isinstance(field.value, list)]
    nodes = [f for graph in graphs for f in graph.value if f.number == 1 and f.value]
    if not nodes:
        return
    graph, node = graphs[0], rng.choice(nodes)
    inputs = [f for f in node.value if f.number == 1] if isinstance(node.value, list) else []
    if not inputs:
        return
    given = rng.choice(inputs)
    sizes = [rng.choice((1, 4, 256, 4096, 1 << 16, 1 << 31)) for _ in range(rng.choice((1, 2, 4)))]
    raw = b"".join(size.to_bytes(8, "little") for size in sizes)
    shape = [_number(1, len(sizes)), _number(2, 7), _text(8, "many"), _text(9, raw)]
    graph.value.append(Field(5, _BYTES, shape, onnx.TensorProto.DESCRIPTOR))
    source = [] if (name := rng.choice(_MAKERS)) == "ConstantOfShape" else [given.value]
    parts = [_text(1, x) for x in source] + [_text(1, "many"), _text(2, "made"), _text(4, name)]
    graph.value[0:0] = [Field(1, _BYTES, parts, onnx.NodeProto.DESCRIPTOR)]
    given.value = b"made"


_MAKERS = ("ConstantOfShape", "Expand", "Tile", "Resize", "Upsample", "Reshape", "Pad")
_CHANGES = (
    _drop, _repeat, _swap, _renumber, _hide, _lengthen, _lie, _wire, _value, _value, _value,
    _operator, _operator, _dims, _dims, _external, _inside, _bare_node,
)  # fmt: skip
