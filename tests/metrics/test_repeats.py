from __future__ import annotations

import numpy as np
import pytest
from support.pictures import noise_picture

from petsgan_sdk.errors import DTypeError, InputError
from petsgan_sdk.metrics.repeats import near_repeats


def by_hand(image):
    """The definition: every patch with every other one."""
    grey = image.astype(float) @ np.array([0.299, 0.587, 0.114]) / 127.5
    patches = np.lib.stride_tricks.sliding_window_view(grey, (16, 16))
    patches = patches - patches.mean(axis=(2, 3), keepdims=True)
    lengths = np.linalg.norm(patches, axis=(2, 3))
    down, across = np.indices(lengths.shape)
    hits = []
    for y in range(0, len(down), 8):
        for x in range(0, len(down[0]), 8):
            if patches[y, x].std() <= 0.02:
                continue
            away = np.maximum(abs(down - y), abs(across - x))
            products = np.tensordot(patches, patches[y, x], axes=2)
            alike = products > 0.95 * lengths[y, x] * lengths
            hits.append((alike & (lengths > 1e-9) & (away >= 12) & (away <= 64)).any())
    return np.mean(hits) if hits else 0.0


def picture_with_copies():
    """Grain, in which one part stands twice, brighter and flatter the second time."""
    image = noise_picture(72, 96, seed=3)
    image[40:64, 50:90] = image[5:29, 10:50] // 2 + 60
    return image


def worn_bricks():
    """A lattice whose repeats are about as much alike as counts, for some of its patches."""
    rng = np.random.default_rng(7)
    bricks = np.tile(rng.integers(60, 200, (20, 26, 3)), (4, 3, 1))
    return (bricks + rng.normal(0, 10, bricks.shape)).clip(0, 255).astype(np.uint8)


def shore():
    """Waves below a sky of one colour, wider than patches look."""
    y, x = np.mgrid[:40, :150]
    waves = 120 + 60 * np.sin(x / 5 + y**2 / 90) + 30 * np.cos(x**2 / 700 - y / 3)
    image = np.repeat(waves.astype(np.uint8)[..., None], 3, axis=2)
    image[:18] = 200
    return image


@pytest.mark.parametrize(
    ("make", "least", "most"),
    [(picture_with_copies, 0.05, 0.6), (worn_bricks, 0.1, 0.9), (shore, 0.2, 0.95)],
)
def test_it_is_the_definition(make, least, most):
    image = make()
    expected = by_hand(image)
    assert least < expected < most
    assert near_repeats(image) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("far", [False, True])
def test_copies_count_from_12_to_64_px(far):
    image = np.random.default_rng(0).integers(0, 256, (32, 180, 3), dtype=np.uint8)
    apart = 80 if far else 40
    image[:, apart : apart + 32] = image[:, :32]
    assert (near_repeats(image) == 0) == far


def test_a_lattice_repeats_everywhere_and_grain_nowhere():
    grain = np.random.default_rng(1).integers(0, 256, (64, 80, 3), dtype=np.uint8)
    assert near_repeats(grain) == 0
    assert near_repeats(np.tile(grain[:20, :20], (4, 4, 1))) == 1


def test_flat_parts_do_not_count():
    flat = np.full((64, 64, 3), 90, np.uint8)
    assert near_repeats(flat) == 0
    flat[:, ::2] += 2  # a deviation of 1 of 255: the same everywhere, and still too little
    assert near_repeats(flat) == 0


def test_what_it_cannot_judge():
    with pytest.raises(InputError, match="repeats: an image must be at least 28x28 px, got 40x27"):
        near_repeats(np.zeros((27, 40, 3), np.uint8))
    with pytest.raises(DTypeError, match="repeats: dtype must be uint8"):
        near_repeats(np.zeros((40, 40, 3)))
