"""Changes of bytes without any idea of what they mean."""

from __future__ import annotations

import random
from collections.abc import Sequence

INTEGERS = (
    0, 1, 2, 3, 0x7F, 0x80, 0xFF, 0x100, 0x7FFF, 0x8000, 0xFFFF, 0x10000, 0x7FFFFFFF, 0x80000000,
    0xFFFFFFFF, 1 << 32, (1 << 53) + 1, (1 << 63) - 1, 1 << 63, (1 << 64) - 1,
)  # fmt: skip
"""Where counts, sizes and signs of a file format turn over."""
_MOST_CHANGES = 6
_MOST_SPAN = 512


def mutate_bytes(rng: random.Random, data: bytes, others: Sequence[bytes] = ()) -> bytes:
    """Return `data` with one to six changes; `others` are spliced in now and then."""
    changed = bytearray(data)
    for _ in range(rng.randint(1, _MOST_CHANGES) if rng.random() < 0.6 else 1):
        rng.choice(_CHANGES)(rng, changed, others)
    if changed == data:
        _flip(rng, changed, others)
    return bytes(changed)


def _place(rng: random.Random, data: bytearray) -> int:
    """Anywhere, but half of the time near an end, where formats keep what matters."""
    if not data:
        return 0
    near = min(len(data), 128)
    kind = rng.random()
    if kind < 0.25:
        return rng.randrange(near)
    if kind < 0.5:
        return len(data) - 1 - rng.randrange(near)
    return rng.randrange(len(data))


def _span(rng: random.Random, data: bytearray) -> slice:
    start = _place(rng, data)
    return slice(start, start + rng.randint(1, rng.choice((1, 4, 16, _MOST_SPAN))))


def _flip(rng: random.Random, data: bytearray, _: Sequence[bytes]) -> None:
    if not data:
        data += rng.randbytes(1)
        return
    data[_place(rng, data)] ^= 1 << rng.randrange(8)


def _set(rng: random.Random, data: bytearray, _: Sequence[bytes]) -> None:
    span = _span(rng, data)
    size = len(data[span])
    data[span] = rng.choice((b"\0" * size, b"\xff" * size, rng.randbytes(size)))


def _integer(rng: random.Random, data: bytearray, _: Sequence[bytes]) -> None:
    size = rng.choice((1, 2, 4, 8))
    value = rng.choice(INTEGERS) + rng.choice((0, 0, -1, 1))
    raw = (value % (1 << 8 * size)).to_bytes(size, rng.choice(("little", "big")))
    at = _place(rng, data)
    data[at : at + size] = raw


def _delete(rng: random.Random, data: bytearray, _: Sequence[bytes]) -> None:
    del data[_span(rng, data)]


def _cut(rng: random.Random, data: bytearray, _: Sequence[bytes]) -> None:
    del data[_place(rng, data) :]


def _insert(rng: random.Random, data: bytearray, _: Sequence[bytes]) -> None:
    at = _place(rng, data)
    data[at:at] = rng.choice((rng.randbytes, bytes))(rng.choice((1, 4, 16, 64)))


def _repeat(rng: random.Random, data: bytearray, _: Sequence[bytes]) -> None:
    span = _span(rng, data)
    data[span.start : span.start] = bytes(data[span]) * rng.choice((1, 2, 16))


def _move(rng: random.Random, data: bytearray, _: Sequence[bytes]) -> None:
    span = _span(rng, data)
    piece = bytes(data[span])
    at = _place(rng, data)
    data[at : at + len(piece)] = piece


def _splice(rng: random.Random, data: bytearray, others: Sequence[bytes]) -> None:
    if not others:
        _move(rng, data, others)
        return
    other = bytearray(rng.choice(others))
    piece = other[_span(rng, other)]
    at = _place(rng, data)
    data[at : at + len(piece)] = piece


_CHANGES = (
    _flip, _flip, _set, _integer, _integer, _delete, _cut, _insert, _repeat, _move, _splice,
)  # fmt: skip
