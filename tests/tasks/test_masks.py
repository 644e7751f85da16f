from __future__ import annotations

import numpy as np
import pytest

from petsgan_sdk.errors import DTypeError, InputError, ShapeError
from petsgan_sdk.imaging import resize
from petsgan_sdk.tasks.masks import find_pasted, given_mask, spread


def ellipse(height, width):
    y, x = np.mgrid[:height, :width]
    return ((y / height - 0.5) / 0.25) ** 2 + ((x / width - 0.4) / 0.2) ** 2 < 1


@pytest.fixture(scope="module")
def photo():
    rng = np.random.default_rng(0)
    coarse = rng.integers(0, 256, (9, 12, 3), dtype=np.uint8)
    return resize(coarse, (120, 90), method="bicubic")


def test_every_form_of_a_mask():
    expected = ellipse(60, 80)
    grey = np.where(expected, 200, 100).astype(np.uint8)
    colour = np.zeros((60, 80, 3), np.uint8)
    colour[expected, 1] = 255
    for mask in (expected, grey, grey[:, :, None], colour):
        pasted = given_mask(mask, (60, 80, 3))
        np.testing.assert_array_equal(pasted.mask, expected)
        assert pasted.note is None


def test_a_mask_of_another_size_is_resized_with_a_note():
    pasted = given_mask(ellipse(30, 40), (60, 80, 3))
    assert pasted.note == "the mask of 40x30 was resized to 80x60"
    assert (pasted.mask != ellipse(60, 80)).mean() < 0.02


def test_another_aspect_is_refused_with_both_sizes():
    with pytest.raises(InputError, match=r"composite and mask .* got 80x60 and 60x80"):
        given_mask(ellipse(80, 60), (60, 80, 3))


@pytest.mark.parametrize(
    ("mask", "error", "text"),
    [
        (np.zeros((60, 80), bool), InputError, "got nothing; give a mask that is white there"),
        (np.ones((60, 80), bool), InputError, "got all of it; to make all: paint"),
        (np.zeros((60, 80)), DTypeError, "mask: must be bool or uint8, got float64"),
        (np.zeros(60, bool), ShapeError, "mask: must be"),
        (np.zeros((0, 4), bool), ShapeError, "mask: must be"),
    ],
)
def test_bad_masks(mask, error, text):
    with pytest.raises(error, match=text):
        given_mask(mask, (60, 80, 3))


@pytest.mark.parametrize("size", [(120, 90), (240, 180), (61, 45)])
def test_what_was_pasted_is_found_at_any_size(photo, size):
    truth = ellipse(90, 120)
    composite = np.where(truth[:, :, None], 255 - photo, photo)
    pasted = find_pasted(resize(composite, size, method="bicubic"), photo)
    wanted = ellipse(size[1], size[0])
    overlap = (pasted.mask & wanted).sum() / (pasted.mask | wanted).sum()
    assert overlap > 0.8
    assert pasted.note is not None
    assert "differs from the photo" in pasted.note


def test_noise_is_not_what_was_pasted(photo):
    rng = np.random.default_rng(1)
    truth = ellipse(90, 120)
    composite = np.where(truth[:, :, None], 255 - photo, photo)
    noisy = np.clip(composite + rng.normal(0, 6, photo.shape), 0, 255).astype(np.uint8)
    far = find_pasted(noisy, photo).mask & ~ellipse_grown(truth)
    assert not far.any()


def ellipse_grown(mask):
    return np.logical_or.reduce(
        [np.roll(mask, (y, x), axis=(0, 1)) for y in range(-4, 5) for x in range(-4, 5)]
    )


def test_photos_that_do_not_fit(photo):
    with pytest.raises(InputError, match="got nothing"):
        find_pasted(photo.copy(), photo)
    with pytest.raises(InputError, match="give the mask, or the photo it was made from"):
        find_pasted(photo + np.uint8(128), photo)
    with pytest.raises(InputError, match="got 90x120 and 120x90"):
        find_pasted(np.ascontiguousarray(photo.transpose(1, 0, 2)), photo)


@pytest.mark.parametrize("scale", [0.5, 1.0, 3.0])
def test_a_spread_mask_is_whole_inside_and_zero_outside(scale):
    mask = np.zeros((140, 160), bool)
    mask[60:70, 70:90] = True
    levels = spread(mask, scale=scale)
    assert levels.dtype == np.uint8
    row = levels[65].astype(int)
    inside, outside = round(4 * scale), round(12 * scale)
    assert (row[70 - inside : 90 + inside] == 255).all()
    assert (row[: 70 - outside - 2] == 0).all()
    assert (row[90 + outside + 2 :] == 0).all()
    assert (np.diff(row[:80]) >= 0).all()
    assert len(np.unique(row)) > 2
