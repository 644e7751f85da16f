from __future__ import annotations

import numpy as np
import pytest
from support.place_cases import pieces, random_photo

from petsgan_sdk import kernels
from petsgan_sdk.errors import ConfigError, DTypeError, ShapeError

BACKENDS = kernels.available_backends()
backends = pytest.mark.parametrize("backend", BACKENDS)
USUAL = {"screening": 0.03125, "slowest": 0.0625, "steps": 6}
NAN = float("nan")


def identity(height, width):
    return np.stack(np.mgrid[:height, :width], -1).astype(np.int16)


def signed(colours):
    """`[3, H, W]` float32 of bytes `[H, W, 3]`, by the kernels' own operations."""
    levels = colours.astype(np.float32) / np.float32(127.5) - np.float32(1)
    return np.ascontiguousarray(levels.transpose(2, 0, 1))


def to_bytes(image):
    return kernels.signed_to_u8(image, height=image.shape[1], width=image.shape[2])


@backends
@pytest.mark.parametrize("size", [(1, 1), (1, 6), (33, 40)])
def test_the_photo_comes_back(backend, size):
    photo = random_photo(np.random.default_rng(0), *size)
    found = kernels.composite_places(identity(*size), photo, **USUAL, backend=backend)
    np.testing.assert_array_equal(found, signed(photo))
    np.testing.assert_array_equal(to_bytes(found), photo)


@backends
@pytest.mark.parametrize("softness", [0, 30])
def test_a_pixel_far_from_every_seam_has_its_places_colour(backend, softness):
    rng = np.random.default_rng(1)
    photo = random_photo(rng, 50, 60)
    places = identity(40, 50)
    places[:, 30:] = places[:, 30:] + np.array([7, 10], np.int16)  # to the right of a seam
    steps = USUAL["steps"]
    found = kernels.composite_places(places, photo, **USUAL, softness=softness, backend=backend)
    own = signed(photo[places[..., 0], places[..., 1]])
    np.testing.assert_array_equal(found[..., : 30 - steps], own[..., : 30 - steps])
    np.testing.assert_array_equal(found[..., 30 + steps :], own[..., 30 + steps :])
    near = (slice(None), slice(None), slice(30 - steps, 30 + steps))
    assert (found[near] != own[near]).mean() > 0.9


@backends
def test_a_window_agrees_with_the_whole(backend):
    rng = np.random.default_rng(2)
    photo = random_photo(rng, 20, 20)
    places = pieces(rng, (60, 50), photo, count=30)
    call = {**USUAL, "softness": 40, "backend": backend}
    halo = USUAL["steps"] + 1
    whole = kernels.composite_places(places, photo, **call)
    part = kernels.composite_places(np.ascontiguousarray(places[9:51, 11:48]), photo, **call)
    inner = (slice(None), slice(halo, -halo), slice(halo, -halo))
    np.testing.assert_array_equal(part[inner], whole[:, 9:51, 11:48][inner])


@backends
def test_steps_are_closed(backend):
    """Two flat halves that ask for no step between them meet without one."""
    photo = np.zeros((8, 40, 3), np.uint8)
    photo[:, :20], photo[:, 20:] = 100, 110
    places = np.zeros((6, 40, 2), np.int16)
    places[:, :20, 1], places[:, 20:, 1] = 5, 30
    found = kernels.composite_places(
        places, photo, screening=0.001, slowest=0.01, steps=200, backend=backend
    )
    levels = (found + 1) * 127.5
    assert abs(levels[0, 3, 20] - levels[0, 3, 19]) < 0.5
    assert abs(levels[0, 3, 0] - 100) < abs(levels[0, 3, 19] - 100)
    hard = kernels.composite_places(places, photo, **USUAL, softness=0.01, backend=backend)
    np.testing.assert_allclose((hard + 1) * 127.5, photo[:6, :40].transpose(2, 0, 1), atol=1e-3)


def test_nothing_flows_over_the_border():
    """Corrections sum to nothing but for what is screened: none of it leaves the canvas."""
    rng = np.random.default_rng(3)
    photo = random_photo(rng, 16, 16)
    places = pieces(rng, (13, 17), photo, count=9)
    found = kernels.composite_places(places, photo, screening=1e-9, slowest=0.01, steps=64)
    own = signed(photo[places[..., 0], places[..., 1]])
    np.testing.assert_allclose((found - own).sum(axis=(1, 2)), 0, atol=2e-3)
    assert np.abs(found - own).max() > 0.1


