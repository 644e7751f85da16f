from __future__ import annotations

import numpy as np
import pytest

from petsgan_sdk import kernels
from petsgan_sdk.errors import ConfigError, DTypeError, InputError, ShapeError

BACKENDS = kernels.available_backends()
backends = pytest.mark.parametrize("backend", BACKENDS)


def convert(image, *, height=None, width=None, **options):
    height = image.shape[1] if height is None else height
    width = image.shape[2] if width is None else width
    return kernels.signed_to_u8(image, height=height, width=width, **options)


@backends
def test_levels_by_hand(backend):
    # Halves go up: 127.5 * 0 + 128 = 128, and 127.5 * 0.5 + 128 = 191.75.
    signed = [-2, -1, -1 + 1 / 255, 0, 0.5, 1, 3, -3.4e38, 3.4e38, -0.0]
    image = np.broadcast_to(np.array(signed, dtype=np.float32), (3, 1, 10)).copy()
    expected = [0, 0, 1, 128, 191, 255, 255, 0, 255, 128]
    assert convert(image, backend=backend)[0, :, 1].tolist() == expected


@backends
def test_every_level_comes_back(backend):
    levels = np.arange(256, dtype=np.float32).reshape(1, 16, 16)
    image = np.repeat(levels / np.float32(127.5) - 1, 3, axis=0)
    expected = np.repeat(levels.astype(np.uint8)[0, :, :, None], 3, axis=2)
    np.testing.assert_array_equal(convert(image, backend=backend), expected)


@backends
def test_channels_interleave_and_the_crop_is_the_upper_left(backend):
    image = np.stack([np.full((4, 5), value, np.float32) for value in (-1, 0, 1)])
    image[:, 3] = image[:, :, 4] = np.nan  # what is not asked for is not looked at
    image[0, 2, 3] = 1
    out = convert(image, height=3, width=4, backend=backend)
    assert out.shape == (3, 4, 3)
    assert out.dtype == np.uint8
    assert out.flags.c_contiguous
    assert out[2, 3].tolist() == [255, 128, 255]
    assert (out.reshape(-1, 3)[:-1] == [0, 128, 255]).all()


@backends
@pytest.mark.parametrize("size", [(0, 0), (0, 2), (2, 0), (1, 1)])
def test_tiny_crops(backend, size):
    image = np.zeros((3, 2, 2), dtype=np.float32)
    out = convert(image, height=size[0], width=size[1], backend=backend)
    assert out.shape == (*size, 3)
    assert (out == 128).all()
    assert convert(np.zeros((3, 0, 4), np.float32), backend=backend).shape == (0, 4, 3)


@backends
@pytest.mark.parametrize(
    ("value", "said"), [(np.nan, "nan"), (-np.nan, "nan"), (np.inf, "inf"), (-np.inf, "-inf")]
)
@pytest.mark.parametrize("channel", [0, 1, 2])
def test_what_is_not_finite_is_named(backend, value, said, channel):
    image = np.zeros((3, 300, 300), dtype=np.float32)
    image[channel, 299, 280] = image[channel, 7, 299] = value
    message = rf"image must be finite, got {said} at index \[{channel}, 7, 299\]"
    for threads in (1, 2):
        with pytest.raises(InputError, match=message):
            convert(image, threads=threads, backend=backend)


@backends
def test_bad_arguments(backend):
    image = np.zeros((3, 4, 6), dtype=np.float32)
    for wrong in (image[:2], image[None], image[0]):
        with pytest.raises(ShapeError, match=r"image must have shape \[3, H, W\], got"):
            kernels.signed_to_u8(wrong, height=1, width=1, backend=backend)
    for name, value in (("height", 5), ("height", -1), ("width", 7), ("width", 1.0)):
        size = {"height": 4, "width": 6, name: value}
        with pytest.raises(ShapeError, match=f"{name} must be an integer from 0 to ., got {value}"):
            kernels.signed_to_u8(image, **size, backend=backend)
    with pytest.raises(DTypeError, match="must be float32, got float64"):
        convert(image.astype(np.float64), backend=backend)
    with pytest.raises(DTypeError, match="must be C-contiguous"):
        convert(image[:, :, ::2], backend=backend)
    with pytest.raises(DTypeError, match="must be a numpy array, got list"):
        kernels.signed_to_u8(image.tolist(), height=1, width=1, backend=backend)
    with pytest.raises(ConfigError, match="threads must be an integer of at least 1, got 0"):
        convert(image, threads=0, backend=backend)


@pytest.mark.skipif("cpu" not in BACKENDS, reason="the C++ kernels are not built")
def test_the_compiled_function_checks_for_itself():
    core = kernels._backend.core()
    image = np.zeros((3, 4, 6), dtype=np.float32)
    with pytest.raises(ShapeError, match=r"must have shape \[3, H, W\], got \[2, 4, 6\]"):
        core.signed_to_u8(image[:2], height=1, width=1, threads=1)
    with pytest.raises(ShapeError, match="must be within the image, 4x6, got 5x6"):
        core.signed_to_u8(image, height=5, width=6, threads=1)
    with pytest.raises(DTypeError, match="must be float32"):
        core.signed_to_u8(image.astype(np.float16), height=1, width=1, threads=1)
