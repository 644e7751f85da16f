"""Priors by name. To add one, write its file and name its factory in `PRIORS`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from petsgan_sdk.errors import ConfigError
from petsgan_sdk.priors.biggan import create_biggan
from petsgan_sdk.priors.folder import create_folder
from petsgan_sdk.priors.interface import LayoutPrior, PriorFactory, PriorInput
from petsgan_sdk.priors.internal import create_internal
from petsgan_sdk.priors.mixture import MixedPrior
from petsgan_sdk.priors.synthesis import create_synthesis
from petsgan_sdk.settings.typed import nearest

__all__ = ["PRIORS", "PriorChoice", "create_prior", "parse_priors"]

PRIORS: dict[str, PriorFactory] = {
    "biggan": create_biggan,
    "folder": create_folder,
    "internal": create_internal,
    "synthesis": create_synthesis,
}
"""What makes each prior."""


@dataclass(frozen=True, slots=True)
class PriorChoice:
    """The priors of a run, one or several to mix."""

    names: tuple[str, ...]
    """Keys of `PRIORS`."""
    arguments: tuple[str | None, ...]
    """What stood behind each name."""

    @property
    def name(self) -> str:
        """The setting `prior.name`; arguments are no settings, so that a model can move."""
        return "+".join(self.names)


def parse_priors(texts: str | Sequence[str]) -> PriorChoice:
    """Read `name[:argument]`, or several of them to mix in equal shares.

    Args:
        texts: Such as `"internal"`, `"folder:layouts"` or `["internal", "folder:layouts"]`. The
            form of `prior.name`, `"internal+folder"`, is read too, where no argument follows.

    Raises:
        ConfigError: No such prior; the message lists the names.
    """
    pairs: list[tuple[str, str | None]] = []
    for text in [texts] if isinstance(texts, str) else texts:
        first, colon, argument = text.partition(":")
        if colon:
            pairs.append((first, argument))
        else:
            pairs += [(name, None) for name in text.split("+")]
    for name, _ in pairs:
        if name not in PRIORS:
            names = ", ".join(sorted(PRIORS))
            close = nearest(name, PRIORS)
            msg = f"prior: name must be one of {names}, got {name!r}{close}"
            raise ConfigError(msg)
    return PriorChoice(
        names=tuple(name for name, _ in pairs),
        arguments=tuple(argument for _, argument in pairs),
    )


def create_prior(choice: PriorChoice, given: PriorInput) -> LayoutPrior:
    """Make the prior of a run; torch's global generator is left as it was.

    Raises:
        ConfigError: An argument is missing, or given where none is taken.
        InputError: What an argument names cannot be used.
    """
    # What a prior draws while it is made, or does not because it finds a cached result, must not
    # decide the weights that are drawn after it.
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(0)
        pairs = zip(choice.names, choice.arguments, strict=True)
        parts = [PRIORS[name](given, argument) for name, argument in pairs]
    return parts[0] if len(parts) == 1 else MixedPrior(parts)
