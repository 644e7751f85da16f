from __future__ import annotations

import numpy as np
import pytest
from support.pictures import noise_picture

from petsgan_sdk.errors import DTypeError, InputError
from petsgan_sdk.metrics.repeats import near_repeats


def by_hand(image):
    """The definition, pair by pair."""
    grey = image.astype(float) @ np.array([0.299, 0.587, 0.114]) / 127.5
    rows, columns = (side - 15 for side in grey.shape)

    def patch(y, x):
        part = grey[y : y + 16, x : x + 16]
        return part - part.mean()

    hits = []
    for y in range(0, rows, 8):
        for x in range(0, columns, 8):
            own = patch(y, x)
            if own.std() <= 0.02:
                continue
            others = (
                patch(v, u)
                for v in range(max(0, y - 64), min(rows, y + 65))
                for u in range(max(0, x - 64), min(columns, x + 65))
                if max(abs(v - y), abs(u - x)) >= 12
            )
            lengths = np.linalg.norm(own)
            hits.append(
                any((own * o).sum() > 0.95 * lengths * np.linalg.norm(o) for o in others if o.any())
            )
    return np.mean(hits) if hits else 0.0


def picture_with_copies():
    """Grain, in which one part stands twice, brighter and flatter the second time."""
    image = noise_picture(72, 96, seed=3)
    image[40:64, 50:90] = image[5:29, 10:50] // 2 + 60
    return image


def test_it_is_the_definition():
    image = picture_with_copies()
    expected = by_hand(image)
    assert 0.05 < expected < 0.6
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
