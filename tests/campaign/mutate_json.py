"""Changes of JSON data: values to extremes, parts swapped, left out or twice; and of its text."""

from __future__ import annotations

import copy
import json
import random
from contextlib import suppress
from typing import Any

_NUMBERS: tuple[Any, ...] = (
    0, -1, 1, 2, 3, 7, 16, 63, 64, 255, 256, 4096, 65535, 65536, 1 << 20, (1 << 20) + 1, 1 << 24,
    (1 << 31) - 1, 1 << 31, 1 << 32, 1 << 40, 1 << 53, (1 << 63) - 1, 1 << 63, 1 << 64, 10**30,
    0.0, -0.0, 0.5, 1e-320, 1e-30, 1e30, 1e38, 1e308, -1e308, 3.0000000000000004,
)  # fmt: skip
_TEXTS: tuple[str, ...] = (
    "", " ", ".", "..", "../x", "/etc/hostname", "image", "noise", "layout", "a" * 300,
    "a" * 100_000, "x\ny", "\x1b[31mred", "\x1b]0;title\x07", "\x00", "\x7f", "\u202egnp", "\ud800",
    "\U0001f600",
    "NaN", "1", "true", "petsgan", "exsingan", "graphs/depnet.onnx", "arrays/texture.npy",
)  # fmt: skip
_OTHERS: tuple[Any, ...] = (None, True, False, [], {}, [[]], {"": None}, "text", 1, 0.5)

_MOST_CHARS = 1 << 17
_MOST_DEPTH = 100

Path = tuple[Any, ...]


def mutate_json(rng: random.Random, tree: dict[str, Any]) -> dict[str, Any]:
    """Return a changed copy; it may hold what JSON cannot say."""
    changed = copy.deepcopy(tree)
    for _ in range(rng.choice((1, 1, 1, 2, 3, 5))):
        paths = _paths(changed)
        if max(map(len, paths), default=0) > _MOST_DEPTH:  # deeper only as text, see `_deep`
            break
        numbers = [path for path in paths if isinstance(_at(changed, path), int | float)]
        if numbers and rng.random() < 0.5:  # what is read as sizes breaks more than what is not
            rng.choice(_NUMBER_CHANGES)(rng, changed, rng.choice(numbers))
        elif paths:
            rng.choice(_CHANGES)(rng, changed, rng.choice(paths))
    return changed


def to_text(rng: random.Random, tree: dict[str, Any]) -> bytes:
    """As text, now and then with something in it that only a text can hold."""
    text = json.dumps(tree, indent=2, sort_keys=True, ensure_ascii=rng.random() < 0.2)
    raw = text.encode("utf-8", "surrogatepass")
    return rng.choice(_TEXT_CHANGES)(rng, raw) if rng.random() < 0.15 else raw


def _paths(tree: Any, path: Path = ()) -> list[Path]:
    found = [path] if path else []
    if isinstance(tree, dict):
        items: Any = tree.items()
    elif isinstance(tree, list):
        items = enumerate(tree[:64])
    else:
        return found
    for key, value in items:
        found += _paths(value, (*path, key))
    return found


def _at(tree: Any, path: Path) -> Any:
    for key in path:
        tree = tree[key]
    return tree


def _put(tree: Any, path: Path, value: Any) -> None:
    _at(tree, path[:-1])[path[-1]] = value


def _extreme(rng: random.Random, tree: Any, path: Path) -> None:
    value = _at(tree, path)
    if isinstance(value, bool):
        new: Any = not value
    elif isinstance(value, int | float):
        steps = (value + 1, value - 1, -value, 2 * value, value * 1000)
        new = rng.choice(_NUMBERS if rng.random() < 0.7 else steps)
        new = float(new) if isinstance(value, float) and abs(new) < 1e300 else new
    elif isinstance(value, str):
        new = rng.choice(_TEXTS)
    elif isinstance(value, list) and value and all(isinstance(x, int | float) for x in value):
        new = [rng.choice(_NUMBERS) for _ in value]
    else:
        new = copy.deepcopy(rng.choice(_OTHERS))
    _put(tree, path, new)


def _every_extreme(rng: random.Random, tree: Any, path: Path) -> None:
    """The same number for every field of this name: what multiplies is large together."""
    new, names = rng.choice(_NUMBERS), {path[-1]}
    for other in _paths(tree):
        try:
            old = _at(tree, other)
        except (KeyError, IndexError, TypeError):
            continue
        if other[-1] in names and isinstance(old, int | float):
            _put(tree, other, new)


def _another_type(rng: random.Random, tree: Any, path: Path) -> None:
    _put(tree, path, copy.deepcopy(rng.choice(_OTHERS)))


