"""Where DEPNet's training layouts come from.

A prior is a stream of layouts. `internal` makes them from the photo itself; others plug in here.
"""

from __future__ import annotations

from typing import Protocol

from torch import Generator, Tensor

from petsgan_sdk.errors import ConfigError
from petsgan_sdk.priors.internal import InternalPrior

__all__ = ["PRIORS", "InternalPrior", "LayoutPrior", "check_prior_name", "create_prior"]


class LayoutPrior(Protocol):
    """A stream of layouts for DEPNet."""

    def sample(self, count: int, generator: Generator) -> Tensor:
        """Draw `[count, 3, h, w]` layouts in [-1, 1]."""

    def displaced(self, displacement: Tensor) -> Tensor | None:
        """Return the layouts that displacement fields `[N, 2, h, w]` describe, `[N, 3, h, w]`.

        None if the prior cannot tell; DEPNet is then trained by its critic alone.
        """


PRIORS = {"internal": InternalPrior}
"""Constructors by name, each called with `(low_res, displacement, flip)`."""


def check_prior_name(name: str) -> None:
    """Refuse a prior that does not exist.

    Raises:
        ConfigError: No such prior; the message lists the names.
    """
    if name not in PRIORS:
        msg = f"prior: name must be one of {', '.join(sorted(PRIORS))}, got {name!r}"
        raise ConfigError(msg)


def create_prior(name: str, low_res: Tensor, *, displacement: float, flip: bool) -> LayoutPrior:
    """Make a prior by name.

    Args:
        name: A key of `PRIORS`.
        low_res: `[1, 3, h, w]`, the photo at layout size in [-1, 1].
        displacement: Strength of the layouts' displacement, see `DepNet`.
        flip: Whether mirrored layouts are drawn too.

    Raises:
        ConfigError: No such prior; the message lists the names.
    """
    check_prior_name(name)
    return PRIORS[name](low_res, displacement=displacement, flip=flip)
