"""The numpy twin of the conversion to bytes; every operation is float32, as in C++."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from petsgan_sdk.kernels._checks import check_finite

__all__ = ["signed_to_u8"]

_BAND_PX = 64


def signed_to_u8(image: NDArray[np.float32]) -> NDArray[np.uint8]:
    """See `petsgan_sdk.kernels.signed_to_u8`; shapes are checked there.

    Args:
        image: `[3, height, width]` float32, of any strides.

    Returns:
        `[height, width, 3]` uint8.

    Raises:
        InputError: A value is not finite; names the first one.
    """
    check_finite(image, name="signed_to_u8: image")
    _, height, width = image.shape
    out = np.empty((height, width, 3), dtype=np.uint8)
    # In bands that fit the cache, so that a large image needs no second copy in float32.
    for top in range(0, height, _BAND_PX):
        # Cut first, since large finite values would overflow; a level is within [-2, 2] anyway.
        band = np.clip(image[:, top : top + _BAND_PX], -2, 2)
        band *= np.float32(127.5)
        band += np.float32(128)
        np.clip(band, 0, 255, out=band)
        # Values of 0 and above: to truncate is to take the floor.
        out[top : top + _BAND_PX] = band.transpose(1, 2, 0)
    return out
