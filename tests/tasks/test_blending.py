from __future__ import annotations

import numpy as np
import pytest

from petsgan_sdk.tasks.blending import blended, healed, solve_screened
from petsgan_sdk.tasks.planes import box_sum, dilated, softened


@pytest.fixture(scope="module")
def rng():
    return np.random.default_rng(0)


def dense(right, down, anchor, reach):
    """The same least squares, written out as a matrix."""
    height, width = anchor.shape
    number = np.arange(height * width).reshape(height, width)
    rows, wanted = [], []
    for place, value in zip(number.ravel(), anchor.ravel(), strict=True):
        rows.append({place: 1 / reach})
        wanted.append(value / reach)
    for (y, x), value in np.ndenumerate(right):
        rows.append({number[y, x + 1]: 1.0, number[y, x]: -1.0})
        wanted.append(value)
    for (y, x), value in np.ndenumerate(down):
        rows.append({number[y + 1, x]: 1.0, number[y, x]: -1.0})
        wanted.append(value)
    matrix = np.zeros((len(rows), number.size))
    for row, entries in zip(matrix, rows, strict=True):
        for place, value in entries.items():
            row[place] = value
    return np.linalg.lstsq(matrix, np.array(wanted), rcond=None)[0].reshape(height, width)


@pytest.mark.parametrize("reach", [0.5, 3.0, 20.0])
def test_the_solution_is_that_of_the_least_squares(rng, reach):
    right, down = rng.standard_normal((2, 7, 10)), rng.standard_normal((2, 6, 11))
    anchor = rng.standard_normal((2, 7, 11))
    given = [array.astype(np.float32) for array in (right, down, anchor)]
    solved = solve_screened(*given, reach=reach)
    for channel in range(2):
        expected = dense(right[channel], down[channel], anchor[channel], reach)
        np.testing.assert_allclose(solved[channel], expected, atol=2e-4)


def test_inputs_are_not_changed(rng):
    arrays = [rng.standard_normal(s).astype(np.float32) for s in ((1, 5, 5), (1, 4, 6), (1, 5, 6))]
    before = [array.copy() for array in arrays]
    solve_screened(*arrays, reach=2.0)
    for array, old in zip(arrays, before, strict=True):
        np.testing.assert_array_equal(array, old)


@pytest.fixture(scope="module")
def pair(rng):
    seen = rng.uniform(0, 255, (60, 80, 3)).astype(np.float32)
    made = rng.uniform(0, 255, (60, 80, 3)).astype(np.float32)
    pasted = np.zeros((60, 80), np.float32)
    pasted[20:40, 30:50] = 1
    share = softened(dilated(pasted > 0, 6), 2).astype(np.float32)
    return seen, made, pasted, share


def test_nothing_is_kept_at_zero_and_all_at_one(pair):
    seen, made, pasted, share = pair
    none = blended(seen, made, pasted, share, colours=0.0, detail=0.0)
    np.testing.assert_allclose(none, seen, atol=1e-3)
    everywhere = np.ones_like(share)
    full = blended(seen, made, pasted, everywhere, colours=1.0, detail=1.0)
    np.testing.assert_allclose(full, made, atol=0.02)


def test_colours_move_and_detail_stays(pair):
    seen, _, pasted, share = pair
    made = np.where(pasted[:, :, None] > 0, np.float32(40), np.float32(120))
    result = blended(seen, made, pasted, share, colours=1.0, detail=0.0)
    inside = np.s_[26:34, 36:44]
    assert abs(result[inside].mean() - 40) < 0.4 * abs(seen[inside].mean() - 40)
    kept = np.corrcoef(
        np.diff(result[inside], axis=1).ravel(), np.diff(seen[inside], axis=1).ravel()
    )
    assert kept[0, 1] > 0.99


def test_the_outline_goes(pair):
    _, _, pasted, share = pair
    seen = np.full((60, 80, 3), 100, np.float32)
    seen[pasted > 0] = 180
    made = np.full_like(seen, 100)
    result = blended(seen, made, pasted, share, colours=1.0, detail=0.0)
    assert np.abs(np.diff(seen, axis=1)).max() == 80
    assert np.abs(np.diff(result, axis=1)).max() < 8


def test_healing_takes_the_outline_and_leaves_the_rest(pair):
    seen, _, pasted, _ = pair
    flat = np.full_like(seen, 100)
    flat[pasted > 0] = 180
    assert np.abs(np.diff(healed(flat, pasted), axis=1)).max() < 30  # of 80
    textured = healed(seen, pasted)
    inside = np.s_[26:34, 36:44]
    kept = np.corrcoef(
        np.diff(textured[inside], axis=0).ravel(), np.diff(seen[inside], axis=0).ravel()
    )
    assert kept[0, 1] > 0.99
    np.testing.assert_allclose(textured[:, 75:], seen[:, 75:], atol=8)


def test_box_sums_repeat_the_border_and_are_exact(rng):
    plane = rng.integers(0, 1000, (7, 12))
    padded = np.pad(plane, 2, mode="edge")
    expected = sum(padded[y : y + 7, x : x + 12] for y in range(5) for x in range(5))
    np.testing.assert_array_equal(box_sum(plane, 2), expected)
    np.testing.assert_array_equal(box_sum(plane, 0), plane)
    ones = softened(np.ones((7, 12), bool), 3)
    np.testing.assert_array_equal(ones, 1.0)
