"""Transferred layouts that IR learns on, and crops of them."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from petsgan_sdk.models import DipNet, Transferred
from petsgan_sdk.training.crops import Crop

__all__ = ["TransferPool", "cropped"]


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


def cropped(transferred: Transferred, crop: Crop, *, factor: int) -> Transferred:
    """Cut code, and texture `factor` times as large; weights stay whole."""
    code, texture, weight = transferred
    large = None if texture is None else crop.of(texture, factor)
    return Transferred(crop.of(code), large, weight)


def _take(transferred: Transferred, numbers: list[int]) -> Transferred:
    code, texture, weight = transferred
    return Transferred(
        code[numbers], None if texture is None else texture[numbers], weight[numbers]
    )
