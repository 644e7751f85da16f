from __future__ import annotations

import json

import pytest

from petsgan_sdk.container.strict_json import MAX_DEPTH, MAX_DIGITS, MAX_VALUES, read_object


def nested(depth: int) -> bytes:
    return b'{"a": ' + b"[" * (depth - 1) + b"]" * (depth - 1) + b"}"


def test_plain_json_is_what_python_reads() -> None:
    value = {
        "text": 'ü \u202e \x1b "',
        "numbers": [0, -1, 1.5, 2**64, -(2**63), 1e-300, 1e300],
        "others": {"true": True, "none": None, "empty": [{}, [], ""]},
        "emoji": "\U0001f600",
    }
    for is_ascii in (True, False):
        assert read_object(json.dumps(value, ensure_ascii=is_ascii).encode()) == value


def test_what_is_just_allowed() -> None:
    assert read_object(nested(MAX_DEPTH))
    assert read_object(b'{"a": ' + b"9" * MAX_DIGITS + b"}") == {"a": 10**MAX_DIGITS - 1}
    assert len(read_object(b'{"a": [' + b"0," * (MAX_VALUES - 2) + b"0]}")["a"]) == MAX_VALUES - 1
    assert read_object(b'{"a": 1e-400, "b": -0.0}') == {"a": 0.0, "b": 0.0}


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"[]",
        b'"a"',
        b"null",
        b"{",
        b'{"a": 1,}',
        b'{"a": NaN}',
        b'{"a": -Infinity}',
        b'{"a": 1e400}',
        b'{"a": -1e400}',
        b'{"a": [{"b": 1, "b": 1}]}',
        b'{"a": "\\ud800"}',
        b'{"a": {"\\udfff": 1}}',
        b'{"a": "\\ud800\\ud800"}',
        b'{"a": "\xed\xa0\x80"}',
        b'{"a": "\xff"}',
        '{"a": 1}'.encode("utf-16"),
        b"\xef\xbb\xbf{}",
        b'{"a": ' + b"9" * (MAX_DIGITS + 1) + b"}",
        b'{"a": -' + b"9" * 10_000 + b"}",
        nested(MAX_DEPTH + 1),
        nested(500),
        nested(100_000),
        b'{"a":' * 100_000,
        b'{"a": [' + b"0," * MAX_VALUES + b"0]}",
        b'{"a": [' + b"{}," * MAX_VALUES + b"0]}",
    ],
    ids=range(26),
)
def test_what_is_refused(raw: bytes) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        read_object(raw)
