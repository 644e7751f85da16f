"""Photos with nothing, or next to nothing, in their reduction: flat ones and regular ones."""

from __future__ import annotations

import numpy as np

_INK, _PAPER = (40, 60, 80), (220, 215, 200)


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
