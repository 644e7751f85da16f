from __future__ import annotations

import numpy as np
import pytest

from petsgan_sdk.errors import ConfigError, DTypeError, InputError, ShapeError
from petsgan_sdk.imaging import (
    fit_size,
    resize,
    sharpness,
    to_signed,
    to_u8,
)


@pytest.mark.parametrize("method", ["lanczos", "bicubic", "bilinear", "area", "nearest"])
def test_resize_keeps_a_constant(method):
    flat = np.full((20, 30, 3), 77, np.uint8)
    for size in ((7, 5), (30, 20), (61, 43)):
        out = resize(flat, size, method=method)
        assert out.shape == (size[1], size[0], 3)
        assert set(out.ravel()) == {77}
        signed = resize(flat.astype(np.float32) / 100, size, method=method)
        assert signed.dtype == np.float32
        np.testing.assert_allclose(signed, 0.77, atol=1e-6)


def test_resize_area_is_the_block_mean():
    image = np.random.default_rng(0).normal(size=(8, 12, 2)).astype(np.float32)
    expected = image.reshape(2, 4, 3, 4, 2).mean(axis=(1, 3))
    np.testing.assert_allclose(resize(image, (3, 2), method="area"), expected, atol=1e-6)


def test_resize_does_not_alias():
    stripes = np.zeros((32, 64, 1), np.float32)
    stripes[:, ::2] = 1
    for method in ("lanczos", "bicubic", "bilinear", "area"):
        inner = resize(stripes, (16, 8), method=method)[:, 2:-2]
        np.testing.assert_allclose(inner, 0.5, atol=0.02)


def test_resize_rounds_and_cuts_uint8_and_clamps_floats():
    edge = np.zeros((8, 8, 1), np.uint8)
    edge[:, 4:] = 255
    assert set(resize(edge, (31, 8))[0, :, 0][:4]) <= {0, 1}
    signed = edge.astype(np.float32)
    overshoot = resize(signed, (31, 8))
    assert overshoot.min() < -1
    assert overshoot.max() > 256
    clamped = resize(signed, (31, 8), clamp=(0, 255))
    assert (clamped.min(), clamped.max()) == (0, 255)
    np.testing.assert_array_equal(clamped, np.clip(overshoot, 0, 255))


def test_resize_does_not_share_memory():
    image = np.zeros((4, 4, 1), np.float32)
    assert not np.shares_memory(image, resize(image, (4, 4)))


def test_resize_refuses():
    image = np.zeros((4, 4, 3), np.uint8)
    with pytest.raises(ConfigError, match=r"method must be one of lanczos, .* got 'best'"):
        resize(image, (2, 2), method="best")
    for bad, size in ((image[0], (2, 2)), (image, (0, 2)), (image[:0], (2, 2))):
        with pytest.raises(ShapeError, match=r"must be \[H, W, C\] and size positive"):
            resize(bad, size)
    with pytest.raises(DTypeError, match="uint8 or float32, got float64"):
        resize(image.astype(np.float64), (2, 2))


def test_signed_and_back_is_exact():
    levels = np.arange(256, dtype=np.uint8)
    signed = to_signed(levels)
    assert signed.dtype == np.float32
    assert (signed[0], signed[255]) == (-1, 1)
    np.testing.assert_array_equal(to_u8(signed), levels)


@pytest.mark.parametrize(
    ("value", "expected"),
    [(0, 128), (-1, 0), (1, 255), (-1.5, 0), (9e9, 255), (np.inf, 255), (-np.inf, 0)],
)
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_to_u8(value, expected, dtype):
    with np.errstate(over="ignore"):
        array = np.array([value]).astype(dtype)
    assert to_u8(array).tolist() == [expected]


def test_conversions_refuse():
    with pytest.raises(InputError, match="got NaN 1 times in 2"):
        to_u8(np.array([0, np.nan]))
    with pytest.raises(DTypeError, match="floating point, got uint8"):
        to_u8(np.zeros(2, np.uint8))
    with pytest.raises(DTypeError, match="must be uint8, got float64"):
        to_signed(np.zeros(2))


@pytest.mark.parametrize(
    ("size", "limit", "multiple", "expected"),
    [
        ((1160, 784), 256, 8, (256, 176)),  # 784 * 256 / 1160 = 173.02
        ((784, 1160), 256, 8, (176, 256)),
        ((1160, 784), 256, 1, (256, 173)),
        ((451, 300), 256, 8, (256, 168)),  # 170.3
        ((256, 256), 256, 8, (256, 256)),
        ((100, 60), 256, 8, (104, 64)),  # nearest multiple, halves up
        ((99, 61), 256, 8, (96, 64)),
        ((256, 250), 250, 8, (248, 248)),  # 244.1 is nearer to 248
        ((16, 16), 256, 8, (32, 32)),
        ((1600, 120), 256, 8, (424, 32)),  # 13.3 : 1, where 256 would leave 19 px
        ((120, 1600), 256, 8, (32, 424)),
        ((1600, 170), 256, 8, (304, 32)),
        ((1600, 200), 256, 8, (256, 32)),
        ((16, 48), 256, 8, (32, 96)),
        ((20, 60), 32, 8, (32, 96)),
        ((1600, 50), 256, 8, (1024, 32)),
        ((1600, 50), 256, 1, (512, 16)),
        ((1600, 50), 256, 64, (8192, 256)),
        ((8, 8), 8, 1, (8, 8)),
        ((10**9, 10**9), 256, 8, (256, 256)),
    ],
)
def test_fit_size(size, limit, multiple, expected):
    assert fit_size(*size, max_size_px=limit, multiple=multiple) == expected


@pytest.mark.parametrize(("width", "limit", "multiple"), [(0, 256, 8), (99, 31, 8), (99, 256, 0)])
def test_fit_size_refuses(width, limit, multiple):
    with pytest.raises(ConfigError, match="fit_size: sizes must be positive"):
        fit_size(width, 50, max_size_px=limit, multiple=multiple)


@pytest.mark.parametrize("size", [(1601, 50), (16, 513), (10**9, 1)])
def test_fit_size_refuses_what_no_size_would_show(size):
    with pytest.raises(InputError, match=r"at most 32 times the other, got .*; hint: crop it"):
        fit_size(*size, max_size_px=256, multiple=8)


def test_sharpness():
    ramp = np.zeros((5, 6, 3), np.uint8)
    assert sharpness(ramp) == 0
    ramp += (3 * np.arange(6)[None, :, None] + 4 * np.arange(5)[:, None, None]).astype(np.uint8)
    assert sharpness(ramp) == pytest.approx(5)
    red = np.zeros((2, 2, 3), np.uint8)
    red[:, 1, 0] = 100
    assert sharpness(red) == pytest.approx(29.9)
    with pytest.raises(ShapeError, match="sides from 2, got shape"):
        sharpness(red[:1])
    with pytest.raises(DTypeError, match="must be uint8"):
        sharpness(red.astype(float))