def _drop(rng: random.Random, tree: Any, path: Path) -> None:
    del rng
    del _at(tree, path[:-1])[path[-1]]


def _swap(rng: random.Random, tree: Any, path: Path) -> None:
    other = rng.choice(_paths(tree))
    one, two = _at(tree, path), _at(tree, other)
    _put(tree, path, copy.deepcopy(two))
    with suppress(KeyError, IndexError, TypeError):  # one may have lain in the other
        _put(tree, other, copy.deepcopy(one))


def _name_of_another(rng: random.Random, tree: Any, path: Path) -> None:
    texts = [v for v in (_at(tree, p) for p in _paths(tree)) if isinstance(v, str)]
    if texts and isinstance(_at(tree, path), str):
        _put(tree, path, rng.choice(texts))
    else:
        _extreme(rng, tree, path)


def _multiply(rng: random.Random, tree: Any, path: Path) -> None:
    value, owner = _at(tree, path), _at(tree, path[:-1])
    if isinstance(owner, list):
        times = _bounded(value, rng.choice((1, 2, 300)))
        owner[path[-1] : path[-1]] = [copy.deepcopy(value) for _ in range(times)]
    elif isinstance(value, list) and value:
        _put(tree, path, value * _bounded(value, rng.choice((2, 20, 1000))))
    else:
        owner[rng.choice(("extra", "kind", "", "\ud800", str(path[-1]) + "s"))] = copy.deepcopy(
            value
        )


def _bounded(value: Any, times: int) -> int:
    """So often that the text stays below what a reader takes at all."""
    return max(1, min(times, _MOST_CHARS // (1 + len(repr(value)))))


def _shuffle(rng: random.Random, tree: Any, path: Path) -> None:
    value = _at(tree, path)
    if isinstance(value, list):
        rng.shuffle(value)
    else:
        _swap(rng, tree, path)


def _bury(rng: random.Random, tree: Any, path: Path) -> None:
    value = _at(tree, path)
    for _ in range(rng.choice((1, 2, 50, _MOST_DEPTH))):
        value = [value] if rng.random() < 0.5 else {"x": value}
    _put(tree, path, value)


_NUMBER_CHANGES = (_extreme, _extreme, _extreme, _every_extreme)
_CHANGES = (
    _extreme, _extreme, _extreme, _extreme, _every_extreme, _another_type, _drop, _swap,
    _name_of_another, _multiply, _shuffle, _bury,
)  # fmt: skip


def _replace_number(rng: random.Random, raw: bytes) -> bytes:
    """A number that JSON has no place for."""
    numbers = (
        b"NaN",
        b"Infinity",
        b"-Infinity",
        b"1e999",
        b"-1e999",
        b"9" * 5000,
        b"1" + b"0" * 400,
    )
    digits = [i for i in range(1, len(raw)) if raw[i : i + 1].isdigit() and raw[i - 1 : i] == b" "]
    if not digits:
        return raw + rng.choice(numbers)
    at = rng.choice(digits)
    stop = at
    while stop < len(raw) and raw[stop : stop + 1] in b"0123456789.eE+-":
        stop += 1
    return raw[:at] + rng.choice(numbers) + raw[stop:]


def _deep(rng: random.Random, raw: bytes) -> bytes:
    deep = rng.choice((500, 5_000, 100_000, 1_000_000))
    opened, closed = rng.choice(((b"[", b"]"), (b'{"a":', b"}")))
    inner = opened * deep + b"1" + closed * deep
    return raw.replace(b"{", b'{"config": ' + inner + b",", 1)


def _twice(rng: random.Random, raw: bytes) -> bytes:
    lines = raw.split(b"\n")
    at = rng.randrange(1, max(2, len(lines) - 1))
    return b"\n".join([*lines[:at], lines[at].rstrip(b",") + b",", *lines[at:]])


def _encoded(rng: random.Random, raw: bytes) -> bytes:
    codec = rng.choice(("utf-8-sig", "utf-16", "utf-32", "cp037"))
    return raw.decode("utf-8", "replace").encode(codec, "replace")


def _not_text(rng: random.Random, raw: bytes) -> bytes:
    at = raw.find(b'": "', rng.randrange(max(1, len(raw) // 2))) + 4
    return (
        raw[:at]
        + rng.choice((b"\xff\xfe", b"\xc0\x80", b"\xed\xa0\x80", b"\\ud800", b"\x1b"))
        + raw[at:]
    )


_TEXT_CHANGES = (_replace_number, _replace_number, _deep, _twice, _encoded, _not_text)
