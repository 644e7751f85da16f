from __future__ import annotations

import numpy as np
import pytest

from petsgan_sdk.errors import ConfigError
from petsgan_sdk.runtime.checks import (
    check_int,
    check_number,
    check_range,
    check_size,
    default_threads,
)


@pytest.mark.parametrize(
    ("height", "width"), [(16, 16), (np.int64(17), 31), (4096, 4096), (16, 16_000)]
)
def test_sizes_that_are_fine(height: int, width: int) -> None:
    assert check_size(height, width) == (height, width)


@pytest.mark.parametrize(
    "bad", [0, -1, 8, 15, 16_001, 10**9, 64.0, "64", None, True, np.float32(32), float("nan")]
)
def test_sizes_that_are_not(bad: object) -> None:
    with pytest.raises(ConfigError, match=r"height must be an integer from 16 to 16000, got"):
        check_size(bad, 64)
    with pytest.raises(ConfigError, match=r"width must be an integer from 16 to 16000, got"):
        check_size(64, bad)


def test_too_many_pixels_names_both_numbers() -> None:
    with pytest.raises(ConfigError, match=r"at most 16777216 pixels .*, got 4097x4096 = 16781312"):
        check_size(4096, 4097)


@pytest.mark.parametrize(
    ("n", "start"), [(0, 0), (-1, 0), (1, -1), (1, 2**32), (2, 2**32 - 1), (1.0, 0), (1, 0.0)]
)
def test_counts_that_are_not(n: object, start: object) -> None:
    with pytest.raises(ConfigError, match="must be an integer"):
        check_range(n, start, image_bytes=768)


def test_one_call_returns_no_more_than_fits() -> None:
    assert check_range(1, 2**32 - 1, image_bytes=768) == (1, 2**32 - 1)
    with pytest.raises(ConfigError, match=r"at most 85 images of this size in one call, got 86"):
        check_range(86, 0, image_bytes=50_000_000)


def test_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PETSGAN_NUM_THREADS", raising=False)
    assert 1 <= default_threads() <= 4
    assert default_threads(7) == 7
    monkeypatch.setenv("PETSGAN_NUM_THREADS", "3")
    assert default_threads() == 3
    assert default_threads(1) == 1
    for bad in ("0", "many", "-2", "9999"):
        monkeypatch.setenv("PETSGAN_NUM_THREADS", bad)
        with pytest.raises(ConfigError, match="PETSGAN_NUM_THREADS must be"):
            default_threads()
    for wrong in (0, -1, 257, 1.5):
        with pytest.raises(ConfigError, match="threads must be"):
            default_threads(wrong)  # type: ignore[arg-type]


def test_messages_name_the_value() -> None:
    with pytest.raises(ConfigError, match=r"seed must be an integer from 0 to 5, got 'x'"):
        check_int("x", "seed", low=0, high=5)


@pytest.mark.parametrize("fine", [0, 1, 0.5, np.float32(0.5), np.int64(1)])
def test_numbers_that_are_fine(fine: object) -> None:
    assert check_number(fine, "strength", low=0, high=1) == float(fine)  # type: ignore[arg-type]


@pytest.mark.parametrize("bad", [-0.1, 1.01, float("nan"), float("inf"), "1", None, True, 1j])
def test_numbers_that_are_not(bad: object) -> None:
    with pytest.raises(ConfigError, match=r"strength must be a number from 0 to 1, got "):
        check_number(bad, "strength", low=0, high=1)
