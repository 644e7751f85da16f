"""Sizes of levels by the three rules, and the photo at each."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from petsgan_sdk.errors import ConfigError
from petsgan_sdk.models.exsingan.pyramid import MIN_LEVEL_PX, build_pyramid, level_sizes

RULES = ("exsingan", "consingan", "singan")


def sizes(height, width, *, count=7, coarsest_px=32, rescale="exsingan"):
    return level_sizes(height, width, count=count, coarsest_px=coarsest_px, rescale=rescale)


def test_published_sizes():
    # The code's table for N = 6 at 256x256, to the nearest pixel instead of cut off.
    assert [h for h, _ in sizes(256, 256)] == [32, 45, 59, 79, 112, 166, 256]
    assert [h for h, _ in sizes(256, 256, count=10)] == [32, 40, 49, 59, 72, 90, 116, 149, 193, 256]


@pytest.mark.parametrize(("height", "width"), [(192, 256), (168, 256), (256, 184), (250, 187)])
def test_the_coarsest_is_what_was_asked_for(height, width):
    # Cutting off gives 31 for many of these.
    for rule in RULES:
        assert min(sizes(height, width, rescale=rule)[0]) == 32


def test_singan_grows_by_one_factor():
    steps = [h for h, _ in sizes(2560, 2560, rescale="singan")]
    ratios = [b / a for a, b in itertools.pairwise(steps)]
    assert ratios == pytest.approx([80 ** (1 / 6)] * 6, rel=0.02)


def test_consingan_formula():
    ratio = (32 / 256) ** (1 / 6)
    expected = [round(256 * ratio ** (1 + math.log(6 - s) * 5 / math.log(6))) for s in range(6)]
    assert [h for h, _ in sizes(256, 256, rescale="consingan")] == [*expected, 256]


@given(
    st.integers(16, 1200),
    st.integers(16, 1200),
    st.integers(1, 10),
    st.sampled_from(RULES),
)
def test_levels_grow_to_the_image(height, width, count, rule):
    assume(max(height, width) < 20 * min(height, width))
    found = sizes(height, width, count=count, rescale=rule)
    assert len(found) == count
    assert found[-1] == (height, width)
    for (h, w), (following_h, following_w) in itertools.pairwise(found):
        assert MIN_LEVEL_PX <= h <= following_h
        assert MIN_LEVEL_PX <= w <= following_w


def test_a_small_image_starts_at_half_its_size():
    assert min(sizes(40, 52, count=3)[0]) == 20


def test_a_level_that_is_too_small_is_named():
    with pytest.raises(ConfigError, match=r"at least 8 px, got level 0 of 9x6"):
        sizes(12, 18, count=3)


def test_pyramid_holds_the_photo_and_its_means():
    rng = np.random.default_rng(0)
    photo = rng.integers(0, 256, (32, 48, 3), dtype=np.uint8)
    coarse, whole = build_pyramid(photo, [(16, 24), (32, 48)])
    assert np.array_equal(whole, photo)
    means = photo.reshape(16, 2, 24, 2, 3).mean(axis=(1, 3))
    assert np.abs(coarse - means).max() <= 1
