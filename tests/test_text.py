from __future__ import annotations

import pytest

from petsgan_sdk._text import printable, short


@pytest.mark.parametrize("text", ["", "plain", "é ü 漢字 \U0001f600", "back\\slash 'quoted'"])
def test_text_that_only_shows_stays(text: str) -> None:
    assert printable(text) == text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[31mred", "\\x1b[31mred"),
        ("a\nb\rc\td", "a\\nb\\rc\\td"),
        ("\x9b2J\x00\x7f", "\\x9b2J\\x00\\x7f"),
        ("\u202eevil\u2066\u200f", "\\u202eevil\\u2066\\u200f"),
        ("\ud800 \udcff", "\\ud800 \\udcff"),
        ("\u2028\ufeff", "\\u2028\\ufeff"),
    ],
)
def test_what_steers_a_terminal_is_escaped(text: str, shown: str) -> None:
    assert printable(text) == shown
    assert printable(shown) == shown
    shown.encode()


def test_a_value_is_cut_and_never_fails() -> None:
    assert short([1, "a"]) == "[1, 'a']"
    assert short("x" * 100, 10) == "'xxxxxxxxx..."
    assert short("\x1b\u202e") == r"'\x1b\u202e'"
    assert "int that cannot be shown" in short(10**5000)
    deep: list[object] = []
    for _ in range(100_000):
        deep = [deep]
    assert len(short(deep)) < 200
