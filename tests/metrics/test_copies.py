"""The copy rate must tell plain, shifted and mirrored copies apart, and all from other images."""

from __future__ import annotations

import numpy as np
import pytest
from support.pictures import noise_picture

from petsgan_sdk.errors import InputError
from petsgan_sdk.metrics import copies
from petsgan_sdk.metrics.copies import CopySearch, copy_rates

PHOTO = noise_picture(48, 64, seed=0)


def test_a_plain_copy_stayed():
    found = copy_rates(PHOTO, PHOTO)
    assert found.unmoved == 1
    assert found.shifted == 0
    assert found.mirrored < 0.1


def test_grain_does_not_hide_a_copy():
    rng = np.random.default_rng(1)
    grainy = np.clip(PHOTO + rng.normal(0, 8, PHOTO.shape), 0, 255).astype(np.uint8)
    assert copy_rates(grainy, PHOTO).unmoved > 0.95


def test_a_shifted_copy_moved_as_a_whole():
    found = copy_rates(np.roll(PHOTO, (6, -10), axis=(0, 1)), PHOTO)
    assert found.unmoved < 0.05
    # Of 58x42 places, all but those that came in from the other side, or lie across its edge.
    assert found.shifted == pytest.approx(48 * 36 / (58 * 42), abs=0.05)
    assert found.shift_px == (-6, 10)


def test_a_shift_within_the_tolerance_is_none():
    found = copy_rates(np.roll(PHOTO, copies.TOLERANCE_PX, axis=1), PHOTO)
    assert found.unmoved > 0.85
    assert copy_rates(np.roll(PHOTO, copies.TOLERANCE_PX + 1, axis=1), PHOTO).unmoved < 0.05


def test_a_mirrored_copy_is_mirrored():
    found = copy_rates(np.ascontiguousarray(PHOTO[:, ::-1]), PHOTO)
    assert found.mirrored == 1
    assert found.unmoved < 0.1
    assert found.shifted < 0.2


def test_a_symmetrical_photo_is_its_own_mirror_image():
    photo = np.concatenate([PHOTO[:, :32], PHOTO[:, 31::-1]], axis=1)
    found = copy_rates(photo, photo)
    assert (found.unmoved, found.mirrored) == (1, 1)


def test_another_image_is_no_copy():
    found = copy_rates(noise_picture(48, 64, seed=5), PHOTO)
    assert max(found.unmoved, found.shifted, found.mirrored) < 0.15


def test_half_a_copy():
    sample = PHOTO.copy()
    sample[:, 32:] = noise_picture(48, 32, seed=7)
    assert copy_rates(sample, PHOTO).unmoved == pytest.approx(0.5, abs=0.1)


def test_flat_images_of_one_colour_stay():
    flat = np.full((20, 20, 3), 200, np.uint8)
    assert copy_rates(flat, flat).unmoved == 1


def test_large_images_are_reduced_and_shifts_told_in_their_pixels(monkeypatch):
    monkeypatch.setattr(copies, "_CHUNK_BYTES", 1 << 20)  # several chunks
    photo = noise_picture(48, 64, seed=0).repeat(4, axis=0).repeat(4, axis=1)
    search = CopySearch(photo)
    assert search(photo).unmoved == 1
    found = search(np.roll(photo, 40, axis=1))
    assert found.shift_px == (0, -40)
    assert found.shifted > 0.6


def test_what_is_refused():
    with pytest.raises(InputError, match="copy: an image must be at least 16x16 px, got 64x15"):
        CopySearch(PHOTO[:15])
    with pytest.raises(InputError, match="images must have one size, got 64x40 and 64x48"):
        copy_rates(PHOTO[:40], PHOTO)
