from __future__ import annotations

import numpy as np
import pytest

from petsgan_sdk import kernels
from petsgan_sdk.errors import ConfigError, DTypeError, ShapeError

BACKENDS = kernels.available_backends()
TOLERANCE = 1e-6  # texture in [-1, 1]


def _texture(height, width, *, factor, seed=0):
    rng = np.random.default_rng(seed)
    size = (3, height * factor, width * factor)
    return rng.uniform(-1, 1, size).astype(np.float32)


def _identity(height, width):
    return np.arange(height * width, dtype=np.int32).reshape(1, height, width)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize(("height", "width"), [(1, 1), (1, 6), (5, 1), (7, 3), (8, 9)])
@pytest.mark.parametrize("factor", [2, 4, 6, 8])
def test_the_identity_gives_the_texture_back(backend, height, width, factor):
    texture = _texture(height, width, factor=factor)
    index = _identity(height, width)
    out = kernels.texture_transfer(index, texture, factor=factor, backend=backend)
    assert out.shape == (1, *texture.shape)
    assert out.dtype == np.float32
    np.testing.assert_allclose(out[0], texture, rtol=0, atol=TOLERANCE)


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_constant_shift_gives_the_shifted_texture(backend):
    # Every vote for a pixel names the same source pixel, so even where votes are dropped at the
    # border of the texture the result is the shifted texture: brightness does not sag there.
    factor = 4
    texture = _texture(7, 9, factor=factor)
    index = np.ascontiguousarray(_identity(7, 9)[:, 2:, 3:])
    out = kernels.texture_transfer(index, texture, factor=factor, backend=backend)
    np.testing.assert_allclose(
        out[0], texture[:, 2 * factor :, 3 * factor :], rtol=0, atol=TOLERANCE
    )


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_seam_is_blended_by_the_raised_cosine(backend):
    # Two blocks of one row, f = 2: the left shows columns 2-3 of a ramp, the right columns 6-7.
    # win(t) for t = 0..3 is 0.5 - 0.5 cos(pi (t + 0.5) / 2) = a, b, b, a with a + b = 1.
    texture = np.tile(np.arange(8, dtype=np.float32), (3, 2, 1))
    index = np.array([[[1, 3]]], dtype=np.int32)
    out = kernels.texture_transfer(index, texture, factor=2, backend=backend)
    a = 0.5 - 0.5 * np.sqrt(0.5)
    b = 1 - a
    # The right block's window begins one pixel early, at texture column 5; the left's ends at 4.
    expected = [2, b * 3 + a * 5, b * 6 + a * 4, 7]
    np.testing.assert_allclose(out, np.tile(expected, (1, 3, 2, 1)), rtol=0, atol=8 * TOLERANCE)


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_vote_from_outside_the_texture_is_dropped(backend):
    # The right block shows block 0, so its early pixel would be texture column -1.
    texture = np.tile(np.arange(1, 5, dtype=np.float32), (3, 2, 1))
    index = np.array([[[0, 0]]], dtype=np.int32)
    out = kernels.texture_transfer(index, texture, factor=2, backend=backend)
    a = 0.5 - 0.5 * np.sqrt(0.5)
    b = 1 - a
    np.testing.assert_allclose(out[0, 0, 0], [1, 2, b * 1 + a * 3, 2], rtol=0, atol=8 * TOLERANCE)


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_constant_texture_stays_constant_for_any_index(backend):
    index = np.random.default_rng(1).integers(0, 20, (2, 9, 11), dtype=np.int32)
    texture = np.full((3, 5 * 6, 4 * 6), 0.7, dtype=np.float32)
    out = kernels.texture_transfer(index, texture, factor=6, backend=backend)
    np.testing.assert_allclose(out, 0.7, rtol=0, atol=TOLERANCE)


@pytest.mark.parametrize("backend", BACKENDS)
def test_an_image_does_not_depend_on_its_batch(backend):
    index = np.random.default_rng(2).integers(0, 12, (3, 5, 6), dtype=np.int32)
    texture = _texture(3, 4, factor=4)
    out = kernels.texture_transfer(index, texture, factor=4, backend=backend)
    for n in range(3):
        alone = kernels.texture_transfer(index[n : n + 1], texture, factor=4, backend=backend)
        np.testing.assert_array_equal(alone[0], out[n])


