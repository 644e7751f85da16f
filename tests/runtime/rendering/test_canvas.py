from __future__ import annotations

import numpy as np
import pytest

from petsgan_sdk import noise
from petsgan_sdk.runtime.rendering.canvas import Canvas, Lattice, Window
from petsgan_sdk.runtime.rendering.noise_fields import between, stream_noise


def canvas(height: int, width: int, *, seamless: bool = False) -> Canvas:
    return Canvas(height, width, stream_noise(5, 0), seamless=seamless)


@pytest.mark.parametrize("seamless", [False, True])
@pytest.mark.parametrize("halo", [0, 1, 3])
@pytest.mark.parametrize("size", [1, 7, 8, 9, 14, 15, 16, 17, 22, 23, 1000])
def test_blocks_cover_a_canvas_once_and_see_their_halo(
    size: int, halo: int, seamless: bool
) -> None:
    whole = canvas(size, 2 * size, seamless=seamless)
    lattice = Lattice(whole, height=8, width=5, halo=halo)
    covered = np.zeros((size, 2 * size), int)
    sizes = set()
    for row in range(lattice.shape[0]):
        for column in range(lattice.shape[1]):
            block, seen = lattice.block(row, column), lattice.seen(row, column)
            covered[block.top : block.bottom, block.left : block.right] += 1
            least = whole.around(block, halo)
            assert seen.top <= least.top
            assert seen.left <= least.left
            assert seen.bottom >= least.bottom
            assert seen.right >= least.right
            assert seamless or whole.around(seen, 0) == seen
            sizes.add((seen.height, seen.width))
    assert (covered == 1).all()
    ((height, width),) = sizes
    assert height <= 8 + 2 * halo
    assert width <= 5 + 2 * halo


@pytest.mark.parametrize(
    "window",
    [Window(0, 0, 11, 13), Window(3, 4, 1, 1), Window(-25, 12, 40, 3), Window(2, -1, 30, 60)],
)
def test_pieces_say_where_pixels_lie(window: Window) -> None:
    torus = canvas(11, 13, seamless=True)
    numbers = np.arange(11 * 13).reshape(11, 13)
    lattice = Lattice(torus, height=4, width=5, halo=2)
    out = np.full((2 * window.height, 2 * window.width), -1)
    for piece in lattice.pieces(window):
        block = lattice.block(*piece.block)
        held = numbers[block.top : block.bottom, block.left : block.right].repeat(2, 0).repeat(2, 1)
        out[piece.target(2)] = held[piece.source(2)]
    rows = np.arange(window.top, window.bottom) % 11
    columns = np.arange(window.left, window.right) % 13
    expected = numbers[np.ix_(rows, columns)].repeat(2, 0).repeat(2, 1)
    np.testing.assert_array_equal(out, expected)


def test_a_halo_ends_where_the_canvas_ends() -> None:
    window = Window(2, 5, 3, 4)
    assert canvas(9, 10).around(window, 3) == Window(0, 2, 8, 8)
    assert canvas(9, 10, seamless=True).around(window, 3) == Window(-1, 2, 9, 10)


def test_noise_of_a_window_is_a_part_of_the_canvas() -> None:
    whole = canvas(9, 10).draw(Window(-2, -2, 13, 14), channels=3, stage=1)
    part = canvas(9, 10).draw(Window(4, -1, 6, 3), channels=3, stage=1)
    np.testing.assert_array_equal(part, whole[:, :, 6:12, 1:4])


def test_seamless_noise_repeats_and_is_plain_noise_inside() -> None:
    torus = canvas(4, 5, seamless=True)
    whole = torus.draw(torus.whole, channels=2, stage=0)
    np.testing.assert_array_equal(whole, canvas(4, 5).draw(torus.whole, channels=2, stage=0))
    wide = torus.draw(Window(-9, -7, 23, 19), channels=2, stage=0)
    rows, columns = np.arange(-9, 14) % 4, np.arange(-7, 12) % 5
    np.testing.assert_array_equal(wide, whole[:, :, rows][..., columns])


@pytest.mark.parametrize("extent", [None, 21])
@pytest.mark.parametrize("size", [7, 8])
def test_mirrored_coordinates_repeat_without_a_jump(size: int, extent: int | None) -> None:
    at = noise.grid_coordinates(-size, 3 * size, size, extent=extent, mirrored=True)
    np.testing.assert_array_equal(at[:size], at[size : 2 * size])
    np.testing.assert_array_equal(at[:size], at[:size][::-1])
    step = 1 if extent is None else 2 * extent / size
    assert np.abs(np.diff(at)).max() <= step + 1e-9
    plain = noise.grid_coordinates(0, size, size, extent=extent)
    assert at.min() >= -0.5
    assert at.max() <= max(plain.max(), (extent or size) - 0.5)


def test_windows_of_positions_are_those_of_the_whole() -> None:
    whole = noise.positional_encoding(9, 12, frequencies=(1.0, 3.0), extent=(5, 7), margin=2)
    y = noise.grid_coordinates(1, 6, 9, extent=5)
    x = noise.grid_coordinates(-2, 4, 12, extent=7)
    np.testing.assert_array_equal(noise.encode_positions(y, x, (1.0, 3.0)), whole[:, :, 3:8, 0:6])


def test_interpolated_noise_does_not_look_at_the_canvas() -> None:
    draw = between(1, 2, 0.3)
    whole, part = draw((1, 2, 9, 9), 0, -1, -1), draw((1, 2, 3, 4), 0, 2, 1)
    np.testing.assert_array_equal(part, whole[:, :, 3:6, 2:6])
