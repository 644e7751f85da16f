"""The public noise op: the C++ kernel or its numpy twin, with equal bits."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from petsgan_sdk import noise
from petsgan_sdk.kernels import _backend

__all__ = ["normal_noise"]


def normal_noise(
    shape: Sequence[int],
    *,
    seed: int,
    stage: int = 0,
    first_image: int = 0,
    top: int = 0,
    left: int = 0,
    backend: _backend.Backend = "auto",
) -> NDArray[np.float32]:
    """Standard normal noise, a pure function of (seed, stage, image, channel, row, column).

    Args:
        shape: `(N, C, H, W)`.
        seed: 0 <= seed < 2^64.
        stage: Number of the network input that the noise feeds, 0 <= stage < 2^16.
        first_image: Number of the first image in the seed's stream.
        top: Row of the block's first pixel; may be negative.
        left: Column of the block's first pixel; may be negative.
        backend: Implementation; all give the same bits.

    Returns:
        `[N, C, H, W]` float32.

    Raises:
        ShapeError: `shape` is not four sizes of at least 0.
        ConfigError: Another argument is out of range.
        BackendUnavailableError: The named backend is not built.
    """
    where: dict[str, Any] = {"stage": stage, "first_image": first_image, "top": top, "left": left}
    if _backend.resolve(backend) == "numpy":
        return noise.normal_noise(shape, seed=seed, **where)
    checked = noise.check_noise_block(shape, seed=seed, **where)
    if 0 in checked:  # the other sizes may be too large to count through
        return np.zeros(checked, dtype=np.float32)
    result = _backend.core().normal_noise(checked, seed=seed, **where)
    return cast("NDArray[np.float32]", result)
