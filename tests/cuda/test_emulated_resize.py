"""The resize for CUDA, compiled for the CPU, has the bits of the numpy twin."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from petsgan_sdk import kernels


def random_maps(*shape):
    return np.random.default_rng(8).uniform(-1, 1, shape).astype(np.float32)


def check(emulation, source, target, window, *, origin=(0, 0), size=None, wrap=False, seed=0):
    size = source.shape[2:] if size is None else size
    rows, columns = zip(size, target, window[:2], window[2:], origin, strict=True)
    found = emulation.resize(source, rows, columns, wrap=wrap, seed=seed)
    expected = kernels.resize_window(
        source,
        source_size=size,
        target_size=target,
        source_origin=origin,
        window=window,
        wrap=wrap,
        backend="numpy",
    )
    assert found.tobytes() == expected.tobytes()


# Maps that are a multiple of those of one thread and not; widths around a block.
@pytest.mark.parametrize("maps", [(1, 1), (1, 3), (2, 4), (3, 3)])
@pytest.mark.parametrize("target", [(9, 127), (3, 128), (5, 129), (1, 1), (8, 300)])
@pytest.mark.parametrize("wrap", [False, True])
def test_whole_maps(emulation, maps, target, wrap):
    check(emulation, random_maps(*maps, 8, 90), target, (0, 0, *target), wrap=wrap, seed=1)


@pytest.mark.parametrize("target", [(8, 21), (19, 9), (8, 9)])
def test_axes_of_equal_sizes_are_copied(emulation, target):
    source = random_maps(1, 5, 8, 9)
    source[0, 0, 2:4, 3] = [-0.0, np.inf]
    check(emulation, source, target, (0, 0, *target))


SIDES = st.integers(1, 40)


@given(source=st.tuples(SIDES, SIDES), target=st.tuples(SIDES, SIDES), data=st.data())
def test_any_window_of_a_torus(emulation, source, target, data):
    place = st.tuples(st.integers(-99, 99), st.integers(-99, 99))
    window = data.draw(place) + data.draw(st.tuples(SIDES, SIDES))
    options = {"origin": data.draw(place), "wrap": True, "seed": data.draw(st.integers(0, 9))}
    check(emulation, random_maps(1, 2, *source), target, window, **options)


def test_a_window_reads_only_its_part_of_the_source(emulation):
    # Rows 4 to 7 of 20 need rows 1 to 4 of 10; columns 5 to 9 of 30 need columns 2 to 5 of 15.
    source = random_maps(2, 2, 4, 4)
    place = {"origin": (1, 2), "size": (10, 15)}
    check(emulation, source, (20, 30), (4, 5, 4, 5), **place)
    for less in (source[:, :, 1:], source[:, :, :, 1:]):
        sizes = zip((10, 15), (20, 30), (4, 5), (4, 5), (1, 2), strict=True)
        with pytest.raises(RuntimeError, match=r"ShapeError: .*source must hold pixels"):
            emulation.resize(np.ascontiguousarray(less), *sizes)


@pytest.mark.parametrize("seed", range(4))
def test_the_order_of_threads_changes_no_bit(emulation, seed):
    check(emulation, random_maps(2, 3, 12, 31), (20, 150), (0, 0, 20, 150), seed=seed)


def test_what_is_refused(emulation):
    source = random_maps(1, 1, 4, 6)
    rows, columns = (4, 8, 0, 8, 0), (6, 9, 0, 9, 0)
    assert np.isfinite(emulation.resize(source, rows, columns)).all()
    for wrong, message in (
        ((0, 8, 0, 8, 0), "ConfigError: resize_window: rows: size of the source must be 1 to"),
        ((4, 8, 1, 8, 0), "ShapeError: resize_window: rows: window must lie within a map of 8"),
        ((4, 8, 0, 8, 1), "ShapeError: resize_window: rows: source window must lie within a map"),
    ):
        with pytest.raises(RuntimeError, match=message):
            emulation.resize(source, wrong, columns)
    assert emulation.resize(source[:0], rows, columns).shape == (0, 1, 8, 9)
