"""JSON that anyone may have written, read with bounds. Imports the standard library only.

The parser of Python accepts more than JSON is, and more than the rest of a program expects of it:
infinities, integers of any length, keys that come twice, text that no encoding can write. What
leaves this module can be walked by recursion, printed and written again.
"""

from __future__ import annotations

import json
import math
from typing import Any, NoReturn

__all__ = ["MAX_DEPTH", "MAX_DIGITS", "MAX_VALUES", "read_object"]

MAX_DEPTH = 32
"""Most lists and tables inside each other; a manifest of ours has 5."""

MAX_VALUES = 1 << 17
"""Most values in all. A manifest of ours has some hundred, and four for each member, of which
there are at most 4096."""

MAX_DIGITS = 40
"""Of an integer: 64 bits have 20. Python refuses to read or write more than 4300 in a way of its
own."""


def read_object(raw: bytes) -> dict[str, Any]:
    """Read one JSON object.

    Args:
        raw: UTF-8.

    Returns:
        Finite numbers, integers of at most `MAX_DIGITS` digits, text that can be encoded, no more
        values than `MAX_VALUES` and no deeper than `MAX_DEPTH`.

    Raises:
        ValueError: It is anything else, or a key comes twice; the message says which.
    """
    # Each value but the first of its list follows a comma: most lists of millions need no parser.
    if raw.count(b",") > MAX_VALUES:
        msg = f"it has more than {MAX_VALUES} values"
        raise ValueError(msg)
    try:
        found = json.loads(
            raw.decode(),
            object_pairs_hook=_unique_pairs,
            parse_constant=_no_constant,
            parse_float=_finite,
            parse_int=_integer,
        )
    except RecursionError as exc:
        msg = f"it is nested more than {MAX_DEPTH} levels deep"
        raise ValueError(msg) from exc
    if not isinstance(found, dict):
        msg = "it is no table"
        raise ValueError(msg)
    _check(found)
    return found


def _check(found: dict[str, Any]) -> None:
    waiting: list[tuple[Any, int]] = [(found, 1)]
    count = 0
    while waiting:
        value, depth = waiting.pop()
        if isinstance(value, str):
            value.encode()  # a lone surrogate raises a ValueError
            continue
        if not isinstance(value, dict | list):
            continue
        count += len(value)
        if depth > MAX_DEPTH or count > MAX_VALUES:
            limit = f"{MAX_VALUES} values" if count > MAX_VALUES else f"{MAX_DEPTH} levels"
            msg = f"it has more than {limit}"
            raise ValueError(msg)
        if isinstance(value, dict):
            waiting += [(key, depth) for key in value]
            value = value.values()
        waiting += [(item, depth + 1) for item in value]


def _unique_pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    unique = dict(pairs)
    if len(unique) != len(pairs):
        msg = "a key comes twice"
        raise ValueError(msg)
    return unique


def _no_constant(text: str) -> NoReturn:
    msg = f"{text} is not JSON"
    raise ValueError(msg)


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        msg = "a number is too large"
        raise ValueError(msg)
    return value


def _integer(text: str) -> int:
    if len(text) > MAX_DIGITS:
        msg = f"an integer has more than {MAX_DIGITS} digits"
        raise ValueError(msg)
    return int(text)
