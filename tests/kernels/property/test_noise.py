from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from petsgan_sdk import kernels

BACKENDS = kernels.available_backends()
SEEDS = st.integers(0, 2**64 - 1)
SMALL = st.integers(1, 6)
PLACES = st.integers(-40, 40)


@given(data=st.data(), seed=SEEDS, backend=st.sampled_from(BACKENDS))
def test_a_value_depends_on_its_coordinates_alone(data, seed, backend):
    shape = data.draw(st.tuples(SMALL, SMALL, SMALL, SMALL))
    top, left = data.draw(PLACES), data.draw(PLACES)
    image, stage = data.draw(st.integers(0, 1000)), data.draw(st.integers(0, 3))
    start = [data.draw(st.integers(0, size - 1)) for size in shape]
    size = [data.draw(st.integers(1, shape[axis] - start[axis])) for axis in range(4)]
    whole = kernels.normal_noise(
        shape, seed=seed, stage=stage, first_image=image, top=top, left=left, backend=backend
    )
    # A block of fewer images and pixels; channels always count from 0.
    part = kernels.normal_noise(
        (size[0], start[1] + size[1], size[2], size[3]),
        seed=seed,
        stage=stage,
        first_image=image + start[0],
        top=top + start[2],
        left=left + start[3],
        backend=backend,
    )
    cut = [slice(start[axis], start[axis] + size[axis]) for axis in range(4)]
    np.testing.assert_array_equal(part[:, start[1] :], whole[tuple(cut)])


@given(seed=SEEDS, shape=st.tuples(SMALL, SMALL, SMALL, SMALL), place=st.tuples(PLACES, PLACES))
def test_every_backend_gives_the_same_bits(seed, shape, place):
    results = [
        kernels.normal_noise(shape, seed=seed, stage=7, top=place[0], left=place[1], backend=name)
        for name in BACKENDS
    ]
    for result in results[1:]:
        np.testing.assert_array_equal(result.view(np.uint32), results[0].view(np.uint32))


@pytest.mark.parametrize("corner", [(-(2**31), -(2**31)), (2**31 - 300, 2**31 - 260)])
def test_many_values_have_the_same_bits_in_every_backend(corner):
    top, left = corner
    results = [
        kernels.normal_noise((1, 3, 300, 260), seed=2**64 - 1, top=top, left=left, backend=name)
        for name in BACKENDS
    ]
    for result in results[1:]:
        np.testing.assert_array_equal(result.view(np.uint32), results[0].view(np.uint32))
