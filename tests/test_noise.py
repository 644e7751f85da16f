from __future__ import annotations

import math

import numpy as np
import pytest

from petsgan_sdk import kernels, noise
from petsgan_sdk.errors import ConfigError, ShapeError

BACKENDS = kernels.available_backends()

# The known answers that Random123 publishes for philox4x32 with 10 rounds: counter, key, words.
KNOWN_ANSWERS = [
    ("00000000 " * 4, "00000000 " * 2, "6627e8d5 e169c58d bc57ac4c 9b00dbd8"),
    ("ffffffff " * 4, "ffffffff " * 2, "408f276d 41c83b0e a20bc7c6 6d5451fd"),
    (
        "243f6a88 85a308d3 13198a2e 03707344",  # digits of pi
        "a4093822 299f31d0",
        "d16cfe09 94fdcceb 5001e420 24126ea1",
    ),
]


def words(text):
    return np.array([int(word, 16) for word in text.split()], dtype=np.uint32)


def signed(word):
    return word - (word >> 31 << 32)


@pytest.mark.parametrize(("counter", "key", "expected"), KNOWN_ANSWERS)
def test_philox_gives_the_published_answers(counter, key, expected):
    np.testing.assert_array_equal(noise.philox4x32(words(counter), words(key)), words(expected))


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize(("counter", "key", "expected"), KNOWN_ANSWERS)
@pytest.mark.parametrize("width", [1, 11])  # alone, and in whichever lane of a vector
def test_the_published_answers_by_the_textbook_formula(backend, counter, key, expected, width):
    # The counter is (column, row, image, stage and channel / 4), so that any can be asked for.
    column, row, image, group = (int(word) for word in words(counter))
    key0, key1 = (int(word) for word in words(key))
    channel = 4 * (group & 0xFFFF)
    normals = []
    u = [(int(word) + 0.5) / 2**32 for word in words(expected)]
    for a, b in ((u[0], u[1]), (u[2], u[3])):
        radius = math.sqrt(-2 * math.log(a))
        normals += [radius * math.cos(2 * math.pi * b), radius * math.sin(2 * math.pi * b)]
    block = kernels.normal_noise(
        (1, channel + 4, 1, width),
        seed=key1 << 32 | key0,
        stage=group >> 16,
        first_image=image,
        top=signed(row),
        left=signed(column) - width + 1,
        backend=backend,
    )
    np.testing.assert_array_equal(block[0, channel:, 0, -1], np.array(normals, dtype=np.float32))


@pytest.mark.parametrize("backend", BACKENDS)
def test_moments_are_those_of_a_standard_normal(backend):
    x = kernels.normal_noise((2, 5, 200, 200), seed=20, backend=backend).astype(np.float64)
    samples = x.size
    assert abs(x.mean()) < 4 / math.sqrt(samples)
    assert abs(x.var() - 1) < 4 * math.sqrt(2 / samples)
    assert abs((x**3).mean()) < 4 * math.sqrt(15 / samples)
    assert abs((x**4).mean() - 3) < 4 * math.sqrt(96 / samples)
    planes = x.reshape(10, -1)
    correlation = planes @ planes.T / planes.shape[1]
    assert np.abs(correlation - np.diag(np.diag(correlation))).max() < 5 / 200
    assert abs((x[..., 1:] * x[..., :-1]).mean()) < 4 / math.sqrt(samples)


@pytest.mark.parametrize("backend", BACKENDS)
def test_distinct_keys_and_counters_give_distinct_noise(backend):
    kwargs = {"backend": backend}
    base = kernels.normal_noise((1, 1, 4, 4), seed=1, **kwargs)
    others = [
        kernels.normal_noise((1, 1, 4, 4), seed=2, **kwargs),
        kernels.normal_noise((1, 1, 4, 4), seed=1 + (1 << 32), **kwargs),
        kernels.normal_noise((1, 1, 4, 4), seed=1, stage=1, **kwargs),
        kernels.normal_noise((1, 1, 4, 4), seed=1, first_image=1, **kwargs),
        kernels.normal_noise((1, 1, 4, 4), seed=1, top=4, **kwargs),
    ]
    assert all(not np.isin(other, base).any() for other in others)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("shape", [(0, 1, 2, 2), (1, 0, 2, 2), (1, 1, 0, 2), (2, 3, 4, 0)])
def test_empty_block(backend, shape):
    assert kernels.normal_noise(shape, seed=0, backend=backend).shape == shape


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize(
    ("argument", "value"),
    [
        ("seed", -1),
        ("seed", 1 << 64),
        ("seed", 1.5),
        ("stage", 1 << 16),
        ("first_image", -1),
        ("first_image", 1 << 32),
        ("top", 1 << 31),
        ("left", -(1 << 31) - 1),
    ],
)
def test_arguments_out_of_range(backend, argument, value):
    arguments = {"seed": 0, argument: value}
    with pytest.raises(ConfigError, match=f"{argument} must be an integer in .* got"):
        kernels.normal_noise((1, 1, 1, 1), backend=backend, **arguments)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("shape", [(1, 1, 1), (1, 1, -1, 1), (1, (1 << 18) + 1, 1, 1)])
def test_bad_shape(backend, shape):
    with pytest.raises(ShapeError, match=r"shape must be \(N, C"):
        kernels.normal_noise(shape, seed=0, backend=backend)


def test_position_channels_by_hand():
    encoding = noise.positional_encoding(2, 3, frequencies=[1.0, 0.5])
    assert encoding.shape == (1, 8, 2, 3)
    assert encoding.dtype == np.float32
    x = np.arange(3)
    y = np.arange(2)[:, None] * np.ones((1, 3))
    expected = [np.sin(x), np.cos(x), np.sin(x / 2), np.cos(x / 2)]
    expected += [np.sin(y), np.cos(y), np.sin(y / 2), np.cos(y / 2)]
    for channel, values in enumerate(expected):
        np.testing.assert_allclose(encoding[0, channel], np.broadcast_to(values, (2, 3)), atol=1e-7)


@pytest.mark.parametrize("extent", [None, (18, 4)])
def test_position_margin_surrounds_the_canvas(extent):
    canvas = noise.positional_encoding(9, 8, frequencies=[1.0, 0.01], extent=extent)
    wide = noise.positional_encoding(9, 8, frequencies=[1.0, 0.01], extent=extent, margin=3)
    assert wide.shape == (1, 8, 15, 14)
    np.testing.assert_array_equal(wide[:, :, 3:-3, 3:-3], canvas)
    first = -3.0 if extent is None else -2.5 * 4 / 8 - 0.5
    np.testing.assert_allclose(wide[0, 0, 0, 0], np.sin(first), atol=1e-7)


def test_position_extent_spans_the_same_coordinates_at_any_size():
    # Pixel centres: a canvas of twice the size interleaves around the same range.
    small = noise.positional_encoding(1, 4, frequencies=[1.0], extent=(1, 4))
    np.testing.assert_array_equal(small, noise.positional_encoding(1, 4, frequencies=[1.0]))
    large = noise.positional_encoding(2, 8, frequencies=[1.0], extent=(1, 4))
    coordinates = (np.arange(8) + 0.5) / 2 - 0.5
    np.testing.assert_allclose(large[0, 0, 0], np.sin(coordinates), atol=1e-7)


def test_position_refuses_nothing_to_encode():
    with pytest.raises(ShapeError, match="at least 0, got 0x3"):
        noise.positional_encoding(0, 3, frequencies=[1.0])
    with pytest.raises(ConfigError, match="frequencies must name at least one"):
        noise.positional_encoding(1, 3, frequencies=[])
