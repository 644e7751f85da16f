"""The averaged generator, which is what is exported."""

from __future__ import annotations

import copy

import torch
from torch import nn
from torch.optim.swa_utils import get_ema_multi_avg_fn

from petsgan_sdk.models import FreezableInstanceNorm

__all__ = ["AveragedGenerator"]


_NORMS = (FreezableInstanceNorm, nn.BatchNorm2d)


class AveragedGenerator:
    """Exponential moving average of a generator's weights, with its latest norm statistics.

    Args:
        network: What is averaged; it is copied as it is.
        decay: Of the average, in the long run.
    """

    def __init__(self, network: nn.Module, *, decay: float) -> None:
        """Start at the generator's weights."""
        self._decay = decay
        self.generator = copy.deepcopy(network).requires_grad_(False)
        self._averaged = list(self.generator.parameters())
        self._current = list(network.parameters())
        # All other buffers are constants of the run.
        self._averaged_statistics = _statistics(self.generator)
        self._current_statistics = _statistics(network)

    @torch.no_grad()
    def update(self, step: int) -> None:
        """Follow the generator after a step, numbered from 0."""
        # A short memory at first, so that a short run does not export its random beginning.
        decay = min(self._decay, (step + 1) / (step + 10))
        average = get_ema_multi_avg_fn(decay)  # type: ignore[no-untyped-call]
        average(self._averaged, self._current, None)
        for averaged, current in zip(
            self._averaged_statistics, self._current_statistics, strict=True
        ):
            averaged.copy_(current)


def _statistics(generator: nn.Module) -> list[torch.Tensor]:
    norms = (m for m in generator.modules() if isinstance(m, _NORMS))
    return [buffer for norm in norms for buffer in norm.buffers()]