@pytest.mark.parametrize("backend", BACKENDS)
def test_no_images_give_no_images(backend):
    index = np.zeros((0, 5, 6), dtype=np.int32)
    out = kernels.texture_transfer(index, _texture(2, 2, factor=4), factor=4, backend=backend)
    assert out.shape == (0, 3, 20, 24)
    assert out.dtype == np.float32


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("threads", [2, 3, 8])
def test_the_thread_count_changes_no_bit(backend, threads):
    index = np.random.default_rng(3).integers(0, 63, (2, 13, 11), dtype=np.int32)
    texture = _texture(7, 9, factor=8)
    one = kernels.texture_transfer(index, texture, factor=8, backend=backend)
    many = kernels.texture_transfer(index, texture, factor=8, threads=threads, backend=backend)
    assert one.tobytes() == many.tobytes()


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize(
    ("position", "value"), [((0, 0, 0), -1), ((1, 3, 2), 12), ((1, 0, 5), 2**31 - 1)]
)
def test_an_index_out_of_range_is_named_by_its_position(backend, position, value):
    index = np.zeros((2, 5, 6), dtype=np.int32)
    index[position] = value
    index[1, 4, 5] = -7  # a later one, which is not the one to name
    with pytest.raises(ShapeError) as caught:
        kernels.texture_transfer(index, _texture(3, 4, factor=2), factor=2, backend=backend)
    assert f"index must be in [0, 12), got {value} at {list(position)}" in str(caught.value)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("factor", [0, 1, 3, -2, 2.0, "2"])
def test_a_factor_that_is_not_even_is_refused(backend, factor):
    with pytest.raises(ConfigError, match="factor must be an even integer of at least 2"):
        kernels.texture_transfer(
            _identity(1, 1), np.zeros((3, 6, 6), np.float32), factor=factor, backend=backend
        )


@pytest.mark.parametrize("backend", BACKENDS)
def test_no_threads_are_refused(backend):
    with pytest.raises(ConfigError, match="threads must be an integer of at least 1, got 0"):
        kernels.texture_transfer(
            _identity(1, 1), _texture(1, 1, factor=2), factor=2, threads=0, backend=backend
        )


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize(
    "shape", [(1, 4, 4), (4, 4, 4), (3, 5, 4), (3, 4, 6), (3, 0, 4), (3, 4, 0)]
)
def test_a_texture_of_another_shape_is_refused(backend, shape):
    with pytest.raises(ShapeError, match="texture must have shape"):
        kernels.texture_transfer(
            _identity(1, 1), np.zeros(shape, np.float32), factor=4, backend=backend
        )


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("shape", [(1, 0, 4), (1, 4, 0), (4, 4), (1, 1, 4, 4)])
def test_an_index_of_another_shape_is_refused(backend, shape):
    with pytest.raises(ShapeError, match="index must have shape"):
        kernels.texture_transfer(
            np.zeros(shape, np.int32), _texture(2, 2, factor=2), factor=2, backend=backend
        )


@pytest.mark.parametrize("backend", BACKENDS)
def test_another_dtype_or_layout_is_refused(backend):
    index, texture = _identity(2, 2), _texture(2, 2, factor=2)
    wrong = [
        (index.astype(np.int64), texture, "index must be int32, got int64"),
        (index, texture.astype(np.float64), "texture must be float32, got float64"),
        (index[:, ::2], texture, None),
        (index.transpose(0, 2, 1), texture, "index must be C-contiguous"),
        (index, texture[:, :, ::-1], "texture must be C-contiguous"),
        (index.tolist(), texture, "index must be a numpy array"),
    ]
    for bad_index, bad_texture, message in wrong:
        if message is None:  # one row is still contiguous: allowed
            kernels.texture_transfer(bad_index, bad_texture, factor=2, backend=backend)
            continue
        with pytest.raises(DTypeError, match=message):
            kernels.texture_transfer(bad_index, bad_texture, factor=2, backend=backend)
