from collections.abc import Sequence
from typing import Any

def status() -> dict[str, Any]: ...
def pointer_device(address: int) -> int: ...
def order_streams(before: int, after: int, device: int) -> None: ...
def resize_window(
    *,
    maps: int,
    rows: tuple[int, int, int, int, int, int],
    columns: tuple[int, int, int, int, int, int],
    wrap: bool,
    source: int,
    out: int,
    device: int,
    stream: int,
) -> None: ...
def first_wrong(
    *,
    photo: tuple[int, int, int, int, int, int],
    addresses: tuple[int, int, int],
    in_prices: bool,
    device: int,
    stream: int,
) -> int: ...
def correct_places(
    *,
    photo: tuple[int, int, int, int, int, int],
    addresses: tuple[int, int, int],
    window: tuple[int, int, int, int],
    open: tuple[bool, bool, bool, bool],
    wraps: bool,
    arrays: tuple[int, int, int, int],
    costs: Sequence[int],
    passes: int,
    out: int,
    device: int,
    stream: int,
) -> None: ...
def composite_places(
    *,
    sizes: tuple[int, int, int, int],
    places: int,
    photo: int,
    screening: float,
    softness: float,
    steps: Sequence[tuple[float, float]],
    out: int,
    device: int,
    stream: int,
) -> None: ...
def place_features(
    *,
    size: tuple[int, int],
    image: int,
    basis: Sequence[int],
    bias: Sequence[int],
    shift: int,
    out: int,
    device: int,
    stream: int,
) -> None: ...
def borrow(
    capsule: object,
) -> tuple[BorrowedTensor, int, int, int, int, int, list[int], bool]: ...

class BorrowedTensor: ...

class DeviceMemory:
    def __init__(self, size: int, device: int) -> None: ...
    @property
    def address(self) -> int: ...
    @property
    def device(self) -> int: ...
    def lend(self, shape: Sequence[int], code: int, bits: int) -> object: ...

class Shape:
    def __init__(
        self,
        *,
        batch: int,
        channels: int,
        height: int,
        width: int,
        images: int,
        ref_height: int,
        ref_width: int,
        value_channels: int,
        window: int,
    ) -> None: ...

class Reference:
    def __init__(
        self,
        shape: Shape,
        *,
        type: int,
        device: int,
        features: int,
        values: int,
        stream: int,
    ) -> None: ...
    def first_not_finite(self, in_values: bool, stream: int) -> int: ...
    def transfer(
        self,
        *,
        query_shape: Sequence[int],
        query: int,
        out: Sequence[int],
        temperature: float,
        normalize: bool,
        stream: int,
    ) -> None: ...
