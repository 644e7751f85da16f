from __future__ import annotations

from enum import IntEnum

import pytest
import torch

from petsgan_sdk.training.petsgan.dipnet import Purpose
from petsgan_sdk.training.rng import MAX_PURPOSES, rng_for


class Mine(IntEnum):
    """Purposes of another family."""

    LAST = MAX_PURPOSES - 1
    TOO_MANY = MAX_PURPOSES


def drawn(seed, step, purpose):
    return tuple(torch.rand(3, generator=rng_for(seed, step, purpose)).tolist())


def test_every_seed_step_and_purpose_has_a_stream_of_its_own():
    streams = {
        drawn(seed, step, purpose)
        for seed in (0, 1, 1 << 40)
        for step in range(3)
        for purpose in (*Purpose, Mine.LAST)
    }
    assert len(streams) == 3 * 3 * (len(Purpose) + 1)
    assert drawn(5, 6, Purpose.REAL) == drawn(5, 6, Purpose.REAL)


def test_a_purpose_beyond_the_last_would_be_one_of_the_next_step():
    with pytest.raises(ValueError, match="a purpose must be from 0 to 15"):
        rng_for(0, 0, Mine.TOO_MANY)
