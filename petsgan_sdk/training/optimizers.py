"""Adam with rates that follow from the step alone, and its state as plain named tensors."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from torch import Tensor, nn

from petsgan_sdk._arrays import Array
from petsgan_sdk.errors import CheckpointError

__all__ = ["AdamSchedule", "ScheduledAdam", "Span", "frozen"]

_STATE_KEYS = ("step", "exp_avg", "exp_avg_sq")


class AdamSchedule(Protocol):
    """What the optimizers of a family share."""

    @property
    def betas(self) -> tuple[float, float]:
        """Adam's decay rates."""

    @property
    def warmup(self) -> float:
        """Share of a network's own steps over which its rate rises from 0."""

    @property
    def final(self) -> float:
        """The last rate as a share of the full one."""


@dataclass(frozen=True, slots=True)
class Span:
    """Steps `first` to `last` (excluded) of a run."""

    first: int
    last: int

    def __contains__(self, step: int) -> bool:
        """Whether the step lies inside."""
        return self.first <= step < self.last

    def share(self, step: int) -> float:
        """How much of the span is over at `step`, 0 to 1."""
        return (step - self.first) / max(1, self.last - self.first)


class ScheduledAdam:
    """Adam on one network during one span of the run.

    Args:
        parameters: What to train.
        learning_rate: The full rate.
        schedule: Betas, warm-up and final share.
        span: When it is used.
        drop_at: Share of the span at which the rate falls to the final one at once; 0 has it follow
            a cosine.
    """

    def __init__(
        self,
        parameters: Iterable[nn.Parameter],
        *,
        learning_rate: float,
        schedule: AdamSchedule,
        span: Span,
        drop_at: float = 0.0,
    ) -> None:
        """Build it."""
        self._parameters = list(parameters)
        self._schedule = schedule
        self._drop_at = drop_at
        self._full_rate = learning_rate
        self.span = span
        self._adam = torch.optim.Adam(self._parameters, lr=learning_rate, betas=schedule.betas)

    def update(self, loss: Tensor, step: int) -> None:
        """Take a loss's gradients, none of before, and make a step of Adam with them.

        Args:
            loss: A scalar.
            step: Of the run, which decides the rate.
        """
        self.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        self.step(step)

    def zero_grad(self) -> None:
        """Drop gradients."""
        self._adam.zero_grad(set_to_none=True)

    def step(self, step: int) -> None:
        """Update with the rate that belongs to this step of the run."""
        for group in self._adam.param_groups:
            group["lr"] = self._full_rate * self._factor(self.span.share(step))
        self._adam.step()

    def _factor(self, share: float) -> float:
        schedule = self._schedule
        if share < schedule.warmup:
            return (share + 1e-3) / (schedule.warmup + 1e-3)
        if self._drop_at > 0:
            return schedule.final if share >= self._drop_at else 1.0
        done = (share - schedule.warmup) / (1 - schedule.warmup)
        return schedule.final + (1 - schedule.final) * (1 + math.cos(math.pi * done)) / 2

    def state(self) -> dict[str, Array]:
        """Moments by `<parameter number>.<name>`; empty before the first step."""
        return {
            f"{number}.{key}": self._adam.state[parameter][key].detach().cpu().numpy().copy()
            for number, parameter in enumerate(self._parameters)
            if parameter in self._adam.state
            for key in _STATE_KEYS
        }

    def load(self, state: Mapping[str, Array]) -> None:
        """Restore what `state` returned.

        Raises:
            CheckpointError: A tensor is missing or of another shape.
        """
        if not state:
            return  # its first step is still to come
        unknown = sorted(
            state.keys()
            - {f"{n}.{key}" for n in range(len(self._parameters)) for key in _STATE_KEYS}
        )
        if unknown:
            msg = f"checkpoint: optimizer tensor {unknown[0]} must belong to a parameter, got none"
            raise CheckpointError(msg)
        for number, parameter in enumerate(self._parameters):
            for key in _STATE_KEYS:
                name = f"{number}.{key}"
                expected = () if key == "step" else tuple(parameter.shape)
                found = tuple(state[name].shape) if name in state else None
                if found != expected or state[name].dtype != np.float32:
                    msg = f"checkpoint: optimizer tensor {name} must have shape {expected}, "
                    raise CheckpointError(msg + f"got {found}")
                # Adam keeps its step counter on the CPU.
                device = "cpu" if key == "step" else parameter.device
                self._adam.state[parameter][key] = torch.from_numpy(state[name]).to(device)


@contextmanager
def frozen(critic: nn.Module) -> Iterator[None]:
    """No gradients of weights inside: a generator's step has no use for its critic's."""
    critic.requires_grad_(False)
    try:
        yield
    finally:
        critic.requires_grad_(True)
