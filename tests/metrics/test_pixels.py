from __future__ import annotations

import numpy as np
import pytest

from petsgan_sdk.errors import DTypeError, InputError, ShapeError
from petsgan_sdk.metrics import pixel_diversity, sharpness, ssim, summarise


def grey(plane):
    return np.repeat(np.asarray(plane, np.uint8)[:, :, None], 3, axis=2)


def ramp(step):
    return grey(np.tile(np.arange(16) * step, (12, 1)))


def test_sharpness_is_the_ratio_of_gradients():
    found = sharpness(np.stack([ramp(2), ramp(4), ramp(8)]), ramp(4))
    np.testing.assert_allclose(found, [0.5, 1, 2])


def test_sharpness_takes_a_photo_of_another_size():
    assert sharpness(ramp(4)[None, :7, :9], ramp(4)) == pytest.approx(1)


def test_sharpness_of_nothing():
    with pytest.raises(InputError, match="must not be of one colour"):
        sharpness(ramp(4)[None], ramp(0))


def test_diversity_is_the_spread_over_samples_against_that_of_the_photo():
    samples = np.stack([np.full((4, 6, 3), value, np.uint8) for value in (100, 110)])
    photo = grey(np.tile([0, 20], (4, 3)))
    assert pixel_diversity(samples, photo) == pytest.approx(5 / 10)
    assert pixel_diversity(samples[[0, 0]], photo) == 0


def test_diversity_counts_luma():
    red = np.zeros((2, 4, 4, 3), np.uint8)
    red[1, :, :, 0] = 100
    assert pixel_diversity(red, grey(np.tile([0, 20], (4, 2)))) == pytest.approx(0.299 * 50 / 10)


def test_diversity_needs_two_samples_and_a_photo_with_contrast():
    with pytest.raises(InputError, match="at least 2 samples are needed, got 1"):
        pixel_diversity(ramp(4)[None], ramp(4))
    with pytest.raises(InputError, match="must not be of one brightness"):
        pixel_diversity(ramp(4)[None].repeat(2, axis=0), ramp(0))


def test_ssim_of_one_window_is_the_formula():
    rng = np.random.default_rng(0)
    x, y = rng.integers(0, 256, (2, 11, 11)).astype(np.float64)
    place = np.arange(-5, 6)
    weights = np.exp(-(place[:, None] ** 2 + place**2) / (2 * 1.5**2)).ravel()
    moments = np.cov(x.ravel(), y.ravel(), ddof=0, aweights=weights)
    mean_x, mean_y = (np.average(plane.ravel(), weights=weights) for plane in (x, y))
    c1, c2 = 2.55**2, 7.65**2
    expected = (2 * mean_x * mean_y + c1) * (2 * moments[0, 1] + c2)
    expected /= (mean_x**2 + mean_y**2 + c1) * (moments[0, 0] + moments[1, 1] + c2)
    assert ssim(grey(x), grey(y)) == pytest.approx(expected, rel=1e-9)


def test_ssim_of_flat_images_compares_brightness_alone():
    expected = (2 * 50 * 100 + 2.55**2) / (50**2 + 100**2 + 2.55**2)
    flat = [np.full((13, 17, 3), value, np.uint8) for value in (50, 100)]
    assert ssim(*flat) == pytest.approx(expected, rel=1e-9)


def test_ssim_is_one_for_equal_images_and_symmetric():
    rng = np.random.default_rng(1)
    x, y = rng.integers(0, 256, (2, 24, 20, 3), dtype=np.uint8)
    assert ssim(x, x) == pytest.approx(1)
    assert ssim(x, y) == pytest.approx(ssim(y, x))
    assert abs(ssim(x, y)) < 0.1


def test_what_is_refused():
    image = np.zeros((12, 12, 3), np.uint8)
    with pytest.raises(InputError, match="ssim: an image must be at least 11x11 px, got 12x10"):
        ssim(image[:10], image[:10])
    with pytest.raises(InputError, match="images must have one size, got 12x12 and 12x11"):
        ssim(image, image[:11])
    with pytest.raises(DTypeError, match="dtype must be uint8, got float32"):
        ssim(image.astype(np.float32), image)
    with pytest.raises(ShapeError, match=r"must be \[H, W, 3\], got shape \(12, 12\)"):
        ssim(image[:, :, 0], image)
    with pytest.raises(ShapeError, match=r"must be \[N, H, W, 3\], got shape \(12, 12, 3\)"):
        sharpness(image, image)


def test_summary():
    found = summarise([4, 1, 3, 2, 10])
    assert (found.median, found.lower, found.upper) == (3, 2, 4)
    assert (found.mean, found.least, found.most) == (4, 1, 10)
