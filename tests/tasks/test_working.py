from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from petsgan_sdk.imaging import resize
from petsgan_sdk.tasks.colours import recoloured
from petsgan_sdk.tasks.result import returned
from petsgan_sdk.tasks.working import mixed, seen_at, working_size


def manifest(height, width, *, factor=8, least=32):
    return SimpleNamespace(image_size_px=(height, width), factor=factor, min_canvas_px=least)


@pytest.mark.parametrize(
    ("model", "size", "scale", "expected"),
    [
        (manifest(168, 256), (300, 451), 1, (168, 256)),  # the photo itself, before training
        (manifest(168, 256), (168, 256), 1, (168, 256)),
        (manifest(168, 256), (3000, 4510), 1, (168, 256)),
        (manifest(168, 256), (256, 168), 1, (256, 168)),
        (manifest(168, 256), (50, 50), 1, (208, 208)),
        (manifest(168, 256), (300, 451), 2, (336, 512)),
        (manifest(168, 256), (16, 4000), 1, (32, 3280)),
        (manifest(166, 256, factor=1, least=16), (333, 512), 1, (166, 256)),
    ],
)
def test_every_input_is_seen_at_the_learned_number_of_pixels(model, size, scale, expected):
    assert working_size(model, *size, scale=scale) == expected


@pytest.fixture(scope="module")
def picture():
    rng = np.random.default_rng(0)
    return resize(rng.integers(0, 256, (30, 40, 3), dtype=np.uint8), (160, 120), method="bicubic")


def test_an_unchanged_image_comes_back_with_all_its_detail(picture):
    fine = np.clip(picture + np.random.default_rng(1).normal(0, 20, picture.shape), 0, 255)
    image = fine.astype(np.uint8)
    seen = seen_at(image, (60, 80)).astype(np.float32)
    back = returned(image, seen, seen)
    assert np.abs(back.astype(int) - image).max() <= 1


def test_detail_of_what_is_gone_does_not_come_back(picture):
    rng = np.random.default_rng(1)
    image = np.clip(picture + rng.normal(0, 30, picture.shape), 0, 255).astype(np.uint8)
    seen = seen_at(image, (60, 80)).astype(np.float32)
    result = rng.uniform(0, 255, seen.shape).astype(np.float32)
    back = returned(image, seen, result).astype(float)
    plain = resize(result, (160, 120), method="bicubic")
    trace = np.corrcoef((back - plain).ravel(), (image - resize(seen, (160, 120))).ravel())
    kept = np.abs(back - np.clip(plain, 0, 255)).mean()
    assert kept < 4
    assert trace[0, 1] < 0.6


def test_no_fine_detail_of_a_rim_comes_back(picture):
    image = np.clip(picture + np.random.default_rng(1).normal(0, 30, picture.shape), 0, 255)
    image = image.astype(np.uint8)
    seen = seen_at(image, (60, 80)).astype(np.float32)
    rim = np.zeros((60, 80), bool)
    rim[20:40] = True
    back = returned(image, seen, seen, rim=rim)
    plain = resize(seen_at(image, (60, 80)), (160, 120), method="bicubic")
    assert np.abs(back[44:76].astype(int) - plain[44:76]).mean() < 1
    assert np.abs(back[:36].astype(int) - image[:36]).max() <= 1


def test_the_input_where_the_mask_is_zero(picture):
    mask = np.zeros(picture.shape[:2], np.uint8)
    mask[40:60, 50:90] = 255
    mask[39, 50:90] = 1
    seen = seen_at(picture, (60, 80)).astype(np.float32)
    back = returned(picture, seen, np.zeros_like(seen), mask)
    np.testing.assert_array_equal(back[mask == 0], picture[mask == 0])
    assert (back[mask == 255] <= 1).all()


@pytest.mark.parametrize("cell", [1, 8])
def test_mixing_parts(picture, cell):
    rng = np.random.default_rng(2)
    base = picture.astype(np.float32)
    made = rng.uniform(0, 255, base.shape).astype(np.float32)
    np.testing.assert_allclose(mixed(base, made, colours=0, detail=0, cell=cell), base, atol=1e-3)
    np.testing.assert_allclose(mixed(base, made, colours=1, detail=1, cell=cell), made, atol=1e-3)
    textured = mixed(base, made, colours=0, detail=1, cell=8)

    def cells(image):
        return resize(image, (20, 15), method="area")

    kept, lost = (np.abs(cells(image) - cells(base)).mean() for image in (textured, made))
    assert kept < 0.35 * lost


def test_recolouring_gives_mean_and_covariance():
    rng = np.random.default_rng(3)
    image = (rng.normal(120, 20, (40, 50, 3)) @ np.diag([1, 0.5, 0.8])).astype(np.float32)
    mix = np.array([[1, 0.4, 0.1], [0, 0.8, 0.3], [0, 0, 0.5]])
    wanted = (rng.normal(0, 18, (30, 30, 3)) @ mix + [130, 110, 90]).astype(np.float32)
    result = recoloured(image, wanted).reshape(-1, 3)
    reference = wanted.reshape(-1, 3)
    np.testing.assert_allclose(result.mean(axis=0), reference.mean(axis=0), atol=1)
    np.testing.assert_allclose(np.cov(result.T), np.cov(reference.T), rtol=0.05, atol=6)


def test_recolouring_a_flat_image_gives_the_mean():
    flat = np.full((20, 20, 3), 30, np.float32)
    wanted = np.random.default_rng(4).normal(140, 20, (20, 20, 3)).astype(np.float32)
    result = recoloured(flat, wanted)
    np.testing.assert_allclose(result, wanted.mean(axis=(0, 1)) + 0 * result, atol=0.5)
