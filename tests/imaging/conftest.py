from __future__ import annotations

import numpy as np
import pytest


@pytest.fixture
def photo():
    """48 x 64, smooth, so that a lossy file stays close to it."""
    y, x = np.mgrid[0:48, 0:64]
    return np.stack([x * 3, y * 4, (x + y) * 2], axis=2).astype(np.uint8)
