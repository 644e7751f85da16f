from typing import Any

import numpy as np
from numpy.typing import NDArray

def build_info() -> dict[str, Any]: ...
def multiply_add_peak() -> float: ...
def normal_noise(
    shape: tuple[int, int, int, int],
    *,
    seed: int,
    stage: int,
    first_image: int,
    top: int,
    left: int,
) -> NDArray[np.float32]: ...
def resize_window(
    source: NDArray[np.float32],
    *,
    source_size: tuple[int, int],
    target_size: tuple[int, int],
    source_origin: tuple[int, int],
    window: tuple[int, int, int, int],
    wrap: bool,
    threads: int,
) -> NDArray[np.float32]: ...
def place_features(
    image: NDArray[np.uint8],
    *,
    basis: NDArray[np.int16],
    bias: NDArray[np.int32],
    shift: int,
    threads: int,
) -> NDArray[np.int8]: ...
def correct_places(
    places: NDArray[np.int16],
    photo: tuple[NDArray[np.int8], NDArray[np.int16], int, NDArray[np.int32] | None],
    *,
    costs: list[int],
    passes: int,
    row_guides: NDArray[np.int32],
    column_guides: NDArray[np.int32],
    corner: list[int],
    open: list[bool],
    wraps: bool,
    fixed: NDArray[np.uint8] | None,
    threads: int,
) -> NDArray[np.int16]: ...
def composite_places(
    places: NDArray[np.int16],
    photo: NDArray[np.uint8],
    *,
    screening: float,
    softness: float,
    steps: NDArray[np.float32],
    threads: int,
) -> NDArray[np.float32]: ...
def signed_to_u8(
    image: NDArray[np.float32], *, height: int, width: int, threads: int
) -> NDArray[np.uint8]: ...
def texture_transfer(
    index: NDArray[np.int32],
    texture: NDArray[np.float32],
    *,
    factor: int,
    threads: int,
) -> NDArray[np.float32]: ...

class PatchReference:
    def __init__(
        self,
        features: NDArray[np.float32],
        values: NDArray[np.float32],
        *,
        window: int,
    ) -> None: ...
    def transfer(
        self,
        query: NDArray[np.float32],
        *,
        temperature: float,
        normalize: bool,
        threads: int,
    ) -> tuple[NDArray[np.float32], NDArray[np.int32], NDArray[np.float32]]: ...
    def gradient(
        self,
        query: NDArray[np.float32],
        features: NDArray[np.float32],
        index: NDArray[np.int32],
        weight: NDArray[np.float32],
        grad_values: NDArray[np.float32],
        grad_weight: NDArray[np.float32],
        *,
        temperature: float,
        normalize: bool,
        threads: int,
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]: ...