def solved(places, photo, screening):
    """The screened Poisson equation of the docstring, solved as one linear system."""
    height, width = places.shape[:2]
    levels = photo.astype(np.float64)
    colours = levels[places[..., 0], places[..., 1]].reshape(-1, 3)
    system = screening * np.eye(height * width)
    right = screening * colours

    def colour(place):
        y, x = place.clip(0, np.array(photo.shape[:2]) - 1)
        return levels[y, x]

    for y in range(height):
        for x in range(width):
            for dy, dx in ((0, 1), (1, 0)):
                if y + dy >= height or x + dx >= width:
                    continue
                one, other = y * width + x, (y + dy) * width + x + dx
                first, second = places[y, x].astype(int), places[y + dy, x + dx].astype(int)
                step = np.array([dy, dx])
                asked = colour(first + step) - colour(first)
                asked = (asked + colour(second) - colour(second - step)) / 2
                system[one, one] += 1
                system[other, other] += 1
                system[one, other] -= 1
                system[other, one] -= 1
                right[one] -= asked
                right[other] += asked
    return np.linalg.solve(system, right).reshape(height, width, 3).transpose(2, 0, 1)


@backends
@pytest.mark.parametrize("screening", [0.01, 0.2, 1.0])
def test_many_steps_solve_the_screened_poisson_equation(backend, screening):
    rng = np.random.default_rng(4)
    photo = random_photo(rng, 9, 11)
    places = pieces(rng, (12, 15), photo)
    found = kernels.composite_places(
        places, photo, screening=screening, slowest=screening, steps=200, backend=backend
    )
    wanted = solved(places, photo, screening) / 127.5 - 1
    np.testing.assert_allclose(found, wanted, atol=1e-4)


def test_fewer_steps_come_less_near():
    rng = np.random.default_rng(5)
    photo = random_photo(rng, 9, 11)
    places = pieces(rng, (12, 15), photo)
    wanted = solved(places, photo, 0.05) / 127.5 - 1
    apart = [
        np.abs(
            kernels.composite_places(places, photo, screening=0.05, slowest=0.05, steps=n) - wanted
        ).max()
        for n in (4, 16, 64)
    ]
    assert apart == sorted(apart, reverse=True)


@pytest.mark.parametrize("count", [1, 2, 8])
def test_overshoot_is_finite(count):
    """Black beside white, place by place."""
    photo = np.zeros((2, 2, 3), np.uint8)
    photo[0, 0] = photo[1, 1] = 255
    rng = np.random.default_rng(count)
    places = rng.integers(0, 2, (30, 30, 2)).astype(np.int16)
    found = kernels.composite_places(
        places, photo, screening=1e-6, slowest=1e-6, steps=256 // count
    )
    assert np.isfinite(found).all()
    assert to_bytes(found).shape == (30, 30, 3)


REFUSED = {
    "places' dtype": ({"places": np.zeros((3, 3, 2), np.int32)}, DTypeError, "must be int16"),
    "places' rank": ({"places": np.zeros((3, 2), np.int16)}, ShapeError, "places must have shape"),
    "places' last axis": ({"places": np.zeros((3, 3, 3), np.int16)}, ShapeError, "must have"),
    "no rows": ({"places": np.zeros((0, 3, 2), np.int16)}, ShapeError, "places must have shape"),
    "no columns": ({"places": np.zeros((3, 0, 2), np.int16)}, ShapeError, "places must have shape"),
    "strides": ({"places": np.zeros((3, 6, 2), np.int16)[:, ::2]}, DTypeError, "C-contiguous"),
    "photo's dtype": ({"photo": np.zeros((3, 3, 3), np.float32)}, DTypeError, "must be uint8"),
    "photo's rank": ({"photo": np.zeros((3, 3), np.uint8)}, ShapeError, "photo must have shape"),
    "grey": ({"photo": np.zeros((3, 3, 1), np.uint8)}, ShapeError, "photo must have shape"),
    "no photo": ({"photo": np.zeros((0, 3, 3), np.uint8)}, ShapeError, "photo must have shape"),
    **{
        f"place {place}": (
            {"places": np.full((2, 2, 2), place, np.int16)}, ShapeError,
            r"places must lie in the photo, 4x5, got \(.*\) at \[0, 0\]")
        for place in ((-1, 0), (0, -1), (4, 0), (0, 5), (-32768, 32767))
    },
    **{
        f"{name} {value!r}": ({name: value}, ConfigError, f"{name} must be above 0 and")
        for name, most in (("screening", 1), ("slowest", 4))
        for value in (0, -1.0, most * 1.01, NAN, float("inf"))
    },
    **{
        f"softness {value!r}": (
            {"softness": value}, ConfigError, "softness must be 0 or from 0.001 to 1e6")
        for value in (-1, 1e-4, 1e-30, 2e6, NAN, float("inf"))
    },
    **{
        f"steps {value!r}": ({"steps": value}, ConfigError, "steps must be an integer from 1")
        for value in (0, -1, 257, 1 << 70, 1.0, NAN, None)
    },
    "threads": ({"threads": 0}, ConfigError, "threads must be an integer of at least 1"),
}  # fmt: skip


@backends
@pytest.mark.parametrize("case", REFUSED)
def test_refusals(backend, case):
    changes, error, message = REFUSED[case]
    rng = np.random.default_rng(0)
    call = {"places": identity(3, 3), "photo": random_photo(rng, 4, 5), **USUAL} | changes
    with pytest.raises(error, match=f"composite_places: .*{message}"):
        kernels.composite_places(**call, backend=backend)
