"""Small photos, levels and windows of places: what the kernels of coordinate synthesis are given.

Also a script, which prints a digest of what the C++ kernels make of some: `place_cases.py`.
"""

from __future__ import annotations

import hashlib
import sys
from functools import cache
from typing import Any

import numpy as np

from petsgan_sdk import kernels
from petsgan_sdk.kernels import PlaceCosts, PlaceLevel

COSTS: dict[str, int] = {
    "weight_y": 8000,
    "weight_x": 7000,
    "tolerance_y": 100,
    "tolerance_x": 50,
    "coherence": 16,
    "edge": 3000,
    "order": 60,
    "order_tolerance": 40,
    "most_disorder": 200,
}
REPEATS = {"repeat": 20_000, "most_repeats": 6, "repeat_radius": 2, "repeat_near": 1}


def random_photo(rng: np.random.Generator, height: int, width: int) -> np.ndarray:
    """`[H, W, 3]` uint8."""
    return rng.integers(0, 256, (height, width, 3), np.uint8)


def projection(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """A basis and a bias that bring most features within range at a shift of 11."""
    basis = rng.integers(-300, 300, (8, 5, 5, 3)).astype(np.int16)
    return basis, rng.integers(-9999, 9999, 8).astype(np.int32)


def features_of(rng: np.random.Generator, photo: np.ndarray) -> np.ndarray:
    return kernels.place_features(photo, *projection(rng), shift=11)


def level_of(
    rng: np.random.Generator, photo: np.ndarray, *, shift: int = 0, alike: int = 2, prices: bool
) -> PlaceLevel:
    """A level whose alike places are any, some lists shorter than others."""
    height, width = photo.shape[:2]
    rows, columns = (height - 1 >> shift) + 1, (width - 1 >> shift) + 1
    y = rng.integers(-1, rows, (rows, columns, alike))
    x = rng.integers(0, columns, y.shape)
    price = rng.integers(-9999, 99_999, (height, width)).astype(np.int32) if prices else None
    return PlaceLevel(
        features_of(rng, photo), np.stack([y, x], -1).astype(np.int16), shift=shift, prices=price
    )


def pieces(
    rng: np.random.Generator, size: tuple[int, int], photo: np.ndarray, *, count: int = 4
) -> np.ndarray:
    """`[H, W, 2]` int16: rectangles of the photo over each other, and some places that are any."""
    height, width = photo.shape[:2]
    y, x = np.mgrid[: size[0], : size[1]]
    places = np.stack([y % height, x % width], -1)
    for _ in range(count):
        top, left = rng.integers(0, size[0]), rng.integers(0, size[1])
        part = np.stack(
            [(y + rng.integers(0, height)) % height, (x + rng.integers(0, width)) % width], -1
        )
        places[top : top + 9, left : left + 9] = part[top : top + 9, left : left + 9]
    loose = rng.random(size) < 0.1
    places[loose] = np.stack([rng.integers(0, height, size), rng.integers(0, width, size)], -1)[
        loose
    ]
    return places.astype(np.int16)


def guides(rng: np.random.Generator, size: tuple[int, int]) -> dict[str, np.ndarray]:
    rows, columns = (rng.integers(0, 1025, side).astype(np.int32) for side in size)
    return {"row_guides": rows, "column_guides": columns}


def correction(seed: int, **changes: Any) -> dict[str, Any]:
    """Arguments of `correct_places`, of a photo 11x13 and a window 14x9."""
    rng = np.random.default_rng(seed)
    photo = random_photo(rng, 11, 13)
    size = (14, 9)
    usual = {
        "places": pieces(rng, size, photo),
        "level": level_of(rng, photo, prices=bool(seed % 2)),
        "costs": PlaceCosts(**COSTS, **(REPEATS if seed % 3 else {})),
        "passes": 2,
        **guides(rng, size),
    }
    return usual | changes


@cache
def digest(backend: kernels.Backend) -> str:
    """Of what the three kernels make."""
    found = hashlib.sha256()
    for seed in range(4):
        rng = np.random.default_rng(seed)
        photo = random_photo(rng, 20, 5 + 7 * seed)
        basis, bias = projection(rng)
        found.update(kernels.place_features(photo, basis, bias, shift=11, backend=backend))
        call = correction(seed, wraps=seed > 2, backend=backend)
        found.update(kernels.correct_places(**call))
        image = kernels.composite_places(
            pieces(rng, (15, 9 + 8 * seed), photo),
            photo,
            screening=0.03,
            slowest=0.06,
            steps=9,
            softness=40.0 * (seed % 2),
            backend=backend,
        )
        found.update(image)
    return found.hexdigest()


if __name__ == "__main__":
    sys.stdout.write(f"{kernels.build_info()['simd']} {digest('cpu')}\n")
