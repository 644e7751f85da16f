"""Transferred layouts that IR learns on, and crops of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from petsgan_sdk.models import DipNet, Transferred

__all__ = ["Crop", "TransferPool"]


@dataclass(frozen=True, slots=True)
class Crop:
    """A rectangle on the low-resolution grid."""

    top: int
    left: int
    height: int
    width: int
    factor: int

    def low(self, x: Tensor) -> Tensor:
        """Cut it out of a low-resolution map `[N, C, h, w]`."""
        return x[:, :, self.top : self.top + self.height, self.left : self.left + self.width]

    def high(self, x: Tensor) -> Tensor:
        """Cut it out of a full-resolution map `[N, C, H, W]`."""
        f = self.factor
        rows = slice(f * self.top, f * (self.top + self.height))
        return x[:, :, rows, f * self.left : f * (self.left + self.width)]

    def of(self, transferred: Transferred) -> Transferred:
        """Cut it out of code and texture; weights stay whole."""
        code, texture, weight = transferred
        return Transferred(self.low(code), None if texture is None else self.high(texture), weight)


class TransferPool:
    """Patch transfer of a fixed set of layouts, done once instead of in every step.

    Args:
        network: What transfers.
        make_layouts: Makes the fresh ones, `[K, 3, h, w]`.
        noisy: `[R, 3, h, w]`, copies of c_I with noise.
    """

    def __init__(
        self, network: DipNet, make_layouts: Callable[[], Tensor], *, noisy: Tensor
    ) -> None:
        """Transfer everything."""
        was_training = network.training
        # A resumed run makes the pool once more, which must leave no trace in running averages.
        network.eval()
        with torch.no_grad():
            self._fresh = network.transfer(make_layouts())
            self._noisy = network.transfer(noisy)
        network.train(was_training)

    def fresh(self, numbers: list[int]) -> Transferred:
        """Take some of the fresh layouts."""
        return _take(self._fresh, numbers)

    def noisy(self, number: int) -> Transferred:
        """Take one of the noisy copies of c_I."""
        return _take(self._noisy, [number])


def _take(transferred: Transferred, numbers: list[int]) -> Transferred:
    code, texture, weight = transferred
    return Transferred(
        code[numbers], None if texture is None else texture[numbers], weight[numbers]
    )
