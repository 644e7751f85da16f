"""A photo that was fitted, and its levels made ready to draw places of it."""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from petsgan_sdk import kernels
from petsgan_sdk._arrays import ImageArray
from petsgan_sdk.synthesis._evenness import distinctness
from petsgan_sdk.synthesis.frame import Frame

__all__ = [
    "MAX_PHOTO_PX",
    "MIN_PHOTO_PX",
    "PhotoFit",
    "PhotoLevels",
    "halved",
    "level_count",
    "pyramid",
]

MIN_PHOTO_PX = 16
"""Least side of a photo: below, the coarsest levels have nothing to choose from."""

MAX_PHOTO_PX = 16384
"""Largest side of a photo that `kernels.correct_places` takes."""

UNIT = 1 << 16
"""A cost of 1 in the whole numbers of the kernel, for features that `FEATURE_SCALE` made whole."""
FEATURE_SCALE = 16
"""What a feature of deviation 1 is multiplied with: 16 squared, times the weights of a window,
which are about 256, is 2^16."""

_MOST_JUDGED = 8192
"""Places of a level that is judged: as many as may be asked to have alike places of their own."""

Int16 = npt.NDArray[np.int16]
Int32 = npt.NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class PhotoFit:
    """What was learned of a photo; all that its places are drawn from. Lists by level, see each."""

    photo: ImageArray
    """`[H, W, 3]` uint8."""
    held: tuple[float, float]
    """How strongly position binds in y and in x, 0 (a texture) to 1 (a landscape's y)."""
    basis: Int16
    """`[L, 8, 5, 5, 3]`: what features are made with, from the finest level on."""
    bias: Int32
    """`[L, 8]`."""
    shift: Int32
    """`[L]`."""
    alike: tuple[Int16, ...]
    """From the coarsest level on, `[h, w, K, 2]` each; finer levels take the last one's over."""
    prices: tuple[Int32, ...]
    """From the coarsest level on, `[h, w]` each; finer levels have none."""
    frame: Frame = field(default_factory=Frame)
    """What surrounds the photo; levels are of what lies within."""

    @property
    def levels(self) -> int:
        """Number of levels."""
        return len(self.basis)


class PhotoLevels:
    """The levels of a fitted photo, from the finest (0) to the coarsest. Threads may share it.

    Args:
        fit: The photo.
        threads: Threads to make features with.
    """

    def __init__(self, fit: PhotoFit, *, threads: int = 1) -> None:
        """Make the features."""
        self.frame = fit.frame
        self.photo_size: tuple[int, int] = fit.photo.shape[:2]
        """`(H, W)` of the photo, its frame included."""
        self.held = fit.held
        self.count = fit.levels
        images = pyramid(fit.frame.cut(fit.photo), fit.levels)
        self.sizes: tuple[tuple[int, int], ...] = tuple(image.shape[:2] for image in images)
        """`(h, w)` of each."""
        self._features = [
            kernels.place_features(image, basis, bias, shift=int(shift), threads=threads)
            for image, basis, bias, shift in zip(
                images, fit.basis, fit.bias, fit.shift, strict=True
            )
        ]
        self._alike = fit.alike
        self._prices = fit.prices
        self._distinctness: dict[int, npt.NDArray[np.int64]] = {}

    def with_prices(self, prices: tuple[Int32, ...]) -> PhotoLevels:
        """The same levels at other prices, from the coarsest level on."""
        other = copy(self)
        other._prices = prices
        return other

    def check(self, *, fill: float) -> None:
        """Refuse tables that the kernel would refuse, before anything is drawn.

        Args:
            fill: The most that prices will be multiplied with.

        Raises:
            ShapeError: A level is too large, places that are alike lie beyond it, or prices are
                too high.
        """
        nowhere = np.zeros((1, 1, 2), dtype=np.int16)
        guide = np.zeros(1, dtype=np.int32)
        for number in range(self.count):
            kernels.correct_places(
                nowhere,
                self.level(number, fill=fill),
                kernels.PlaceCosts(),
                passes=0,
                row_guides=guide,
                column_guides=guide,
            )

    def can_judge(self, number: int) -> bool:
        """Whether a level has places of its own that are alike, so that it is small too."""
        height, width = self.sizes[number]
        return self.count - 1 - number < len(self._alike) and height * width <= _MOST_JUDGED

    def distinctness(self, number: int) -> npt.NDArray[np.int64]:
        """As `_evenness.distinctness`, of a level that can be judged; made once."""
        if number not in self._distinctness:  # two threads may both make it: the same
            self._distinctness[number] = distinctness(self.level(number, fill=0))
        return self._distinctness[number]

    def level(self, number: int, *, fill: float) -> kernels.PlaceLevel:
        """One level for the kernel.

        Args:
            number: 0 for the finest.
            fill: What prices are multiplied with.
        """
        order = self.count - 1 - number  # from the coarsest on
        own = min(order, len(self._alike) - 1)
        alike = self._alike[own]
        if own < order:  # taken over: the most alike one
            alike = np.ascontiguousarray(alike[:, :, :1])
        prices = None
        if order < len(self._prices):
            # A number that no int32 holds would be any other one.
            dear = np.clip(self._prices[order] * fill, -(1 << 30), 1 << 30)
            prices = np.rint(dear).astype(np.int32)
        return kernels.PlaceLevel(self._features[number], alike, order - own, prices)


def level_count(height: int, width: int, coarsest_px: int) -> int:
    """Levels of a photo whose coarsest one has about `coarsest_px` pixels along the longer side."""
    return 1 + max(0, round(float(np.log2(max(height, width) / coarsest_px))))


def pyramid(photo: ImageArray, levels: int) -> list[ImageArray]:
    """The photo, and each level halved from the one before."""
    images = [photo]
    for _ in range(levels - 1):
        images.append(halved(images[-1]))
    return images


def halved(image: ImageArray) -> ImageArray:
    """Means of 2x2 pixels `[ceil(H / 2), ceil(W / 2), 3]`; an odd last row counts twice."""
    height, width = image.shape[:2]
    even = np.pad(image, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge").astype(np.uint16)
    quarters: Sequence[npt.NDArray[np.uint16]] = (
        even[0::2, 0::2],
        even[0::2, 1::2],
        even[1::2, 0::2],
        even[1::2, 1::2],
    )
    return ((sum(quarters[1:], quarters[0]) + 2) >> 2).astype(np.uint8)
