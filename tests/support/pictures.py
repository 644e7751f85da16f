"""Small photos: one to learn, one whose patches all differ, and flat and regular ones."""

from __future__ import annotations

import numpy as np
from PIL import Image

_INK, _PAPER = (40, 60, 80), (220, 215, 200)


def picture(width=64, height=64, *, seed=0):
    """`[H, W, 3]` uint8 with structure at several scales: waves, a disc, some noise."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:height, :width].astype(np.float64)
    waves = [
        np.sin(rng.uniform(0.05, 0.3) * x + rng.uniform(0.05, 0.3) * y + rng.uniform(0, 6))
        for _ in range(3)
    ]
    disc = np.hypot(x - width * rng.uniform(0.3, 0.7), y - height * rng.uniform(0.3, 0.7))
    image = 120 + 70 * np.stack(waves, axis=2) + 40 * (disc < min(width, height) / 4)[:, :, None]
    return np.clip(image + rng.normal(0, 8, image.shape), 0, 255).astype(np.uint8)


def write_picture(path, width=64, height=64, *, seed=0):
    Image.fromarray(picture(width, height, seed=seed)).save(path)
    return path


def noise_picture(height, width, *, seed):
    """`[H, W, 3]` uint8: smooth blobs of colour under grain, so that every patch is its own."""
    rng = np.random.default_rng(seed)
    coarse = rng.uniform(0, 255, (height // 8 + 2, width // 8 + 2, 3))
    blobs = coarse.repeat(8, axis=0).repeat(8, axis=1)[:height, :width]
    return np.clip(blobs + rng.normal(0, 12, blobs.shape), 0, 255).astype(np.uint8)


def flat_pictures(side=48):
    """`[side, side, 3]` uint8 by name."""
    y, x = np.mgrid[:side, :side]

    def two(where, ink=_INK, paper=_PAPER):
        return np.where(np.asarray(where)[:, :, None], ink, paper).astype(np.uint8)

    rng = np.random.default_rng(0)
    return {
        "white": two(x < 0, paper=(255, 255, 255)),
        "black": two(x < 0, paper=(0, 0, 0)),
        "grey": two(x < 0, paper=(128, 128, 128)),
        "wall": two(x < 0),
        "one pixel": two((x == 17) & (y == 21), ink=(254, 255, 255), paper=(255, 255, 255)),
        "star": two((x == 17) & (y == 21), ink=(255, 255, 255), paper=(5, 5, 9)),
        "dots": two((x % 8 - 4) ** 2 + (y % 8 - 4) ** 2 <= 6),
        "large dots": two((x % 16 - 8) ** 2 + (y % 16 - 8) ** 2 <= 20),
        "columns": two(x // 2 % 2 == 0),
        "rows": two(y // 3 % 2 == 0),
        "diagonals": two((x + y) // 4 % 2 == 0),
        "chess": two((x + y) % 2 == 0, ink=(0, 0, 0), paper=(255, 255, 255)),
        "gradient": (x[:, :, None] // 16 + np.array(_PAPER) - 20).astype(np.uint8),
        "logo": two((np.abs(x - 20) < 6) & (np.abs(y - 30) < 6), (255, 0, 0), (0, 0, 255)),
        "noise": rng.integers(127, 129, (side, side, 3)).astype(np.uint8),
    }
