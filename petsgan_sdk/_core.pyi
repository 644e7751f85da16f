from typing import Any

import numpy as np
from numpy.typing import NDArray

def build_info() -> dict[str, Any]: ...
def normal_noise(
    shape: tuple[int, int, int, int],
    *,
    seed: int,
    stage: int,
    first_image: int,
    top: int,
    left: int,
) -> NDArray[np.float32]: ...
